"""The measures: everything that is ever counted or summed, each defined once.

All are sums over calls, so parts of any cut of the data add up to the whole. Ratios are no
measures: they are derived from these, once, at the end.
"""

from enum import StrEnum

from sqlalchemy import BigInteger, cast, func, text
from sqlalchemy.sql.elements import ColumnElement

from db.models import Call


class Measure(StrEnum):
    """A summable property of a set of calls; the value is its column's name."""

    CALLS = "calls"
    COMPLETED = "completed"
    FAILED = "failed"
    ONGOING = "ongoing"
    DURATION = "duration"
    """Seconds, over calls of every status; a null duration adds nothing."""
    COMPLETED_DURATION = "completed_duration"
    """Seconds, over completed calls."""
    COMPLETED_TIMED = "completed_timed"
    """Completed calls whose duration is neither null nor 0: what an average divides by."""


_completed = Call.status == "completed"

OVER_CALLS: dict[Measure, ColumnElement[int]] = {
    Measure.CALLS: func.count(),
    Measure.COMPLETED: func.count().filter(_completed),
    Measure.FAILED: func.count().filter(Call.status == "failed"),
    Measure.ONGOING: func.count().filter(Call.status == "ongoing"),
    Measure.DURATION: func.coalesce(func.sum(Call.duration), text("0")),
    Measure.COMPLETED_DURATION: func.coalesce(
        func.sum(Call.duration).filter(_completed), text("0")
    ),
    Measure.COMPLETED_TIMED: func.count().filter(_completed, Call.duration != 0),
}
"""Each measure as an aggregate over rows of ``calls``."""


def total_of(part: ColumnElement[int]) -> ColumnElement[int]:
    """The sum of one measure's parts; 0 where there are none."""
    # PostgreSQL sums bigints to numeric, which would arrive as Decimal.
    return cast(func.coalesce(func.sum(part), text("0")), BigInteger)
