"""Windows and steps of any zone, compared with the oracle, which tries instant after instant."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from call_analytics.resolvers.calendar import Step, steps
from call_analytics.resolvers.calendar_unit import Weekday
from call_analytics.resolvers.window import (
    Asked,
    DateRange,
    InstantRange,
    Period,
    window_for,
)
from call_analytics.resolvers.zones import zone_for
from tests import oracle
from tests.zones import ZONES

DEPTH = 5
NO_FULL_SECOND = timedelta(microseconds=654_321)


class Case:
    """A window that is asked for near a change of a zone's clock."""

    def __init__(self, draw: Callable[[Any], Any]) -> None:
        zone = draw(st.sampled_from(ZONES))
        self.zone = zone.name
        change = datetime.fromisoformat(draw(st.sampled_from(zone.changes)))
        quarters = st.integers(-800, 800).map(lambda number: timedelta(minutes=15 * number))
        # At the change, or as far from it as a window before now is.
        away = st.sampled_from([timedelta(days=days) for days in (0, 1, 2, 7, 30, 31, 91, 365)])
        off = st.sampled_from([timedelta(0), NO_FULL_SECOND, -timedelta.resolution])
        self.now = change + draw(quarters) + draw(away) + draw(off)
        self.week_starts_on = draw(st.sampled_from(Weekday))
        self.before = draw(st.integers(0, DEPTH))
        first = (change + draw(quarters)).date()
        start = change + draw(quarters) + draw(off)
        self.asked: Asked = draw(
            st.sampled_from(Period)
            | st.integers(0, 40).map(lambda days: DateRange(first, first + timedelta(days=days)))
            | st.timedeltas(timedelta(minutes=1), timedelta(days=40)).map(
                lambda length: InstantRange(start, start + length)
            )
        )

    @property
    def expected(self) -> oracle.Answer:
        """What the oracle says."""
        return oracle.answer(
            [],
            [],
            organization=1,
            asked=_as_arguments(self.asked),
            zone=self.zone,
            week_starts_on=self.week_starts_on.name,
            now=self.now,
            before=self.before,
        )


def _as_arguments(asked: Asked) -> dict[str, Any]:
    match asked:
        case Period():
            return {"period": asked.name}
        case DateRange(first, last):
            return {"dates": {"first": first.isoformat(), "last": last.isoformat()}}
        case InstantRange(start, end):
            return {"instants": {"start": start.isoformat(), "end": end.isoformat()}}


@given(data=st.data())
@hypothesis_settings(max_examples=200)
def test_a_window_is_the_oracle_s(data: st.DataObject) -> None:
    case = Case(data.draw)

    found = window_for(
        case.asked,
        zone=zone_for(case.zone),
        week_starts_on=case.week_starts_on,
        now=case.now,
        before=case.before,
    )

    assert (found.start, found.until) == case.expected.window
    assert found.end == (found.until or case.now)
    assert found.end.tzinfo is UTC


@given(data=st.data(), step=st.sampled_from(Step))
@hypothesis_settings(max_examples=150)
def test_the_buckets_of_a_series_are_the_oracle_s(data: st.DataObject, step: Step) -> None:
    case = Case(data.draw)
    expected = case.expected
    start, until = expected.window
    last = case.now if until is None else min(until - timedelta.resolution, case.now)
    assume(start <= last <= start + timedelta(days=50))

    found = steps(
        step,
        ZoneInfo(case.zone),
        first=start,
        last=last,
        week_starts_on=case.week_starts_on.value,
    )

    # Between the two parts of the first or last date may be one that is not in the window, or that
    # has not begun.
    inside = {
        span.bucket
        for span in found.spans
        if start < span.end.replace(tzinfo=UTC)
        and (until is None or span.start.replace(tzinfo=UTC) < until)
        and span.bucket.replace(tzinfo=UTC) <= case.now
    }
    ends = {span.bucket: span.end for span in found.spans if span.bucket in inside}
    if case.zone == "UTC" and step is not Step.WEEK:
        moment = found.rest.floor(start.replace(tzinfo=None))
        while moment <= last.replace(tzinfo=None):
            ends[moment] = moment = found.rest.next(moment)
    series = expected.series(step.name)
    assert [(_stored(point["start"]), _stored(point["end"])) for point in series] == sorted(
        ends.items()
    )


def _stored(written: str) -> datetime:
    return datetime.fromisoformat(written).astimezone(UTC).replace(tzinfo=None)


@pytest.mark.parametrize(
    ("zone", "day", "hours", "quarters"),
    [
        ("Europe/Berlin", "2026-03-29", 23, 92),
        ("Europe/Berlin", "2026-10-25", 25, 100),
        ("America/New_York", "2026-03-08", 23, 92),
        ("America/New_York", "2026-11-01", 25, 100),
        # The repeated half hour is an hour of its own, of 30 minutes.
        ("Australia/Lord_Howe", "2026-04-05", 25, 98),
        ("Australia/Lord_Howe", "2026-10-04", 24, 94),
        ("Africa/Cairo", "2026-04-24", 23, 92),
        ("America/Santiago", "2026-09-06", 23, 92),
        ("Pacific/Apia", "2011-12-30", 0, 0),
        ("Pacific/Apia", "2011-12-31", 24, 96),
        ("Asia/Kathmandu", "2026-03-10", 24, 96),
    ],
)
def test_days_whose_clocks_change(zone: str, day: str, hours: int, quarters: int) -> None:
    first = date.fromisoformat(day)
    window = window_for(
        DateRange(first, first),
        zone=zone_for(zone),
        week_starts_on=Weekday.MONDAY,
        now=datetime(2026, 12, 31, tzinfo=UTC),
    )
    assert window.until is not None
    counts = []
    for step in (Step.HOUR, Step.QUARTER_HOUR):
        last = window.until - timedelta.resolution
        found = steps(step, zone_for(zone), first=window.start, last=last)
        counts.append(len(found.spans) if last >= window.start else 0)
        series = oracle.answer(
            [],
            [],
            organization=1,
            asked={"dates": {"first": day, "last": day}},
            zone=zone,
            now=datetime(2026, 12, 31, tzinfo=UTC),
        ).series(step.name)
        assert len(series) == counts[-1]
        assert all(point["start"].startswith(day) for point in series)
    assert counts == [hours, quarters]
