"""Calls in the order in which they started, a page at a time, and one call by its name.

A page is found by its place in that order, so each costs the same wherever it is, and what is
written meanwhile moves no call from one page to another.
"""

from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from call_analytics.db.calls.call_reader import (
    CallReader,
    Position,
    Scope,
    StoredCall,
    range_of,
    stored_call,
)
from call_analytics.db.calls.page_statements import one_statement
from call_analytics.db.figures.query import FigureQuery, Window
from call_analytics.db.figures.reader import Reading
from call_analytics.db.tenant import Tenancy


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


def reading_of_page(query: FigureQuery, page: PageQuery) -> Reading:
    """How a page of the calls that a query counts is read."""

    async def reading(connection: AsyncConnection, tenancy: Tenancy) -> CallRows:
        scope = Scope(query.organization_id, tenancy, query.assistant_ids, page.statuses)
        reader = CallReader(connection, scope)
        return await _read_page(reader, query.windows[page.window], page)

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
        return stored_call(rows[0]) if rows else None

    return reading


async def _read_page(reader: CallReader, window: Window, page: PageQuery) -> CallRows:
    """A page of the calls of a window.

    What it says agrees where the connection is in a transaction that sees one snapshot.
    """
    all_calls = range_of(window)
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
