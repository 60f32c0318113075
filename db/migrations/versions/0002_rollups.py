"""The rollups, which a managed database has from the beginning."""

from alembic import op

from db.rollup_upkeep import append_difference, create_rollups, mark_ready
from db.rollups import assistants_with_rows

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Apply this revision."""
    connection = op.get_bind()
    create_rollups(connection)
    for assistant_id in connection.scalars(assistants_with_rows()).all():
        append_difference(connection, assistant_id)
    mark_ready(connection)
