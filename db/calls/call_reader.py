"""Reads calls in the order in which they started, between two places of that order."""

from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from call_analytics.db.calls.page_statements import (
    LARGEST_ID,
    LEAST_ID,
    STATUSES,
    PageShape,
    count_statement,
    page_statement,
)
from call_analytics.db.figures.prepared import PreparedSelect
from call_analytics.db.figures.query import Window
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


class Scope(NamedTuple):
    """Which calls are read."""

    organization_id: int
    tenancy: Tenancy
    assistant_ids: tuple[int, ...] | None = None
    """None is all of the organization's."""
    statuses: tuple[str, ...] | None = None
    """None is any."""


class Range(NamedTuple):
    """Two places and all between them."""

    first: Position
    last: Position

    def above(self, place: Position) -> "Range":
        """What comes after a place."""
        return self.since(place._replace(id=place.id + 1))

    def below(self, place: Position) -> "Range":
        """What comes before a place."""
        return self.until(place._replace(id=place.id - 1))

    def since(self, place: Position) -> "Range":
        """What is at a place or comes after it."""
        return Range(max(self.first, place), self.last)

    def until(self, place: Position) -> "Range":
        """What is at a place or comes before it."""
        return Range(self.first, min(self.last, place))


def range_of(window: Window) -> Range:
    """The places of a window."""
    # The end itself does not count: no call has the least of ids.
    last = Position(LAST_INSTANT, LARGEST_ID)
    return Range(
        Position(window.start, LEAST_ID),
        last if window.end is None else Position(window.end, LEAST_ID),
    )


class CallReader:
    """Reads calls of one scope."""

    def __init__(self, connection: AsyncConnection, scope: Scope) -> None:
        self._connection = connection
        self._scope = scope
        tables = TILE_TABLES[connection.dialect.name]
        self._parameters: dict[str, Any] = {"organization_id": scope.organization_id}
        if scope.assistant_ids is not None:
            self._parameters[ASSISTANT_IDS] = tables.values_parameter(scope.assistant_ids)
        if scope.statuses is not None:
            self._parameters[STATUSES] = tables.values_parameter(scope.statuses)

    async def calls(
        self, places: Range, limit: int, *, is_earliest: bool, is_short: bool = False
    ) -> tuple[StoredCall, ...]:
        """The first or the last calls of a range, ascending.

        Where the range is said to be short, all its calls may be looked at to find them.
        """
        shape = self._shape(is_earliest=is_earliest, is_short=is_short)
        statement = page_statement(shape, self._connection.dialect)
        rows = await self._rows(statement, places, {"limit": limit})
        calls = tuple(map(stored_call, rows))
        return calls if is_earliest else calls[::-1]

    async def is_any(self, places: Range) -> bool:
        """Whether there are calls in a range."""
        return bool(await self.calls(places, 1, is_earliest=True))

    async def count(self, places: Range) -> int:
        """How many calls there are in a range."""
        statement = count_statement(self._shape(is_earliest=True), self._connection.dialect)
        rows = await self._rows(statement, places, {})
        total: int = rows[0].total
        return total

    def _shape(self, *, is_earliest: bool, is_short: bool = False) -> PageShape:
        return PageShape(
            self._scope.tenancy,
            is_narrowed=self._scope.assistant_ids is not None,
            has_statuses=self._scope.statuses is not None,
            is_earliest=is_earliest,
            is_short=is_short,
        )

    async def _rows(
        self, statement: PreparedSelect, places: Range, others: dict[str, Any]
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


def stored_call(row: Any) -> StoredCall:  # noqa: ANN401 - a row of the database
    """The call of a row of these statements."""
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
