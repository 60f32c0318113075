"""The calls behind a figure: which page of them is asked for, and the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import NamedTuple

from call_analytics.db.calls.call_reader import Position, StoredCall
from call_analytics.db.calls.page_statements import LARGEST_ID
from call_analytics.db.calls.pages import CallRows, PageQuery
from call_analytics.db.organizations import StoredAssistant
from call_analytics.resolvers.cursors import cursor_of, position_of
from call_analytics.resolvers.errors import BadInput

DEFAULT_PAGE_SIZE = 20
MAX_PAGE_SIZE = 500
"""Calls of all pages of one answer."""
MAX_STATUSES_ASKED = 100

FIGURES_OF_STATUSES = {
    "completed": "completed_calls",
    "failed": "failed_calls",
    "ongoing": "ongoing_calls",
}
"""Statuses whose calls a figure counts."""


class CallOrder(Enum):
    """The order of calls: by start, ties by id."""

    NEWEST_FIRST = "newest_first"
    OLDEST_FIRST = "oldest_first"


@dataclass(frozen=True, slots=True)
class CallPage:
    """A page that is asked for, as a client names it."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None
    statuses: tuple[str, ...] | None = None
    """Ascending, each once. None is any."""
    order: CallOrder = CallOrder.NEWEST_FIRST

    @property
    def size(self) -> int:
        """How many calls it has at most."""
        if self.last is not None:
            return self.last
        return DEFAULT_PAGE_SIZE if self.first is None else self.first


@dataclass(frozen=True, slots=True)
class PageSelection:
    """What of a page is selected."""

    has_calls: bool = False
    has_total: bool = False

    def __or__(self, other: "PageSelection") -> "PageSelection":
        """What either selects."""
        return PageSelection(
            has_calls=self.has_calls or other.has_calls,
            has_total=self.has_total or other.has_total,
        )


class CallRow(NamedTuple):
    """A call as clients see it; timestamps are in UTC."""

    id: str
    call_sid: str
    assistant: StoredAssistant
    to_phone_number: str | None
    customer_phone_number: str | None
    status: str
    duration: int | None
    """Seconds."""
    started_at: datetime | None
    ended_at: datetime | None


class CallEdge(NamedTuple):
    """A call in a list."""

    cursor: str
    node: CallRow


class PageInfo(NamedTuple):
    """Where a page is among all pages."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@dataclass(frozen=True, slots=True)
class CallConnection:
    """A page of calls."""

    edges: tuple[CallEdge, ...]
    page_info: PageInfo
    total_count: int | None
    """All calls, where they were to be counted."""

    @property
    def nodes(self) -> tuple[CallRow, ...]:
        """The calls."""
        return tuple(edge.node for edge in self.edges)


def checked_page(
    *,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
    statuses: Sequence[str] | None,
    order: CallOrder,
) -> CallPage:
    """The page of these arguments.

    Raises:
        BadInput: where one is outside its range.
    """
    if first is not None and last is not None:
        raise BadInput("calls: give `first` or `last`, not both.")
    for name, size in (("first", first), ("last", last)):
        if size is not None and not 1 <= size <= MAX_PAGE_SIZE:
            raise BadInput(f"calls: `{name}` must be 1 to {MAX_PAGE_SIZE}, not {size}.")
    checked = None if statuses is None else checked_statuses(statuses)
    return CallPage(first, after, last, before, checked, order)


def checked_statuses(statuses: Sequence[str]) -> tuple[str, ...]:
    """Statuses that are asked for, ascending, each once; those that no call can have left out.

    Raises:
        BadInput: where there are too many.
    """
    if len(statuses) > MAX_STATUSES_ASKED:
        raise BadInput(
            f"calls: `statuses` may hold {MAX_STATUSES_ASKED} at most, not {len(statuses):,}."
        )
    return tuple(sorted(filter(may_be_stored, set(statuses))))


def checked_name(call_id: str | None, call_sid: str | None) -> int | str | None:
    """What names a call: its id as a number, or its SID; None where no call can have this name.

    Raises:
        BadInput: where neither is given, or both are.
    """
    if (call_id is None) == (call_sid is None):
        raise BadInput("call: give `id` or `callSid`.")
    if call_sid is not None:
        return call_sid if may_be_stored(call_sid) else None
    number = call_id or ""
    if not (number.isascii() and number.isdecimal() and len(number) < 20):
        return None
    return int(number) if int(number) <= LARGEST_ID else None


def check_sizes(size: int) -> None:
    """Check how many calls all pages of an answer may have.

    Raises:
        BadInput: where they are too many.
    """
    if size > MAX_PAGE_SIZE:
        raise BadInput(
            "callAnalytics: its pages of calls, with those of `previous`, may have "
            f"{MAX_PAGE_SIZE} calls together, not {size:,}."
        )


def may_be_stored(text: str) -> bool:
    """Whether PostgreSQL can have a text; no call has one that it cannot."""
    return "\0" not in text


def figures_of_total(statuses: tuple[str, ...] | None) -> frozenset[str] | None:
    """The figures that come to how many calls have these statuses; None where they do not."""
    if statuses is None:
        return frozenset({"total_calls"})
    if FIGURES_OF_STATUSES.keys() >= set(statuses):
        return frozenset(FIGURES_OF_STATUSES[status] for status in statuses)
    return None


def page_query(
    page: CallPage, selected: PageSelection, *, window: int, organization_id: int
) -> PageQuery:
    """What the database is asked for a page.

    Raises:
        BadInput: where a cursor is none of the organization's.
    """
    after = _position("after", page.after, organization_id)
    before = _position("before", page.before, organization_id)
    is_descending = page.order is CallOrder.NEWEST_FIRST
    above, below = (before, after) if is_descending else (after, before)
    return PageQuery(
        window,
        page.size if selected.has_calls else 0,
        is_earliest=is_descending == (page.last is not None),
        above=above,
        below=below,
        statuses=page.statuses,
        counts=selected.has_total and figures_of_total(page.statuses) is None,
    )


def connection_of(
    page: CallPage,
    rows: CallRows,
    *,
    organization_id: int,
    total: int | None,
    hides_phone_numbers: bool,
) -> CallConnection:
    """The page that the database has found."""
    is_descending = page.order is CallOrder.NEWEST_FIRST
    calls = reversed(rows.calls) if is_descending else rows.calls
    edges = tuple(
        CallEdge(
            cursor_of(Position(call.started_at, call.id), organization_id),
            call_row(call, hides_phone_numbers=hides_phone_numbers),
        )
        for call in calls
        if call.started_at is not None
    )
    return CallConnection(
        edges,
        PageInfo(
            has_next_page=rows.has_earlier if is_descending else rows.has_later,
            has_previous_page=rows.has_later if is_descending else rows.has_earlier,
            start_cursor=edges[0].cursor if edges else None,
            end_cursor=edges[-1].cursor if edges else None,
        ),
        total if rows.total is None else rows.total,
    )


def call_row(call: StoredCall, *, hides_phone_numbers: bool) -> CallRow:
    """A call as clients see it."""
    return CallRow(
        str(call.id),
        call.call_sid,
        call.assistant,
        shown_number(call.to_phone_number, is_hidden=hides_phone_numbers),
        shown_number(call.customer_phone_number, is_hidden=hides_phone_numbers),
        call.status,
        call.duration,
        _in_utc(call.started_at),
        _in_utc(call.ended_at),
    )


def shown_number(number: str | None, *, is_hidden: bool) -> str | None:
    """A telephone number; of a hidden one only the last four digits."""
    if number is None or not is_hidden:
        return number
    digits = [character for character in number if character.isdecimal()]
    return "***" + "".join(digits[-4:])


def _position(name: str, cursor: str | None, organization_id: int) -> Position | None:
    return None if cursor is None else position_of(name, cursor, organization_id)


def _in_utc(moment: datetime | None) -> datetime | None:
    return moment and moment.replace(tzinfo=UTC)
