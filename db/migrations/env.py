"""Runs the revisions on the connection that ``db.migrate`` hands over."""

from alembic import context

from db.models import Base
from db.ownership import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
