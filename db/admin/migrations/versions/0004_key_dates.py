"""When a key was made; of keys that are there already it is not known."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Apply this revision."""
    op.add_column("user_api_keys", sa.Column("created_at", sa.DateTime))
