"""The tables of the platform's data model, with the index that answers are read from."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Apply this revision."""
    op.create_table(
        "organizations",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("slug", sa.String(100), nullable=False, unique=True),
        sa.Column("is_active", sa.Boolean, nullable=False, server_default=sa.true()),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Integer, primary_key=True),
        _reference("organization_id", "organizations", index=True),
        sa.Column("email", sa.String(255), nullable=False),
        sa.Column("full_name", sa.String(100), nullable=False),
        sa.Column("is_active", sa.Boolean, nullable=False, server_default=sa.true()),
    )
    op.create_table(
        "user_api_keys",
        sa.Column("id", sa.Integer, primary_key=True),
        _reference("user_id", "users", index=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("key_hash", sa.String(255), nullable=False, unique=True),
        sa.Column("key_prefix", sa.String(20), nullable=False),
        sa.Column("is_active", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.Column("rate_limit", sa.JSON),
        sa.Column("last_used_at", sa.DateTime),
        sa.Column("usage_count", sa.Integer, nullable=False, server_default="0"),
    )
    op.create_table(
        "assistants",
        sa.Column("id", sa.Integer, primary_key=True),
        _reference("organization_id", "organizations", index=True),
        _reference("user_id", "users", index=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("is_active", sa.Boolean, server_default=sa.true()),
    )
    op.create_table(
        "calls",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("call_sid", sa.String(100), nullable=False, unique=True),
        _reference("assistant_id", "assistants", index=False),
        sa.Column("to_phone_number", sa.String(20), nullable=False),
        sa.Column("customer_phone_number", sa.String(20), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("duration", sa.Integer),
        sa.Column("started_at", sa.DateTime),
        sa.Column("ended_at", sa.DateTime),
        sa.Column("call_meta", sa.JSON),
        sa.Index("ix_calls_analytics", "assistant_id", "started_at", "status", "duration"),
    )


def _reference(name: str, table: str, *, index: bool) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, sa.ForeignKey(f"{table}.id"), nullable=False, index=index)
