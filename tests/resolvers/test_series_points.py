"""The number of points of a series, and the refusal of too many."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from call_analytics.resolvers.calendar import Step, points, steps
from call_analytics.resolvers.calendar_unit import Weekday
from call_analytics.resolvers.errors import BadInput
from call_analytics.resolvers.series_points import checked_points
from tests.zones import ZONES, Zone

ELSEWHERE = [zone for zone in ZONES if zone.name != "UTC"]
"""In UTC, steps have no spans to count."""


@given(
    zone=st.sampled_from(ELSEWHERE),
    data=st.data(),
    before=st.timedeltas(timedelta(days=-9), timedelta(days=9)),
    length=st.timedeltas(timedelta(0), timedelta(days=20)),
    step=st.sampled_from(Step),
    week_starts_on=st.integers(0, 6),
)
@hypothesis_settings(max_examples=150)
def test_there_are_as_many_as_there_are_buckets(
    zone: Zone,
    data: st.DataObject,
    before: timedelta,
    length: timedelta,
    step: Step,
    week_starts_on: int,
) -> None:
    its = ZoneInfo(zone.name)
    first = datetime.fromisoformat(data.draw(st.sampled_from(zone.changes))) + before
    last = first + length
    found = steps(step, its, first=first, last=last, week_starts_on=week_starts_on)

    begin, end = (moment.astimezone(UTC).replace(tzinfo=None) for moment in (first, last))
    assert points(step, its, first=first, last=last, week_starts_on=week_starts_on) == len(
        {span.bucket for span in found.spans if span.start <= end and begin < span.end}
    )


def _check(step: Step, zone: str, first: str, days: float) -> None:
    begin = datetime.fromisoformat(first)
    checked_points(
        step,
        ZoneInfo(zone),
        first=begin,
        last=begin + timedelta(days=days) - timedelta.resolution,
        week_starts_on=Weekday.MONDAY,
    )


@pytest.mark.parametrize(
    ("step", "days", "points", "fitting"),
    [
        (Step.QUARTER_HOUR, 90, "8,640", "HOUR would make 2,160"),
        (Step.QUARTER_HOUR, 3660, "351,360", "WEEK would make 523"),
        (Step.HOUR, 2501 / 24, "2,501", "DAY would make 105"),
        (Step.DAY, 2501, "2,501", "WEEK would make 358"),
    ],
)
def test_too_many_are_refused(step: Step, days: float, points: str, fitting: str) -> None:
    with pytest.raises(BadInput) as refused:
        _check(step, "UTC", "2026-03-10T00:00Z", days)
    assert str(refused.value) == (
        f"series: {step.name} would make {points} points, and 2,500 are the limit; {fitting}."
    )


@pytest.mark.parametrize(
    ("step", "days"), [(Step.HOUR, 2500 / 24), (Step.DAY, 2500), (Step.WEEK, 3660)]
)
def test_the_most_are_answered(step: Step, days: float) -> None:
    _check(step, "UTC", "2026-03-10T00:00Z", days)


def test_an_hour_that_is_repeated_counts_twice() -> None:
    first = datetime(2026, 10, 24, 22, tzinfo=UTC)  # midnight in Berlin
    last = first + timedelta(hours=25) - timedelta.resolution
    zone = ZoneInfo("Europe/Berlin")

    assert points(Step.HOUR, zone, first=first, last=last) == 25
    assert points(Step.DAY, zone, first=first, last=last) == 1
