"""How many points a series may have."""

from datetime import datetime
from zoneinfo import ZoneInfo

from call_analytics.resolvers.calendar import Step, points
from call_analytics.resolvers.calendar_unit import Weekday
from call_analytics.resolvers.errors import BadInput

MAX_SERIES_POINTS = 2_500
MAX_POINTS_TOGETHER = 2 * MAX_SERIES_POINTS
"""Points of all series of one answer, and dates of all daily statistics, aliases and the windows
before it included."""


def checked_points(
    step: Step, zone: ZoneInfo, *, first: datetime, last: datetime, week_starts_on: Weekday
) -> int:
    """How many points a series has, from the bucket of ``first`` to that of ``last``.

    Raises:
        BadInput: where they are too many.
    """
    found = []
    grains = list(Step)
    for grain in grains[grains.index(step) :]:
        count = points(grain, zone, first=first, last=last, week_starts_on=week_starts_on.value)
        found.append((grain.name, count))
        if count <= MAX_SERIES_POINTS:
            break
    if len(found) > 1:
        (asked, too_many), (fitting, fewer) = found[0], found[-1]
        raise BadInput(
            f"series: {asked} would make {too_many:,} points, and {MAX_SERIES_POINTS:,} are the "
            f"limit; {fitting} would make {fewer:,}."
        )
    return found[0][1]


def check_together(points: int) -> None:
    """Check how many points all series of an answer have.

    Raises:
        BadInput: where they are too many.
    """
    if points > MAX_POINTS_TOGETHER:
        raise BadInput(
            f"series and dailyStats: together they would make {points:,} points, and "
            f"{MAX_POINTS_TOGETHER:,} are the limit."
        )
