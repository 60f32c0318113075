"""Storing many calls at once, each new or an update of the call with the same SID."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import (
    Column,
    ColumnElement,
    DateTime,
    Integer,
    MetaData,
    String,
    Table,
    func,
    insert,
    literal,
    literal_column,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from call_analytics.db.admin.organizations import service_user_id
from call_analytics.db.dialects import backend_of
from call_analytics.db.errors import OperatorError
from call_analytics.db.models import Assistant, Call, Organization

Insertion: TypeAlias = sqlite.Insert | postgresql.Insert

UPDATED = (
    "assistant_id",
    "customer_phone_number",
    "status",
    "duration",
    "started_at",
    "ended_at",
)
"""The columns that a later row of the same call replaces."""

KEY = ("organization_id", "call_sid")
"""What tells one call from another."""

_staged_calls = Table(
    "staged_calls",
    MetaData(),
    Column("number", Integer, primary_key=True),
    Column("call_sid", String, nullable=False, unique=True),
    Column("assistant_id", Integer, nullable=False),
    Column("to_phone_number", String, nullable=False),
    Column("customer_phone_number", String, nullable=False),
    Column("status", String, nullable=False),
    Column("duration", Integer),
    Column("started_at", DateTime),
    Column("ended_at", DateTime),
    prefixes=["TEMPORARY"],
)


class StagedCall(NamedTuple):
    """A call to be stored."""

    number: int
    """Tells the calls of one batch apart."""
    call_sid: str
    assistant_id: int
    to_phone_number: str
    customer_phone_number: str
    status: str
    duration: int | None
    started_at: datetime | None
    ended_at: datetime | None


async def lock_organization(connection: AsyncConnection, organization_id: int) -> None:
    """Make other imports into this organization wait until the transaction ends.

    So none of them uses an assistant that may yet be rolled back, or makes the same one again.

    Raises:
        OperatorError: where the organization was removed just now.
    """
    organization = select(Organization.id).where(Organization.id == organization_id)
    if await connection.scalar(organization.with_for_update(key_share=True)) is None:
        raise OperatorError("the organization has been removed")


async def store_calls(
    connection: AsyncConnection, organization_id: int, calls: Sequence[StagedCall]
) -> int:
    """Store calls of one organization, whose SIDs must differ, in the current transaction.

    Returns how many of them were added; the others were updated. Each statement decides row by
    row, and waits for any other transaction that is writing the same call at that moment. Calls of
    other organizations are out of reach: a SID is looked for among the organization's own.
    """
    new = await _store(
        connection,
        organization_id,
        calls,
        lambda insertion: insertion.on_conflict_do_nothing(index_elements=KEY),
    )
    known = [call for call in calls if call.call_sid not in new]
    await _store(
        connection,
        organization_id,
        known,
        lambda insertion: insertion.on_conflict_do_update(
            index_elements=KEY,
            set_={name: insertion.excluded[name] for name in UPDATED}
            | {"to_phone_number": _given_or_kept(insertion.excluded.to_phone_number)},
        ),
    )
    return len(new)


def _given_or_kept(number: ColumnElement[str]) -> ColumnElement[str]:
    """The number that a row of a file has; the platform's exports have none."""
    # Not a parameter: Citus would not know its type.
    empty: ColumnElement[str] = literal_column("''")
    return func.coalesce(func.nullif(number, empty), Call.to_phone_number)


async def _store(
    connection: AsyncConnection,
    organization_id: int,
    calls: Sequence[StagedCall],
    settle_conflicts: Callable[[Insertion], Insertion],
) -> set[str]:
    """Insert calls in one statement; returns the SIDs of those that it inserted or updated."""
    if not calls:
        return set()
    backend = backend_of(connection.dialect)
    await connection.run_sync(_staged_calls.create)
    await backend.bulk_insert(connection, _staged_calls, calls)
    columns: dict[str, ColumnElement[Any]] = dict(_staged_calls.columns.items())
    del columns["number"]
    columns["organization_id"] = literal(organization_id, Call.organization_id.type)
    # In order of the SIDs, or two statements could wait for each other. (SQLite needs some word
    # between the table and ON CONFLICT.)
    rows = select(*columns.values()).order_by(_staged_calls.c.call_sid)
    insertion = settle_conflicts(backend.upsert(Call).from_select(list(columns), rows))
    stored = set(await connection.scalars(insertion.returning(Call.call_sid)))
    await connection.run_sync(_staged_calls.drop)
    return stored


async def assistants_by_name(connection: AsyncConnection, organization_id: int) -> dict[str, int]:
    """The organization's assistants; of several with one name, the first."""
    rows = await connection.execute(
        select(Assistant.name, Assistant.id)
        .where(Assistant.organization_id == organization_id)
        .order_by(Assistant.id.desc())
    )
    return dict(rows.all())


async def create_assistant(
    connection: AsyncConnection, organization_id: int, name: str, *, is_active: bool = True
) -> int:
    """Add an assistant and return its id."""
    result = await connection.execute(
        insert(Assistant)
        .values(
            organization_id=organization_id,
            user_id=await service_user_id(connection, organization_id),
            name=name,
            is_active=is_active,
        )
        .returning(Assistant.id)
    )
    return result.scalar_one()
