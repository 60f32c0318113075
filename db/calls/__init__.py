"""Calls, one by one: export files, and how they get into a managed database."""
