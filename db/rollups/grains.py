"""Grains: the lengths of the UTC buckets by which calls are summed.

Each floors a timestamp twice: in Python, and in SQL. Timestamps carry no zone and are UTC.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement

from call_analytics.db.functions import utc_day, utc_hour, utc_month, utc_quarter_hour


@dataclass(frozen=True, slots=True, eq=False)
class Grain:
    """One length of a bucket."""

    name: str
    number: int
    """By which the database knows it."""
    floor: Callable[[datetime], datetime]
    """The start of the bucket in which a timestamp is."""
    next: Callable[[datetime], datetime]
    """The end of the bucket that starts at a timestamp."""
    bucket_of: Callable[[Any], ColumnElement[Any]]
    """The same as ``floor``, in SQL."""

    def ceil(self, moment: datetime) -> datetime:
        """The start of the first bucket that does not start before a timestamp."""
        floor = self.floor(moment)
        return moment if floor == moment else self.next(floor)


def _after(step: timedelta) -> Callable[[datetime], datetime]:
    return lambda moment: moment + step


QUARTER_HOUR = Grain(
    "quarter hour",
    1,
    lambda moment: moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0),
    _after(timedelta(minutes=15)),
    utc_quarter_hour,
)
HOUR = Grain(
    "hour",
    2,
    lambda moment: moment.replace(minute=0, second=0, microsecond=0),
    _after(timedelta(hours=1)),
    utc_hour,
)
DAY = Grain(
    "day",
    3,
    lambda moment: moment.replace(hour=0, minute=0, second=0, microsecond=0),
    _after(timedelta(days=1)),
    utc_day,
)

MONTH = Grain(
    "month",
    4,
    lambda moment: moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0),
    lambda moment: (moment + timedelta(days=31)).replace(day=1),
    utc_month,
)

GRAINS = (MONTH, DAY, HOUR, QUARTER_HOUR)
"""All of them, the coarsest first."""
