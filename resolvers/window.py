"""Windows: what clients ask for, and the instants that it means."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from math import ceil
from zoneinfo import ZoneInfo

from call_analytics.resolvers import calendar_unit
from call_analytics.resolvers.calendar_unit import CalendarUnit, Weekday
from call_analytics.resolvers.errors import BadInput
from call_analytics.resolvers.local_time import first_instant, instant_of

MAX_WINDOW_DAYS = 3_660
"""Days of the longest window."""
FIRST_YEAR, LAST_YEAR = 1970, 2200
"""The years in which a window may begin and end."""


class Period(Enum):
    """A window by its name; the value of a rolling one is its name on the REST path."""

    LAST_1_DAY = "1d"
    LAST_7_DAYS = "7d"
    LAST_30_DAYS = "30d"
    LAST_90_DAYS = "90d"
    TODAY = "today"
    THIS_WEEK = "this-week"
    THIS_MONTH = "this-month"
    THIS_QUARTER = "this-quarter"
    THIS_YEAR = "this-year"
    YESTERDAY = "yesterday"
    LAST_WEEK = "last-week"
    LAST_MONTH = "last-month"
    LAST_QUARTER = "last-quarter"
    LAST_YEAR = "last-year"


ROLLING = {
    Period.LAST_1_DAY: timedelta(days=1),
    Period.LAST_7_DAYS: timedelta(days=7),
    Period.LAST_30_DAYS: timedelta(days=30),
    Period.LAST_90_DAYS: timedelta(days=90),
}
"""The length of each period that ends now: a number of times 24 hours, not of calendar days."""
CURRENT = {
    Period.TODAY: CalendarUnit.DAY,
    Period.THIS_WEEK: CalendarUnit.WEEK,
    Period.THIS_MONTH: CalendarUnit.MONTH,
    Period.THIS_QUARTER: CalendarUnit.QUARTER,
    Period.THIS_YEAR: CalendarUnit.YEAR,
}
"""Calendar periods that hold now."""
PAST = {
    Period.YESTERDAY: CalendarUnit.DAY,
    Period.LAST_WEEK: CalendarUnit.WEEK,
    Period.LAST_MONTH: CalendarUnit.MONTH,
    Period.LAST_QUARTER: CalendarUnit.QUARTER,
    Period.LAST_YEAR: CalendarUnit.YEAR,
}
"""The calendar periods before those."""


@dataclass(frozen=True, slots=True)
class DateRange:
    """Local dates, both included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """How many dates there are."""
        return (self.last - self.first).days + 1


@dataclass(frozen=True, slots=True)
class InstantRange:
    """The instants from ``start`` to before ``end``. Both carry an offset from UTC."""

    start: datetime
    end: datetime


Asked = Period | DateRange | InstantRange


@dataclass(frozen=True, slots=True)
class Window:
    """The instants that count, all aware and in UTC."""

    start: datetime
    """The earliest."""
    until: datetime | None
    """The first that counts no more; None where a call of any later time counts."""
    end: datetime
    """What clients see as the end: ``until``, and the request's now where there is none."""


def window_for(
    asked: Asked, *, zone: ZoneInfo, week_starts_on: Weekday, now: datetime, before: int = 0
) -> Window:
    """The window that is asked for at the instant ``now``.

    ``before`` counts how many windows further back it is: 1 is the window before. Where it is not
    0, a calendar period that holds now ends at the same reading of the local clock as now.

    Raises:
        BadInput: where dates or instants are in the wrong order, outside 1970 to 2200, more than
            3,660 days or, of instants, without an offset.
    """
    if isinstance(asked, DateRange):
        _check_dates(asked)
        return _dates(asked, zone, before)
    if isinstance(asked, InstantRange):
        _check_instants(asked)
        start, end = asked.start.astimezone(UTC), asked.end.astimezone(UTC)
        shift = before * (end - start)
        return _bounded(start - shift, end - shift)
    now = now.astimezone(UTC)
    if asked in ROLLING:
        length = ROLLING[asked]
        start = now - (before + 1) * length
        return _bounded(start, start + length) if before else Window(start, until=None, end=now)
    if asked in CURRENT and before:
        return _current_before(CURRENT[asked], zone, week_starts_on, now, before)
    unit, ago = (CURRENT[asked], 0) if asked in CURRENT else (PAST[asked], 1 + before)
    today = calendar_unit.start(unit, now.astimezone(zone).date(), week_starts_on)
    first = calendar_unit.back(unit, today, ago)
    after = calendar_unit.back(unit, today, ago - 1)
    return _bounded(first_instant(first, zone), first_instant(after, zone))


def _bounded(start: datetime, until: datetime) -> Window:
    return Window(start, until, end=until)


def _dates(asked: DateRange, zone: ZoneInfo, before: int) -> Window:
    shift = timedelta(days=asked.days * before)
    after = asked.last + timedelta(days=1)
    return _bounded(first_instant(asked.first - shift, zone), first_instant(after - shift, zone))


def _current_before(
    unit: CalendarUnit, zone: ZoneInfo, week_starts_on: Weekday, now: datetime, before: int
) -> Window:
    """An earlier calendar period, up to the same reading of the local clock as now."""
    reading = now.astimezone(zone).replace(tzinfo=None)
    current = calendar_unit.start(unit, reading.date(), week_starts_on)
    first = calendar_unit.back(unit, current, before)
    until = calendar_unit.same_reading(unit, reading, before)
    return _bounded(first_instant(first, zone), instant_of(until, zone))


def _check_dates(asked: DateRange) -> None:
    for name, day in (("first", asked.first), ("last", asked.last)):
        _check_year(f"`{name}` ({day})", day.year)
    if asked.first > asked.last:
        raise BadInput(f"`first` ({asked.first}) is after `last` ({asked.last}).")
    _check_days("The dates", asked.days)


def _check_instants(asked: InstantRange) -> None:
    for name, moment in (("start", asked.start), ("end", asked.end)):
        written = f"`{name}` ({moment.isoformat()})"
        if moment.utcoffset() is None:
            raise BadInput(f"{written} has no offset from UTC, such as Z or +02:00.")
        _check_year(written, moment.year)
    start, end = asked.start.astimezone(UTC), asked.end.astimezone(UTC)
    if start >= end:
        raise BadInput(
            f"`start` ({asked.start.isoformat()}) is not before `end` ({asked.end.isoformat()})."
        )
    _check_days("The instants", ceil((end - start) / timedelta(days=1)))


def _check_year(written: str, year: int) -> None:
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise BadInput(f"{written} is outside the years {FIRST_YEAR} to {LAST_YEAR}.")


def _check_days(what: str, days: int) -> None:
    if days > MAX_WINDOW_DAYS:
        raise BadInput(f"{what} may span {MAX_WINDOW_DAYS:,} days at most, not {days:,}.")
