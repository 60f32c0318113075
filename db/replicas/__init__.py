"""Replicas: databases that answer in place of the primary, and how old their answers are."""
