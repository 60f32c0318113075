"""What every number means: the worked example, the oracle, and laws."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from call_analytics.db.replicas.servers import Servers
from call_analytics.resolvers.analytics import Analytics
from call_analytics.resolvers.question import (
    DAILY,
    AssistantOrder,
    Question,
    Selection,
    documented_figures,
)
from call_analytics.resolvers.report import AssistantRow, DayRow, Report
from call_analytics.resolvers.window import ROLLING, Period, Window
from tests.oracle import Row
from tests.platform import NOW, Platform, recorded_statements

MOST_CALLS = AssistantOrder()
TOTALS = documented_figures(Period.LAST_7_DAYS).selection.figures
LISTED = ("calls", "duration")
"""The figures of an assistant that the documented endpoint gives."""


def test_the_worked_example(platform: Platform) -> None:
    organization = platform.add_organization()
    support = platform.add_assistant(organization, "Support Bot")
    sales = platform.add_assistant(organization, "Sales Rep", is_active=False)
    platform.add_assistant(organization, "Idle")
    platform.add_calls(
        [
            _call(support, "completed", 300, "2026-03-03T12:00:00"),
            _call(support, "completed", 0, "2026-03-05T23:59:59.999999"),
            _call(support, "failed", 20, "2026-03-06T00:00:00"),
            _call(sales, "completed", 60, "2026-03-06T08:00:00"),
            _call(sales, "ongoing", None, "2026-03-10T11:59:00"),
            _call(sales, "busy", None, "2026-03-10T13:00:00"),
            _call(support, "completed", 999, "2026-03-03T11:59:59.999999"),
            _call(support, "completed", 999, None),
        ]
    )

    assert _report(platform, organization, Period.LAST_7_DAYS) == Report(
        organization_id=organization,
        question=documented_figures(Period.LAST_7_DAYS),
        as_of=NOW,
        window=Window(start=NOW - timedelta(days=7), until=None, end=NOW),
        total_calls=6,
        completed_calls=3,
        failed_calls=1,
        ongoing_calls=1,
        total_duration=360,
        avg_duration=180,
        success_rate=50,
        daily_stats=(
            DayRow(datetime(2026, 3, 3).date(), 1, 1, 0),
            DayRow(datetime(2026, 3, 5).date(), 1, 1, 0),
            DayRow(datetime(2026, 3, 6).date(), 2, 1, 1),
            DayRow(datetime(2026, 3, 10).date(), 2, 0, 0),
        ),
        assistants={
            MOST_CALLS: (
                AssistantRow(support, "Support Bot", 3, 320),
                AssistantRow(sales, "Sales Rep", 3, 60),
            )
        },
    )


def test_an_answer_tells_its_sources(platform: Platform) -> None:
    organization = platform.add_organization()
    for may_use_rollups, sources in ((True, ("calls", "rollups")), (False, ("calls",))):
        report = _answer(
            platform,
            organization,
            documented_figures(Period.LAST_7_DAYS),
            may_use_rollups=may_use_rollups,
        )
        assert report.sources == sources


def test_an_organization_without_calls_has_zeros(platform: Platform) -> None:
    organization = platform.add_organization()

    assert _body(_report(platform, organization, Period.LAST_90_DAYS)) == {
        "total_calls": 0,
        "completed_calls": 0,
        "failed_calls": 0,
        "ongoing_calls": 0,
        "total_duration": 0,
        "avg_duration": 0,
        "success_rate": 0,
        "daily_stats": {},
        "top_assistants": [],
    }


# Instants near the edges of every window and of the days around them.
_moments = st.one_of(
    st.none(),
    st.builds(
        lambda days, delta: (NOW - timedelta(days=days)).replace(tzinfo=None) + delta,
        st.sampled_from([0, 1, 7, 30, 90]),
        st.one_of(
            st.timedeltas(min_value=timedelta(days=-2), max_value=timedelta(days=2)),
            st.sampled_from([timedelta(microseconds=-1), timedelta(0), timedelta(hours=12)]),
        ),
    ),
)
_statuses = st.sampled_from(["completed", "failed", "ongoing", "busy", "Completed", "no-answer"])
_durations = st.one_of(st.none(), st.just(0), st.integers(0, 2**31 - 1))
_calls = st.lists(
    st.tuples(st.integers(0, 13), _statuses, _durations, _moments),
    max_size=40,
)


@given(calls=_calls)
@hypothesis_settings(max_examples=30)
def test_the_answer_is_the_oracle_s(platform: Platform, calls: list[Any]) -> None:
    organization, other = _fill(platform, calls)

    for period in ROLLING:
        for asked in (organization, other):
            assert _body(_report(platform, asked, period)) == platform.expected(asked, period.value)


@given(calls=_calls, order=st.randoms(use_true_random=False))
@hypothesis_settings(max_examples=15)
def test_the_order_of_insertion_changes_nothing(
    platform: Platform, calls: list[Any], order: Any
) -> None:
    organization, _ = _fill(platform, calls)
    before = _body(_report(platform, organization, Period.LAST_30_DAYS))

    rows = list(platform.calls)
    order.shuffle(rows)
    platform.replace_calls(rows)

    assert _body(_report(platform, organization, Period.LAST_30_DAYS)) == before


@given(calls=_calls)
@hypothesis_settings(max_examples=15)
def test_another_organization_s_rows_change_nothing(platform: Platform, calls: list[Any]) -> None:
    organization, other = _fill(platform, calls)
    before = _body(_report(platform, organization, Period.LAST_30_DAYS))

    assistant = platform.add_assistant(other)
    platform.add_calls([_call(assistant, "completed", 5, "2026-03-09T00:00:00")] * 3)

    assert _body(_report(platform, organization, Period.LAST_30_DAYS)) == before


@given(
    calls=_calls,
    selected=st.builds(
        Selection,
        figures=st.frozensets(st.sampled_from(sorted(TOTALS))),
        daily=st.none() | st.frozensets(st.sampled_from(sorted(DAILY))),
        assistants=st.just({})
        | st.fixed_dictionaries({MOST_CALLS: st.frozensets(st.sampled_from(LISTED))}),
        assistant_limits=st.fixed_dictionaries({MOST_CALLS: st.integers(1, 100)}),
    ),
)
@hypothesis_settings(max_examples=30)
def test_asking_for_fewer_figures_changes_no_value(
    platform: Platform, calls: list[Any], selected: Selection
) -> None:
    organization, _ = _fill(platform, calls)
    limit = selected.assistant_limits[MOST_CALLS]
    whole = platform.expected(organization, "30d", limit=limit)
    question = Question(Period.LAST_30_DAYS, selected)

    report = _report(platform, organization, question)
    analytics = Analytics(Servers(platform.reader))
    platform.run(analytics.report(organization, question, now=NOW))  # it looks for rollups
    with recorded_statements() as statements:
        platform.run(analytics.report(organization, question, now=NOW))

    assert {figure: getattr(report, figure) for figure in selected.figures} == {
        figure: whole[figure] for figure in selected.figures
    }
    assert [_chosen(day._asdict(), selected.daily or ()) for day in report.daily_stats] == [
        _chosen(day, selected.daily or ())
        for day in whole["daily_stats"].values()
        if selected.daily is not None
    ]
    assert report.assistants.keys() == selected.assistants.keys()
    for order, figures in selected.assistants.items():
        names = ("assistant_id", "assistant_name", *figures)
        assert [_chosen(stat._asdict(), names) for stat in report.assistants[order]] == [
            _chosen(stat, names) for stat in whole["top_assistants"]
        ]
    is_asked = selected.figures or selected.daily is not None or selected.assistants
    assert len(statements) == (1 if is_asked else 0)


@given(calls=_calls)
@hypothesis_settings(max_examples=15)
def test_days_and_assistants_add_up_to_the_totals(platform: Platform, calls: list[Any]) -> None:
    organization, _ = _fill(platform, calls)

    report = _report(platform, organization, Period.LAST_90_DAYS)

    for figure, total in (
        ("total", report.total_calls),
        ("completed", report.completed_calls),
        ("failed", report.failed_calls),
    ):
        assert sum(getattr(day, figure) for day in report.daily_stats) == total
    everyone = Selection(
        assistants={MOST_CALLS: frozenset({"calls"})}, assistant_limits={MOST_CALLS: 100}
    )
    question = Question(Period.LAST_90_DAYS, everyone)
    ranking = _report(platform, organization, question).assistants[MOST_CALLS]
    assert sum(stat.calls or 0 for stat in ranking) == report.total_calls


def _fill(platform: Platform, calls: list[Any]) -> tuple[int, int]:
    """Two organizations whose assistants' ids interleave, with calls in both."""
    platform.clear()
    organizations = platform.add_organization(), platform.add_organization()
    assistants = [platform.add_assistant(organizations[number % 2]) for number in range(14)]
    platform.add_calls(
        [
            {
                "assistant_id": assistants[number],
                "status": status,
                "duration": duration,
                "started_at": started_at,
            }
            for number, status, duration, started_at in calls
        ]
    )
    return organizations


def _report(platform: Platform, organization: int, asked: Question | Period) -> Report:
    """The report from rollups, which must be the one from calls in all but its sources."""
    question = documented_figures(asked) if isinstance(asked, Period) else asked
    from_rollups, from_calls = (
        _answer(platform, organization, question, may_use_rollups=may_use_rollups)
        for may_use_rollups in (True, False)
    )
    assert from_calls == replace(from_rollups, sources=from_calls.sources)
    return replace(from_rollups, sources=())


def _answer(
    platform: Platform,
    organization: int,
    question: Question,
    *,
    may_use_rollups: bool,
) -> Report:
    analytics = Analytics(Servers(platform.reader), may_use_rollups=may_use_rollups)
    report = platform.run(analytics.report(organization, question, now=NOW))
    assert isinstance(report, Report)
    return report


def _body(report: Report) -> Row:
    """A report in the oracle's shape."""
    body: Row = {figure: getattr(report, figure) for figure in TOTALS}
    body["daily_stats"] = {
        day.date.isoformat(): _chosen(day._asdict(), DAILY) for day in report.daily_stats
    }
    names = ("assistant_id", "assistant_name", *LISTED)
    body["top_assistants"] = [
        _chosen(stat._asdict(), names) for stat in report.assistants[MOST_CALLS]
    ]
    return body


def _chosen(row: Row, names: Any) -> Row:
    return {name: row[name] for name in names}


def _call(assistant: int, status: str, duration: int | None, started_at: str | None) -> Row:
    return {
        "assistant_id": assistant,
        "status": status,
        "duration": duration,
        "started_at": started_at and datetime.fromisoformat(started_at),
    }
