"""Steps: each instant is in the bucket of its own local date and hour, in every zone."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from call_analytics.db.figures.query import Steps
from call_analytics.db.rollups.grains import DAY, HOUR, QUARTER_HOUR
from call_analytics.resolvers.calendar import Step, steps
from tests import oracle
from tests.zones import ZONES

_moments = st.sampled_from([zone for zone in ZONES if zone.name != "UTC"]).flatmap(
    lambda zone: st.tuples(
        st.just(ZoneInfo(zone.name)),
        st.sampled_from(zone.changes).flatmap(
            lambda change: st.timedeltas(timedelta(days=-9), timedelta(days=9)).map(
                lambda delta: datetime.fromisoformat(change) + delta
            )
        ),
        st.lists(st.timedeltas(timedelta(0), timedelta(days=20)), min_size=1, max_size=20),
    )
)


@given(drawn=_moments, step=st.sampled_from(Step), week_starts_on=st.integers(0, 6))
@hypothesis_settings(max_examples=150)
def test_an_instant_is_in_the_bucket_of_its_local_date_and_hour(
    drawn: tuple[ZoneInfo, datetime, list[timedelta]], step: Step, week_starts_on: int
) -> None:
    zone, first, deltas = drawn
    moments = sorted(first + delta for delta in deltas)
    found = steps(step, zone, first=first, last=moments[-1], week_starts_on=week_starts_on)

    names: dict[datetime, object] = {}
    for moment in moments:
        stored = moment.astimezone(UTC).replace(tzinfo=None)
        (span,) = (span for span in found.spans if span.start <= stored < span.end)
        name = oracle.bucket_name(step.value, zone, moment, week_starts_on)
        assert names.setdefault(span.bucket, name) == name
    assert len(set(names.values())) == len(names)


@given(drawn=_moments, step=st.sampled_from(Step))
def test_spans_follow_each_other_and_hold_both_ends(
    drawn: tuple[ZoneInfo, datetime, list[timedelta]], step: Step
) -> None:
    zone, first, deltas = drawn
    spans = steps(step, zone, first=first, last=first + max(deltas)).spans

    assert all(before.end == after.start for before, after in pairwise(spans))
    assert all(span.start < span.end for span in spans)
    begin, end = (
        moment.astimezone(UTC).replace(tzinfo=None) for moment in (first, first + max(deltas))
    )
    assert spans[0].start <= begin
    assert end < spans[-1].end
    assert spans[0].bucket == spans[0].start
    if step in {Step.QUARTER_HOUR, Step.HOUR}:
        assert begin < spans[0].end
        assert spans[-1].start <= end


@pytest.mark.parametrize(
    ("step", "zone", "first", "lengths"),
    [
        (Step.DAY, "America/New_York", "2026-03-07T12:00-05:00", ["24:00", "23:00", "24:00"]),
        (Step.DAY, "America/New_York", "2026-10-31T12:00-04:00", ["24:00", "25:00", "24:00"]),
        (Step.DAY, "Europe/Berlin", "2026-03-28T12:00+01:00", ["24:00", "23:00", "24:00"]),
        (Step.HOUR, "Australia/Lord_Howe", "2026-04-05T01:10+11:00", ["1:00", "0:30", "1:00"]),
        (Step.HOUR, "Australia/Lord_Howe", "2026-10-04T01:10+10:30", ["1:00", "0:30", "1:00"]),
        (Step.DAY, "America/Santiago", "2026-09-05T12:00-04:00", ["24:00", "23:00", "24:00"]),
        (Step.DAY, "Africa/Cairo", "2026-04-23T12:00+02:00", ["24:00", "23:00", "24:00"]),
        (Step.DAY, "Pacific/Apia", "2011-12-29T12:00-10:00", ["24:00", "24:00", "24:00"]),
        (Step.HOUR, "Asia/Kathmandu", "2026-01-01T00:50+05:45", ["1:00", "1:00"]),
        (Step.QUARTER_HOUR, "Asia/Kathmandu", "2026-01-01T00:50+05:45", ["0:15", "0:15"]),
    ],
)
def test_days_and_hours_that_are_longer_or_shorter(
    step: Step, zone: str, first: str, lengths: list[str]
) -> None:
    begin = datetime.fromisoformat(first)
    spans = steps(step, ZoneInfo(zone), first=begin, last=begin + timedelta(days=7)).spans

    assert [str(span.end - span.start).rpartition(":")[0] for span in spans[: len(lengths)]] == [
        "1 day, 0:00" if length == "24:00" else "1 day, 1:00" if length == "25:00" else length
        for length in lengths
    ]


def test_a_date_that_a_zone_skipped_has_no_bucket() -> None:
    zone = ZoneInfo("Pacific/Apia")
    begin = datetime(2011, 12, 29, 12, tzinfo=zone)
    spans = steps(Step.DAY, zone, first=begin, last=begin + timedelta(days=3)).spans

    dates = [span.start.replace(tzinfo=UTC).astimezone(zone).date().day for span in spans]
    assert dates[:3] == [29, 31, 1]


def test_utc_needs_no_spans() -> None:
    now = datetime(2026, 3, 10, 12, tzinfo=UTC)
    for step, grain in ((Step.DAY, DAY), (Step.HOUR, HOUR), (Step.QUARTER_HOUR, QUARTER_HOUR)):
        assert steps(step, ZoneInfo("UTC"), first=now, last=now) == Steps(rest=grain)
