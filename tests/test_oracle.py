"""The oracle itself: examples whose answers were worked out by hand."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests import oracle
from tests.oracle import Row

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
ASSISTANTS: list[Row] = [
    {"id": 1, "organization_id": 7, "name": "Support Bot"},
    {"id": 2, "organization_id": 7, "name": "Sales Rep"},
    {"id": 3, "organization_id": 7, "name": "Idle"},
    {"id": 4, "organization_id": 8, "name": "Another's"},
]


def _call(assistant: int, status: str, duration: int | None, started_at: str | None) -> Row:
    moment = started_at and datetime.fromisoformat(started_at).astimezone(UTC)
    return {
        "assistant_id": assistant,
        "status": status,
        "duration": duration,
        "started_at": moment and moment.replace(tzinfo=None),
    }


CALLS = [
    _call(1, "completed", 300, "2026-03-03T12:00:00Z"),
    _call(1, "completed", 0, "2026-03-05T23:59:59.999999Z"),
    _call(1, "failed", 20, "2026-03-06T00:00:00Z"),
    _call(2, "completed", 60, "2026-03-06T08:00:00Z"),
    _call(2, "ongoing", None, "2026-03-10T11:59:00Z"),
    _call(2, "busy", None, "2026-03-10T13:00:00Z"),
    _call(1, "completed", 999, "2026-03-03T11:59:59.999999Z"),
    _call(1, "completed", 999, None),
    _call(4, "completed", 999, "2026-03-06T00:00:00Z"),
]


def _answer(calls: list[Row] = CALLS, **arguments: Any) -> oracle.Answer:
    arguments.setdefault("now", NOW)
    return oracle.answer(calls, ASSISTANTS, organization=7, **arguments)


FIGURES = {
    "totalCalls": 6,
    "completedCalls": 3,
    "failedCalls": 1,
    "ongoingCalls": 1,
    "otherCalls": 1,
    "totalDuration": 360,
    "avgDuration": 180,
    "successRate": 50,
    "failureRate": 100 / 6,
    "durationOfAllStatuses": 380,
}
NOTHING = dict.fromkeys(FIGURES, 0)


def test_the_worked_example() -> None:
    answer = _answer()

    assert answer.bounds() == {
        "timeZone": "UTC",
        "windowStart": "2026-03-03T12:00:00+00:00",
        "windowEnd": "2026-03-10T12:00:00+00:00",
        "asOf": "2026-03-10T12:00:00+00:00",
    }
    assert answer.figures() == FIGURES
    assert answer.daily_stats() == [
        {"date": "2026-03-03", "total": 1, "completed": 1, "failed": 0},
        {"date": "2026-03-05", "total": 1, "completed": 1, "failed": 0},
        {"date": "2026-03-06", "total": 2, "completed": 1, "failed": 1},
        {"date": "2026-03-10", "total": 2, "completed": 0, "failed": 0},
    ]
    assert [
        (item["assistantId"], item["assistantName"], item["calls"], item["duration"])
        for item in answer.top_assistants()
    ] == [(1, "Support Bot", 3, 320), (2, "Sales Rep", 3, 60)]
    assert answer.statuses() == [
        {"status": "completed", "calls": 3, "duration": 360},
        {"status": "busy", "calls": 1, "duration": 0},
        {"status": "failed", "calls": 1, "duration": 20},
        {"status": "ongoing", "calls": 1, "duration": 0},
    ]
    assert answer.durations() == {"min": 60, "max": 300}
    assert [answer.percentile(percent) for percent in (0.1, 50, 50.1, 100)] == [60, 60, 300, 300]
    assert answer.histogram([60, 61]) == [
        {"from": 0, "to": 60, "calls": 0},
        {"from": 60, "to": 61, "calls": 1},
        {"from": 61, "to": None, "calls": 1},
    ]
    assert answer.previous().figures()["totalDuration"] == 999
    assert answer.previous().previous().figures() == NOTHING


def test_a_series_has_every_bucket_and_adds_up() -> None:
    points = _answer().series("DAY")

    assert [(point["start"][:10], point["totalCalls"], point["isPartial"]) for point in points] == [
        ("2026-03-03", 1, True),
        ("2026-03-04", 0, False),
        ("2026-03-05", 1, False),
        ("2026-03-06", 2, False),
        ("2026-03-07", 0, False),
        ("2026-03-08", 0, False),
        ("2026-03-09", 0, False),
        ("2026-03-10", 2, True),  # with the call that is stamped later than now
    ]
    assert points[1] == {
        "start": "2026-03-04T00:00:00+00:00",
        "end": "2026-03-05T00:00:00+00:00",
        "isPartial": False,
        **NOTHING,
    }
    hours = _answer().series("HOUR")
    assert len(hours) == 7 * 24 + 1  # one begins at now
    assert (hours[-1]["totalCalls"], hours[-2]["totalCalls"]) == (1, 1)
    week = _answer(week_starts_on="SUNDAY").series("WEEK")
    assert [(point["start"][:10], point["totalCalls"]) for point in week] == [
        ("2026-03-01", 4),
        ("2026-03-08", 2),
    ]
    (month,) = _answer(zone="Asia/Kathmandu").series("MONTH")
    assert (month["start"], month["end"]) == (
        "2026-03-01T00:00:00+05:45",
        "2026-04-01T00:00:00+05:45",
    )


@pytest.mark.parametrize(
    ("start", "end", "points"),
    [
        ("2026-03-10T13:00Z", "2026-03-10T14:00Z", 1),  # its bucket has begun before now
        ("2026-03-11T00:00Z", "2026-03-12T00:00Z", 0),
    ],
)
def test_a_series_of_a_window_in_the_future(start: str, end: str, points: int) -> None:
    answer = _answer(asked={"instants": {"start": start, "end": end}})

    assert [point["totalCalls"] for point in answer.series("DAY")] == [1] * points


def test_dates_and_hours_are_those_of_the_zone() -> None:
    answer = _answer(zone="America/New_York", asked={"period": "LAST_30_DAYS"})

    assert [(day["date"], day["total"]) for day in answer.daily_stats()] == [
        ("2026-03-03", 2),
        ("2026-03-05", 2),
        ("2026-03-06", 1),
        ("2026-03-10", 2),
    ]
    hours = answer.hours_of_week()
    assert len(hours) == 168
    assert {
        (hour["weekday"], hour["hour"]): hour["totalCalls"]
        for hour in hours
        if hour["totalCalls"] > 0
    } == {
        ("TUESDAY", 6): 1,
        ("TUESDAY", 7): 2,
        ("TUESDAY", 9): 1,
        ("THURSDAY", 18): 1,
        ("THURSDAY", 19): 1,
        ("FRIDAY", 3): 1,
    }
    first = _answer(week_starts_on="SATURDAY").hours_of_week()
    assert [(hour["weekday"], hour["hour"]) for hour in (first[0], first[24], first[167])] == [
        ("SATURDAY", 0),
        ("SUNDAY", 0),
        ("FRIDAY", 23),
    ]


@pytest.mark.parametrize(
    ("zone", "day", "starts"),
    [
        (
            "Europe/Berlin",
            "2026-10-25",
            ["01:00:00+02:00", "02:00:00+02:00", "02:00:00+01:00", "03:00:00+01:00"],
        ),
        ("Europe/Berlin", "2026-03-29", ["01:00:00+01:00", "03:00:00+02:00"]),
        (
            "Australia/Lord_Howe",
            "2026-04-05",
            ["01:00:00+11:00", "01:30:00+10:30", "02:00:00+10:30", "03:00:00+10:30"],
        ),
        (
            "Australia/Lord_Howe",
            "2026-10-04",
            ["01:00:00+10:30", "02:30:00+11:00", "03:00:00+11:00"],
        ),
        ("Africa/Cairo", "2026-04-24", ["01:00:00+03:00", "02:00:00+03:00", "03:00:00+03:00"]),
        ("America/Santiago", "2026-09-06", ["01:00:00-03:00", "02:00:00-03:00", "03:00:00-03:00"]),
    ],
)
def test_hours_that_clocks_repeat_or_skip(zone: str, day: str, starts: list[str]) -> None:
    answer = _answer(
        zone=zone,
        asked={"dates": {"first": day, "last": day}},
        now=datetime(2027, 1, 1, tzinfo=UTC),
    )

    points = answer.series("HOUR")
    assert [
        point["start"][11:] for point in points if "01:00:00" <= point["start"][11:19] <= "03:00:00"
    ] == starts
    assert not any(point["isPartial"] for point in points)


def test_a_skipped_date_is_no_day() -> None:
    dates = {"dates": {"first": "2011-12-29", "last": "2011-12-31"}}

    assert [point["start"] for point in _answer(zone="Pacific/Apia", asked=dates).series()] == [
        "2011-12-29T00:00:00-10:00",
        "2011-12-31T00:00:00+14:00",
    ]
    skipped = {"dates": {"first": "2011-12-30", "last": "2011-12-30"}}
    assert _answer(zone="Pacific/Apia", asked=skipped).series("WEEK") == []


def test_assistants_in_any_order() -> None:
    def ids(*order: str, **arguments: Any) -> list[int]:
        found = _answer().top_assistants(order_by=(order[0], order[1]), **arguments)
        return [item["assistantId"] for item in found]

    assert ids("TOTAL_CALLS", "DESC") == ids("TOTAL_CALLS", "ASC") == [1, 2]
    assert ids("SUCCESS_RATE", "ASC") == [2, 1]
    assert ids("NAME", "ASC") == [2, 1]
    assert ids("DURATION_OF_ALL_STATUSES", "DESC", limit=1) == [1]
    assert ids("NAME", "ASC", min_calls=4) == []


def test_assistants_of_another_organization_are_nobody() -> None:
    assert _answer(assistant_ids=[2, 4, 99]).figures()["totalCalls"] == 3
    assert _answer(assistant_ids=[4]).figures() == _answer(assistant_ids=[]).figures() == NOTHING
    assert _answer(assistant_ids=[]).durations() == {"min": None, "max": None}
    assert _answer(assistant_ids=[]).percentile(50) is None


@given(
    calls=st.lists(
        st.builds(
            lambda assistant, status, duration, moment: {
                "assistant_id": assistant,
                "status": status,
                "duration": duration,
                "started_at": moment,
            },
            st.integers(1, 4),
            st.sampled_from(["completed", "failed", "ongoing", "busy"]),
            st.none() | st.integers(0, 99),
            st.none() | st.datetimes(datetime(2026, 2, 28), datetime(2026, 3, 12)),
        ),
        max_size=30,
    )
)
@hypothesis_settings(max_examples=50)
def test_both_oracles_agree(calls: list[Row]) -> None:
    rest = oracle.analytics(calls, ASSISTANTS, 7, 7, NOW.replace(tzinfo=None))
    answer = _answer(calls)
    figures = answer.figures()

    assert rest == {
        "total_calls": figures["totalCalls"],
        "completed_calls": figures["completedCalls"],
        "failed_calls": figures["failedCalls"],
        "ongoing_calls": figures["ongoingCalls"],
        "total_duration": figures["totalDuration"],
        "avg_duration": figures["avgDuration"],
        "success_rate": figures["successRate"],
        "daily_stats": {day.pop("date"): day for day in answer.daily_stats()},
        "top_assistants": [
            {
                "assistant_id": item["assistantId"],
                "assistant_name": item["assistantName"],
                "calls": item["calls"],
                "duration": item["duration"],
            }
            for item in answer.top_assistants()
        ],
    }
