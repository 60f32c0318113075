"""Which instants count: windows, and those before them."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from tests.oracle.clocks import first_at, first_of_date

WEEKDAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
DAY = timedelta(days=1)


class Window(NamedTuple):
    """From ``start`` to before ``until``; None is no end."""

    start: datetime
    until: datetime | None

    def holds(self, moment: datetime) -> bool:
        """Whether an instant counts."""
        return self.start <= moment and (self.until is None or moment < self.until)


def window(
    asked: dict[str, Any], zone: ZoneInfo, week_starts_on: str, now: datetime, before: int
) -> Window:
    """The window of GraphQL's arguments; of several, those that are null are not given."""
    given = {name: value for name, value in asked.items() if value is not None}
    if "instants" in given:
        start, end = (datetime.fromisoformat(given["instants"][name]) for name in ("start", "end"))
        start, end = start.astimezone(UTC), end.astimezone(UTC)
        length = end - start
        return Window(start - before * length, end - before * length)
    if "dates" in given:
        first, last = (date.fromisoformat(given["dates"][name]) for name in ("first", "last"))
        for _ in range(before):
            first, last = first - (last - first + DAY), first - DAY
        return Window(first_of_date(first, zone), first_of_date(last + DAY, zone))
    period = given.get("period", "LAST_7_DAYS")
    if period.endswith(("_DAY", "_DAYS")):
        length = timedelta(hours=24 * int(period.split("_")[1]))
        start = now.astimezone(UTC) - length
        for _ in range(before):
            start -= length
        return Window(start, start + length if before else None)
    return _calendar_period(period, zone, week_starts_on, now, before)


def _calendar_period(
    period: str, zone: ZoneInfo, week_starts_on: str, now: datetime, before: int
) -> Window:
    holds_now = period == "TODAY" or period.startswith("THIS_")
    unit = "DAY" if period in {"TODAY", "YESTERDAY"} else period.split("_")[1]
    name = _namer(unit, WEEKDAYS.index(week_starts_on))
    reading = now.astimezone(zone).replace(tzinfo=None, fold=0)
    first = _first_with_the_name(reading.date(), name)
    for _ in range(before if holds_now else before + 1):
        first = _first_with_the_name(first - DAY, name)
    after = first
    while name(after) == name(first):
        after += DAY
    start, end = first_of_date(first, zone), first_of_date(after, zone)
    return Window(
        start, _same_reading(unit, reading, before, zone) if holds_now and before else end
    )


def _namer(unit: str, week_starts_on: int) -> Callable[[date], Any]:
    """A function that gives all dates of one calendar period the same, and no others."""
    if unit == "DAY":
        return lambda day: day
    if unit == "WEEK":
        return lambda day: day - DAY * ((day.weekday() - week_starts_on) % 7)
    if unit == "MONTH":
        return lambda day: (day.year, day.month)
    if unit == "QUARTER":
        return lambda day: (day.year, (day.month + 2) // 3)
    return lambda day: day.year


def _first_with_the_name(day: date, name: Callable[[date], Any]) -> date:
    while name(day - DAY) == name(day):
        day -= DAY
    return day


def _same_reading(unit: str, reading: datetime, before: int, zone: ZoneInfo) -> datetime:
    """The same reading of the clock, so many periods earlier."""
    if unit in {"DAY", "WEEK"}:
        return first_at(reading - DAY * before * (7 if unit == "WEEK" else 1), zone)
    year, month = reading.year, reading.month
    for _ in range(before * {"MONTH": 1, "QUARTER": 3, "YEAR": 12}[unit]):
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)
    try:
        day = date(year, month, reading.day)
    except ValueError:  # there is no such day, so the month counts to its end
        return first_of_date(date(year, month + 1, 1), zone)
    return first_at(datetime.combine(day, reading.time()), zone)
