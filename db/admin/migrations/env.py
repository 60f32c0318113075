"""Runs the revisions on the connection that ``db.admin.migrate`` hands over."""

from alembic import context

from call_analytics.db.models import VERSION_TABLE, Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
