"""Units of the calendar, from a day to a year: where one starts, and the one before it.

All of this is about dates and readings of a local clock. No zone is needed for it.
"""

from calendar import monthrange
from datetime import date, datetime, time, timedelta
from enum import Enum


class Weekday(Enum):
    """A day of the week, numbered as by ``date.weekday``."""

    MONDAY = 0
    TUESDAY = 1
    WEDNESDAY = 2
    THURSDAY = 3
    FRIDAY = 4
    SATURDAY = 5
    SUNDAY = 6


class CalendarUnit(Enum):
    """A unit of the calendar; the value is its days, and else its months."""

    DAY = (1, 0)
    WEEK = (7, 0)
    MONTH = (0, 1)
    QUARTER = (0, 3)
    YEAR = (0, 12)

    @property
    def days(self) -> int:
        """How many days it has; 0 where it is made of months."""
        return self.value[0]

    @property
    def months(self) -> int:
        """How many months it has; 0 where it is made of days."""
        return self.value[1]


def start(unit: CalendarUnit, day: date, week_starts_on: Weekday) -> date:
    """The first date of the unit that holds a date."""
    if unit is CalendarUnit.DAY:
        return day
    if unit is CalendarUnit.WEEK:
        return day - timedelta(days=(day.weekday() - week_starts_on.value) % 7)
    months = _months(day)
    return _month_start(months - months % unit.months)


def back(unit: CalendarUnit, first: date, count: int) -> date:
    """The first date of an earlier unit, which may be later where ``count`` is negative."""
    if unit.days:
        return first - timedelta(days=unit.days * count)
    return _month_start(_months(first) - unit.months * count)


def same_reading(unit: CalendarUnit, reading: datetime, count: int) -> datetime:
    """The same reading of the clock, so many units earlier.

    Where that month has no such day, it is the end of that month.
    """
    if unit.days:
        return reading - timedelta(days=unit.days * count)
    months = _months(reading) - unit.months * count
    month = _month_start(months)
    if reading.day > monthrange(month.year, month.month)[1]:
        return datetime.combine(_month_start(months + 1), time())
    return reading.replace(year=month.year, month=month.month)


def _months(day: date) -> int:
    return day.year * 12 + day.month - 1


def _month_start(months: int) -> date:
    return date(months // 12, months % 12 + 1, 1)
