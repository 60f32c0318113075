"""The tables, with the column names and types of the calling platform.

Only the columns that the service uses are declared; an attached platform's tables may have any
others. Timestamps carry no zone and are UTC; durations are whole seconds.

A managed database keys calls by organization. An attached one has no such key, and no column that
is marked as ``OPTIONAL``.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    UniqueConstraint,
    text,
    true,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

VERSION_TABLE = "call_analytics_version"
"""The table that only this service's migrations create."""
OPTIONAL = "optional"
"""Marks, in a column's ``info``, one that an attached platform need not have."""


_WIDE = BigInteger().with_variant(Integer, "sqlite")
"""The type of an id of 64 bits. SQLite counts up only what is called INTEGER, which is as wide."""


def _utc_now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


class Base(DeclarativeBase):
    """The declarative base; its metadata names every constraint the same way everywhere."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Organization(Base):
    """A tenant of the platform."""

    __tablename__ = "organizations"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    slug: Mapped[str] = mapped_column(String(100), unique=True)
    is_active: Mapped[bool] = mapped_column(default=True, server_default=true())


class User(Base):
    """A person of an organization, who owns API keys and assistants."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    organization_id: Mapped[int] = mapped_column(ForeignKey("organizations.id"), index=True)
    email: Mapped[str] = mapped_column(String(255))
    full_name: Mapped[str] = mapped_column(String(100))
    is_active: Mapped[bool] = mapped_column(default=True, server_default=true())


class UserApiKey(Base):
    """An API key; only its SHA-256 (lower-case hex, of the whole key) is stored."""

    __tablename__ = "user_api_keys"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    key_hash: Mapped[str] = mapped_column(String(255), unique=True)
    key_prefix: Mapped[str] = mapped_column(String(20))
    is_active: Mapped[bool] = mapped_column(default=True, server_default=true())
    rate_limit: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    last_used_at: Mapped[datetime | None]
    usage_count: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    created_at: Mapped[datetime | None] = mapped_column(default=_utc_now, info={OPTIONAL: True})


class Assistant(Base):
    """A voice assistant that makes and takes calls for an organization."""

    __tablename__ = "assistants"

    id: Mapped[int] = mapped_column(primary_key=True)
    organization_id: Mapped[int] = mapped_column(ForeignKey("organizations.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    is_active: Mapped[bool | None] = mapped_column(default=True, server_default=true())

    # What the calls refer to.
    __table_args__ = (
        Index("ix_assistants_organization_id_id", "organization_id", "id", unique=True),
    )


class Call(Base):
    """A phone call of an assistant."""

    __tablename__ = "calls"

    id: Mapped[int] = mapped_column(_WIDE, primary_key=True)
    organization_id: Mapped[int] = mapped_column(info={OPTIONAL: True})
    """The organization of the assistant, which cannot change it while it has calls."""
    call_sid: Mapped[str] = mapped_column(String(100))
    assistant_id: Mapped[int]
    to_phone_number: Mapped[str] = mapped_column(String(20))
    customer_phone_number: Mapped[str] = mapped_column(String(20))
    status: Mapped[str] = mapped_column(String(20))
    duration: Mapped[int | None]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    call_meta: Mapped[dict[str, Any] | None] = mapped_column(JSON)

    __table_args__ = (
        UniqueConstraint("organization_id", "call_sid"),
        ForeignKeyConstraint(
            ["organization_id", "assistant_id"], ["assistants.organization_id", "assistants.id"]
        ),
        # Everything a figure needs is in the index, so answering never reads the table itself.
        # The id comes before what is only carried: in this order calls are listed, newest last.
        Index(
            "ix_calls_organization_started",
            *("organization_id", "started_at", "id", "assistant_id", "status", "duration"),
        ),
        # For calls of one assistant: to list them, to sum them up anew, and to see that none is
        # left where an assistant goes.
        Index("ix_calls_organization_assistant", "organization_id", "assistant_id", "started_at"),
    )
