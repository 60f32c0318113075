"""Alembic's scripts for a managed database; an attached one is never migrated."""
