"""How many points a series may have."""

from datetime import datetime
from zoneinfo import ZoneInfo

from call_analytics.resolvers.calendar import Step, points
from call_analytics.resolvers.calendar_unit import Weekday
from call_analytics.resolvers.errors import BadInput

MAX_SERIES_POINTS = 2_500


def check_points(
    step: Step, zone: ZoneInfo, *, first: datetime, last: datetime, week_starts_on: Weekday
) -> None:
    """Check how many points a series has, from the bucket of ``first`` to that of ``last``.

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
