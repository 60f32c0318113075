"""All calls of a window, the newest first, in batches of one snapshot.

A batch is a statement of its own, and holds no more than a bounded number of calls. So an export of
any size needs the same memory, no time limit of a statement cuts it, and it can end between two.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

from call_analytics.db.calls.call_reader import (
    CallReader,
    Position,
    Range,
    Scope,
    StoredCall,
    range_of,
)
from call_analytics.db.calls.page_statements import LEAST_ID
from call_analytics.db.engine import ping, snapshot_transaction
from call_analytics.db.figures.query import Window
from call_analytics.db.replicas.servers import Server
from call_analytics.db.tenant import Tenancy, tenancy_of

BATCH_CALLS = 500
FIRST_STRETCH = timedelta(hours=1)
SHORTEST_STRETCH = timedelta(microseconds=1)
LONGEST_STRETCH = timedelta(days=3_660)


@dataclass(frozen=True, slots=True)
class ExportQuery:
    """Which calls are exported."""

    organization_id: int
    window: Window
    assistant_ids: tuple[int, ...] | None = None
    """None is all of the organization's."""
    statuses: tuple[str, ...] | None = None
    """None is any."""


async def exported_calls(
    server: Server, query: ExportQuery
) -> AsyncGenerator[tuple[StoredCall, ...]]:
    """The calls in batches, of which none is empty.

    A transaction is open until the iterator ends or is closed.

    Raises:
        Stale: where a replica may be older than it may be.
        ConnectionsInUse, DatabaseUnavailable: as ``connect``, also after some batches.
    """
    # A connection that was lost since it was last used is found now, not in the middle of a file.
    await ping(server.database)
    check_age = server.age_of_next_snapshot()
    async with snapshot_transaction(server.database) as connection:
        await check_age(connection)
        tenancy = await connection.run_sync(tenancy_of)
        scope = Scope(query.organization_id, tenancy, query.assistant_ids, query.statuses)
        reader = CallReader(connection, scope)
        calls = range_of(query.window)
        read = _in_order if tenancy is Tenancy.BY_ORGANIZATION else _by_stretches
        async for batch in read(reader, calls):
            yield batch


async def _in_order(reader: CallReader, calls: Range) -> AsyncIterator[tuple[StoredCall, ...]]:
    """Where an index has the organization's calls in their order."""
    while batch := await _last(reader, calls):
        yield batch
        calls = calls.below(_place(batch[-1]))


async def _by_stretches(reader: CallReader, calls: Range) -> AsyncIterator[tuple[StoredCall, ...]]:
    """Where an index has each assistant's calls in their order.

    A stretch of time is so long that it has about a batch of calls, which are then sorted.
    """
    length = FIRST_STRETCH
    batch = await reader.calls(calls, 1, is_earliest=False)
    while batch:
        place = _place(batch[-1])
        calls = calls.until(place)
        start = max(calls.first.started_at, place.started_at - length)
        stretch = calls.since(Position(start, LEAST_ID))
        batch = await _last(reader, stretch)
        yield batch
        if len(batch) == BATCH_CALLS:
            calls = calls.below(_place(batch[-1]))
            length = max(length / 2, SHORTEST_STRETCH)
        else:
            calls = calls.until(stretch.first)  # where no call is: none has the least of ids
            length = min(length * 2, LONGEST_STRETCH)
        batch = await reader.calls(calls, 1, is_earliest=False)


async def _last(reader: CallReader, calls: Range) -> tuple[StoredCall, ...]:
    """The last calls of a range, the newest first."""
    batch = await reader.calls(calls, BATCH_CALLS, is_earliest=False, is_short=True)
    return batch[::-1]


def _place(call: StoredCall) -> Position:
    assert call.started_at is not None, "what has no start is in no window"
    return Position(call.started_at, call.id)
