"""Storing many calls at once, each new or an update of the call with the same SID."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Column, DateTime, Integer, MetaData, String, Table, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from db.dialects import backend_of
from db.models import Assistant, Call
from db.organizations import service_user_id

UPDATED = (
    "assistant_id",
    "customer_phone_number",
    "status",
    "duration",
    "started_at",
    "ended_at",
)
"""The columns that a later row of the same call replaces."""

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


class Stored(NamedTuple):
    """What became of a batch of calls."""

    added: int
    updated: int
    foreign: list[int]
    """Numbers of those whose SID is another organization's call, which stayed as it was."""


async def store_calls(
    connection: AsyncConnection, organization_id: int, calls: Sequence[StagedCall]
) -> Stored:
    """Store calls of one organization, whose SIDs must differ, in the current transaction."""
    backend = backend_of(connection.dialect)
    await connection.run_sync(_staged_calls.create)
    await backend.bulk_insert(connection, _staged_calls, calls)

    known = (
        select(_staged_calls.c.number, Assistant.organization_id)
        .join(Call, Call.call_sid == _staged_calls.c.call_sid)
        .join(Assistant, Assistant.id == Call.assistant_id)
    )
    foreign = known.where(Assistant.organization_id != organization_id)
    foreign_numbers = sorted(await connection.scalars(foreign))
    known_count = await connection.scalar(select(func.count()).select_from(known.subquery()))
    assert known_count is not None

    names = [column.name for column in _staged_calls.columns if column.name != "number"]
    insertion = backend.upsert(Call).from_select(
        names,
        select(*(_staged_calls.c[name] for name in names)).where(
            _staged_calls.c.number.not_in(foreign.with_only_columns(_staged_calls.c.number))
        ),
    )
    await connection.execute(
        insertion.on_conflict_do_update(
            index_elements=["call_sid"], set_={name: insertion.excluded[name] for name in UPDATED}
        )
    )
    await connection.run_sync(_staged_calls.drop)
    updated = known_count - len(foreign_numbers)
    return Stored(len(calls) - known_count, updated, foreign_numbers)


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
