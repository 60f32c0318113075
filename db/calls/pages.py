"""Calls in the order in which they started, a page at a time, and one call by its name.

A page is found by its place in that order, so each costs the same wherever it is, and what is
written meanwhile moves no call from one page to another.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from call_analytics.db.calls.page_statements import (
    LARGEST_ID,
    LEAST_ID,
    STATUSES,
    PageShape,
    count_statement,
    one_statement,
    page_statement,
)
from call_analytics.db.figures.prepared import PreparedSelect
from call_analytics.db.figures.query import FigureQuery, Window
from call_analytics.db.figures.reader import Reading
from call_analytics.db.figures.sources import ASSISTANT_IDS
from call_analytics.db.figures.tile_tables import TILE_TABLES
from call_analytics.db.organizations import StoredAssistant
from call_analytics.db.tenant import Tenancy

LAST_INSTANT = datetime.max  # noqa: DTZ901 - stored timestamps have no zone


class Position(NamedTuple):
    """The place of a call among others: ascending by timestamp, then by id."""

    started_at: datetime
    id: int


class StoredCall(NamedTuple):
    """A call. Timestamps carry no zone and are UTC."""

    id: int
    call_sid: str
    assistant: StoredAssistant
    to_phone_number: str | None
    customer_phone_number: str | None
    status: str
    duration: int | None
    """Seconds."""
    started_at: datetime | None
    """None where what is stored is no instant of the years 1 to 9999, and so is ``ended_at``."""
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class PageQuery:
    """Which page of a window's calls is asked for: some of those between two places."""

    window: int
    """Which of the windows that are asked for at once."""
    size: int
    """How many calls at most; 0 reads none."""
    is_earliest: bool
    """Whether it is the first so many of these calls, and not the last."""
    above: Position | None = None
    """Only what comes after this place; not the call that is there."""
    below: Position | None = None
    """Only what comes before this place; not the call that is there."""
    statuses: tuple[str, ...] | None = None
    """None is any."""
    counts: bool = False
    """Whether all calls of the window are counted, those outside the page too."""


class CallRows(NamedTuple):
    """A page."""

    calls: tuple[StoredCall, ...]
    """Ascending."""
    has_earlier: bool
    """Whether the window has calls before these."""
    has_later: bool
    total: int | None
    """How many calls the window has, where they were to be counted."""


class _Scope(NamedTuple):
    """Whose calls they are, and of which assistants; None is all of the organization's."""

    organization_id: int
    assistant_ids: tuple[int, ...] | None
    tenancy: Tenancy


class _Range(NamedTuple):
    """Two places and all between them."""

    first: Position
    last: Position

    def above(self, place: Position) -> "_Range":
        """What comes after a place."""
        return self.since(place._replace(id=place.id + 1))

    def below(self, place: Position) -> "_Range":
        """What comes before a place."""
        return self.until(place._replace(id=place.id - 1))

    def since(self, place: Position) -> "_Range":
        """What is at a place or comes after it."""
        return _Range(max(self.first, place), self.last)

    def until(self, place: Position) -> "_Range":
        """What is at a place or comes before it."""
        return _Range(self.first, min(self.last, place))


def reading_of_page(query: FigureQuery, page: PageQuery) -> Reading:
    """How a page of the calls that a query counts is read."""

    async def reading(connection: AsyncConnection, tenancy: Tenancy) -> CallRows:
        scope = _Scope(query.organization_id, query.assistant_ids, tenancy)
        return await _read_page(connection, scope, query.windows[page.window], page)

    return reading


def reading_of_call(organization_id: int, name: int | str) -> Reading:
    """How an organization's call of this id or of this SID is read; None where it has none.

    It may have started at any time. Where several have the SID, which an attached database does not
    rule out, it is the first.
    """

    async def reading(connection: AsyncConnection, tenancy: Tenancy) -> StoredCall | None:
        statement = one_statement(tenancy, connection.dialect, by_sid=isinstance(name, str))
        parameters = {"organization_id": organization_id, "name": name}
        rows = await statement.rows(connection, parameters)
        return _stored(rows[0]) if rows else None

    return reading


async def _read_page(
    connection: AsyncConnection, scope: _Scope, window: Window, page: PageQuery
) -> CallRows:
    """A page of the calls of a window.

    What it says agrees where the connection is in a transaction that sees one snapshot.
    """
    reader = _Reader(connection, scope, page.statuses)
    all_calls = _range(window)
    total = await reader.count(all_calls) if page.counts else None
    if not page.size:
        return CallRows((), has_earlier=False, has_later=False, total=total)
    between = all_calls
    has_earlier = has_later = False
    if page.above is not None:
        between = between.above(page.above)
        has_earlier = await reader.is_any(all_calls.until(page.above))
    if page.below is not None:
        between = between.below(page.below)
        has_later = await reader.is_any(all_calls.since(page.below))
    calls = await reader.calls(between, page.size + 1, is_earliest=page.is_earliest)
    is_more = len(calls) > page.size
    if page.is_earliest:
        return CallRows(calls[: page.size], has_earlier, has_later or is_more, total)
    return CallRows(calls[-page.size :], has_earlier or is_more, has_later, total)


def _range(window: Window) -> _Range:
    # The end itself does not count: no call has the least of ids.
    last = Position(LAST_INSTANT, LARGEST_ID)
    return _Range(
        Position(window.start, LEAST_ID),
        last if window.end is None else Position(window.end, LEAST_ID),
    )


class _Reader:
    """Reads calls of one scope and of some statuses."""

    def __init__(
        self, connection: AsyncConnection, scope: _Scope, statuses: tuple[str, ...] | None
    ) -> None:
        self._connection = connection
        self._scope = scope
        self._has_statuses = statuses is not None
        tables = TILE_TABLES[connection.dialect.name]
        self._parameters: dict[str, Any] = {"organization_id": scope.organization_id}
        if scope.assistant_ids is not None:
            self._parameters[ASSISTANT_IDS] = tables.values_parameter(scope.assistant_ids)
        if statuses is not None:
            self._parameters[STATUSES] = tables.values_parameter(statuses)

    async def calls(
        self, places: _Range, limit: int, *, is_earliest: bool
    ) -> tuple[StoredCall, ...]:
        """The first or the last calls of a range, ascending."""
        statement = page_statement(self._shape(is_earliest=is_earliest), self._connection.dialect)
        rows = await self._rows(statement, places, {"limit": limit})
        calls = tuple(map(_stored, rows))
        return calls if is_earliest else calls[::-1]

    async def is_any(self, places: _Range) -> bool:
        """Whether there are calls in a range."""
        return bool(await self.calls(places, 1, is_earliest=True))

    async def count(self, places: _Range) -> int:
        """How many calls there are in a range."""
        statement = count_statement(self._shape(is_earliest=True), self._connection.dialect)
        rows = await self._rows(statement, places, {})
        total: int = rows[0].total
        return total

    def _shape(self, *, is_earliest: bool) -> PageShape:
        is_narrowed = self._scope.assistant_ids is not None
        return PageShape(self._scope.tenancy, is_narrowed, self._has_statuses, is_earliest)

    async def _rows(
        self, statement: PreparedSelect, places: _Range, others: dict[str, Any]
    ) -> list[Any]:
        parameters = {
            **self._parameters,
            "first": places.first.started_at,
            "first_id": places.first.id,
            "last": places.last.started_at,
            "last_id": places.last.id,
            **others,
        }
        return await statement.rows(self._connection, parameters)


def _stored(row: Any) -> StoredCall:  # noqa: ANN401 - a row of the database
    return StoredCall(
        row.id,
        row.call_sid,
        StoredAssistant(row.assistant_id, row.assistant_name, bool(row.is_active)),
        row.to_phone_number,
        row.customer_phone_number,
        row.status,
        row.duration,
        _in_utc(row.started_at),
        _in_utc(row.ended_at),
    )


def _in_utc(moment: datetime | None) -> datetime | None:
    """A timestamp without a zone; an attached platform's may carry one."""
    if moment is None or moment.tzinfo is None:
        return moment
    return moment.astimezone(UTC).replace(tzinfo=None)
