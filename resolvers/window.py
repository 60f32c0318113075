"""Periods, which clients choose, and windows, their concrete instants."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum


class Period(Enum):
    """How far back the figures look; the value is the period's name on the REST path."""

    LAST_1_DAY = "1d"
    LAST_7_DAYS = "7d"
    LAST_30_DAYS = "30d"
    LAST_90_DAYS = "90d"

    @property
    def length(self) -> timedelta:
        """The period's length: a whole number of times 24 hours, not of calendar days."""
        return timedelta(days=int(self.value.removesuffix("d")))


@dataclass(frozen=True, slots=True)
class Window:
    """The instants of a period: calls count that started at ``start`` or later.

    There is no upper bound: a call that is stamped later than ``end``, the request's now, counts.
    Both are aware.
    """

    start: datetime
    end: datetime


def window_for(period: Period, *, now: datetime) -> Window:
    """The window of a period that ends now."""
    return Window(start=now - period.length, end=now)
