"""Any window, any steps, any group: the same figures as a plain loop over the calls."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import String, case, func, literal_column

from call_analytics.db.figures.measures import CALLS, DURATION, Measure
from call_analytics.db.figures.query import (
    ASSISTANT,
    Dimension,
    FigureQuery,
    Group,
    Ranking,
    Window,
)
from call_analytics.resolvers.calendar import Step, steps
from tests import oracle
from tests.oracle import Row
from tests.platform import Platform
from tests.zones import ZONES

FIGURES = frozenset({CALLS, DURATION})
STATUSES = st.sampled_from(["completed", "failed", "busy"])


class Case:
    """Calls near a change of a zone's clock, and a window of them."""

    def __init__(self, draw: Callable[[Any], Any]) -> None:
        zone = draw(st.sampled_from(ZONES))
        self.zone = ZoneInfo(zone.name)
        change = datetime.fromisoformat(draw(st.sampled_from(zone.changes)))
        near: Any = st.timedeltas(timedelta(days=-3), timedelta(days=3)) | st.sampled_from(
            [timedelta(minutes=15 * quarter) for quarter in range(-300, 300)]
        )
        moments = near.map(change.__add__)
        call = st.tuples(st.integers(0, 2), STATUSES, st.integers(0, 99), moments)
        self.calls = draw(st.lists(call, max_size=25))
        self.start = change + draw(near)
        self.end = draw(st.none() | moments)
        self.step = draw(st.sampled_from(Step))
        self.week_starts_on = draw(st.integers(0, 6))
        # As a product would: steps end with the window, or with today.
        self.last = max(self.start, (self.end or change) - timedelta(microseconds=1))


@given(data=st.data())
@hypothesis_settings(max_examples=40)
def test_any_window_and_any_steps(platform: Platform, data: st.DataObject) -> None:
    drawn = Case(data.draw)
    organization = _fill(platform, drawn)
    cut = steps(
        drawn.step,
        drawn.zone,
        first=drawn.start,
        last=drawn.last,
        week_starts_on=drawn.week_starts_on,
    )
    window = Window(_stored(drawn.start), None if drawn.end is None else _stored(drawn.end))
    groups = (
        Group(FIGURES),
        Group(FIGURES, steps=cut),
        Group(FIGURES, (ASSISTANT,), ranking=Ranking(2)),
        Group(FIGURES, (ASSISTANT,), steps=cut),
    )
    query = FigureQuery(organization, (window,), groups)

    figures, raw = (
        platform.run(reader.read(query)) for reader in (platform.figures, platform.raw_figures)
    )

    assert figures.from_rollups
    assert figures.groups == raw.groups
    inside = [
        (assistant, duration, moment)
        for assistant, _, duration, moment in drawn.calls
        if moment >= drawn.start and (drawn.end is None or moment < drawn.end)
    ]
    (totals,), series, ranking, by_both = figures.groups
    assert (totals.calls, totals.duration) == (len(inside), sum(call[1] for call in inside))
    assert _by_name(series, drawn) == _counted(
        (oracle.bucket_name(drawn.step.value, drawn.zone, moment, drawn.week_starts_on), duration)
        for _, duration, moment in inside
    )
    numbers = {row["id"]: number for number, row in enumerate(platform.assistants)}
    by_assistant = _counted((assistant, duration) for assistant, duration, _ in inside)
    assert {numbers[row.assistant_id]: (row.calls, row.duration) for row in ranking} == dict(
        sorted(by_assistant.items(), key=lambda item: (-item[1][0], item[0]))[:2]
    )
    assert by_assistant == _counted_rows(
        (numbers[row.assistant_id], row.calls, row.duration) for row in by_both
    )


def _by_name(rows: Any, drawn: Case) -> dict[Any, tuple[int, int]]:
    """Rows by the names of their buckets; what comes after the last bucket has smaller ones."""
    return _counted_rows(
        (
            oracle.bucket_name(
                drawn.step.value,
                drawn.zone,
                row.bucket.replace(tzinfo=UTC),
                drawn.week_starts_on,
            ),
            row.calls,
            row.duration,
        )
        for row in rows
    )


def _counted(pairs: Any) -> dict[Any, tuple[int, int]]:
    return _counted_rows((name, 1, duration) for name, duration in pairs)


def _counted_rows(rows: Any) -> dict[Any, tuple[int, int]]:
    counted: dict[Any, tuple[int, int]] = {}
    for name, calls, duration in rows:
        before = counted.get(name, (0, 0))
        counted[name] = before[0] + calls, before[1] + duration
    return counted


def _fill(platform: Platform, drawn: Case) -> int:
    platform.clear()
    organization = platform.add_organization()
    assistants = platform.add_assistants(organization, 3)
    platform.add_calls(
        [
            {
                "assistant_id": assistants[number],
                "status": status,
                "duration": duration,
                "started_at": _stored(moment),
            }
            for number, status, duration, moment in drawn.calls
        ]
    )
    return organization


def _stored(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


LONG = Measure(
    "long_calls",
    lambda _status, duration: case(
        (duration > literal_column("60"), literal_column("1")), else_=literal_column("0")
    ),
)
"""A measure that the product does not have."""
FIRST_LETTER = Dimension(
    "first_letter",
    String(),
    lambda calls: func.substr(calls.status, 1, 1, type_=String()),
    is_stored=False,
)
"""A dimension that it does not have."""


def test_a_measure_and_a_dimension_are_each_an_entry(platform: Platform) -> None:
    organization = platform.add_organization()
    assistant = platform.add_assistant(organization)
    calls: list[Row] = [
        {"assistant_id": assistant, "status": status, "duration": duration}
        for status, duration in [("completed", 61), ("canceled", 60), ("failed", 90), ("busy", 0)]
    ]
    platform.add_calls(calls)
    window = Window(datetime(2026, 1, 1))
    groups = (
        Group(frozenset({LONG})),
        Group(frozenset({LONG}), (FIRST_LETTER,)),
        Group(frozenset({CALLS}), (FIRST_LETTER, ASSISTANT), ranking=Ranking(1)),
    )

    figures = platform.run(platform.figures.read(FigureQuery(organization, (window,), groups)))

    assert not figures.from_rollups, "rollups keep neither of them"
    (totals,), letters, (most,) = figures.groups
    assert totals.long_calls == 2
    assert {row.first_letter: row.long_calls for row in letters} == {"c": 1, "f": 1, "b": 0}
    assert (most.first_letter, most.assistant_id, most.calls) == ("c", assistant, 2)


@pytest.mark.parametrize("has_end", [False, True])
def test_an_empty_organization_has_totals_and_no_other_rows(
    platform: Platform, *, has_end: bool
) -> None:
    organization = platform.add_organization()
    window = Window(datetime(2026, 1, 1), datetime(2026, 2, 1) if has_end else None)
    groups = (Group(FIGURES), Group(FIGURES, (ASSISTANT,)))

    for reader in (platform.figures, platform.raw_figures):
        figures = platform.run(reader.read(FigureQuery(organization, (window,), groups)))
        (totals,), assistants = figures.groups
        assert (totals.calls, totals.duration) == (0, 0)
        assert assistants == []
