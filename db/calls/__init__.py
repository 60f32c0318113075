"""Calls, one by one: pages of them, and files of them and how they get into a managed database."""
