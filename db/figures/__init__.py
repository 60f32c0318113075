"""Figures: what is counted and summed, and the statement that reads it."""
