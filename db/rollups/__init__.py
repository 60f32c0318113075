"""Rollups: stored sums of calls, the triggers that keep them, and their upkeep."""
