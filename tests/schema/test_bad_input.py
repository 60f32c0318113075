"""Arguments that make no sense: one line each, with a code, and before any statement."""

import json
from typing import Any

import pytest

from tests.conftest import Ask
from tests.platform import recorded_statements

IDS = list(range(501))
EDGES = list(range(1, 102))
FIELDS = "{ totalCalls }"

LISTS = (
    "totalCalls dailyStats { date } series { end } topAssistants { calls } hoursOfWeek { hour } "
    "statuses { calls } durations { min histogram(edges: []) { calls } }"
)

# What is asked, and the error's message.
CASES: list[tuple[str, str]] = [
    ("{ calls(first: 1, last: 1) { totalCount } }", "calls: give `first` or `last`, not both."),
    ("{ calls(first: 0) { totalCount } }", "calls: `first` must be 1 to 500, not 0."),
    ("{ calls(last: 501) { totalCount } }", "calls: `last` must be 1 to 500, not 501."),
    (
        f"{{ calls(statuses: {json.dumps(list(map(str, IDS)))}) {{ totalCount }} }}",
        "calls: `statuses` may hold 100 at most, not 501.",
    ),
    (
        "{ calls(first: 300) { nodes { id } } previous { calls(first: 201) { nodes { id } } } }",
        (
            "callAnalytics: its pages of calls, with those of `previous`, may have 500 calls "
            "together, not 501."
        ),
    ),
    (
        '{ calls(before: "MTIz") { nodes { id } } }',
        "calls: `before` is no cursor of your calls; send one as an earlier page had it.",
    ),
    (
        f'(period: TODAY, dates: {{first: "2026-03-01", last: "2026-03-02"}}) {FIELDS}',
        "Give one window: not `period` and `dates` at once.",
    ),
    (
        (
            '(dates: {first: "2026-03-01", last: "2026-03-02"}, instants: '
            f'{{start: "2026-03-01T00:00:00Z", end: "2026-03-02T00:00:00Z"}}) {FIELDS}'
        ),
        "Give one window: not `dates` and `instants` at once.",
    ),
    (
        f'(dates: {{first: "2026-03-02", last: "2026-03-01"}}) {FIELDS}',
        "`first` (2026-03-02) is after `last` (2026-03-01).",
    ),
    (
        f'(instants: {{start: "2026-03-01T01:00:00+01:00", end: "2026-03-01T00:00:00Z"}}) {FIELDS}',
        ("`start` (2026-03-01T01:00:00+01:00) is not before `end` (2026-03-01T00:00:00+00:00)."),
    ),
    (
        f'(instants: {{start: "2026-03-01T00:00:00", end: "2026-03-02T00:00:00Z"}}) {FIELDS}',
        "`start` (2026-03-01T00:00:00) has no offset from UTC, such as Z or +02:00.",
    ),
    (
        f'(dates: {{first: "1969-12-31", last: "1970-01-01"}}) {FIELDS}',
        "`first` (1969-12-31) is outside the years 1970 to 2200.",
    ),
    (
        f'(instants: {{start: "2200-01-01T00:00:00Z", end: "2201-01-01T00:00:00Z"}}) {FIELDS}',
        "`end` (2201-01-01T00:00:00+00:00) is outside the years 1970 to 2200.",
    ),
    (
        f'(dates: {{first: "2010-01-01", last: "2020-01-09"}}) {FIELDS}',
        "The dates may span 3,660 days at most, not 3,661.",
    ),
    (
        (
            '(dates: {first: "2026-01-01", last: "2026-03-09"}) '
            "{ series(grain: QUARTER_HOUR) { totalCalls } }"
        ),
        (
            "series: QUARTER_HOUR would make 6,528 points, and 2,500 are the limit; HOUR would "
            "make 1,632."
        ),
    ),
    (
        (
            "(period: LAST_90_DAYS) { a: series(grain: HOUR) { totalCalls } "
            "previous { b: series(grain: HOUR) { end } c: series(grain: HOUR) { start } } }"
        ),
        "series and dailyStats: together they would make 6,481 points, and 5,000 are the limit.",
    ),
    (
        (
            '(dates: {first: "2016-03-06", last: "2026-03-09"}) '
            "{ dailyStats { date } previous { dailyStats { date } } }"
        ),
        "series and dailyStats: together they would make 7,312 points, and 5,000 are the limit.",
    ),
    (
        f'(timeZone: "Europe/Kiyv") {FIELDS}',
        (
            "There is no time zone 'Europe/Kiyv'. Did you mean 'Europe/Kyiv' or "
            "'Europe/Kiev' or 'Europe/Kirov'?"
        ),
    ),
    (f"(assistantIds: {IDS}) {FIELDS}", "`assistantIds` may hold 500 ids at most, not 501."),
    (
        "{ durations { percentile(percent: 0) } }",
        "percentile: percent must be above 0 and at most 100, not 0.",
    ),
    (
        "{ durations { percentile(percent: 100.5) } }",
        "percentile: percent must be above 0 and at most 100, not 100.5.",
    ),
    (
        "{ durations { histogram(edges: [30, 30]) { calls } } }",
        "histogram: edges must ascend, and be above 0; 30 comes after 30.",
    ),
    (
        "{ durations { histogram(edges: [0]) { calls } } }",
        "histogram: edges must ascend, and be above 0; 0 comes after 0.",
    ),
    (
        f"{{ durations {{ histogram(edges: {EDGES}) {{ calls }} }} }}",
        "histogram: edges may hold 100 numbers at most, not 101.",
    ),
    (
        "{ " + f"{LISTS} previous {{ " * 3 + LISTS + " }" * 4,
        "callAnalytics: its lists, with those of `previous`, are 32, and 24 are the limit.",
    ),
    (
        "{ topAssistants(minCalls: 0) { calls } }",
        "topAssistants: minCalls must be 1 to 2147483647, not 0.",
    ),
    (
        "{ previous { topAssistants(limit: 101) { calls } } }",
        "topAssistants: limit must be 1 to 100, not 101.",
    ),
]


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is tested here is the same on every database."""
    return sqlite_url


@pytest.mark.parametrize(("asked", "message"), CASES, ids=[message for _, message in CASES])
def test_it_is_refused_before_any_statement(ask: Ask, asked: str, message: str) -> None:
    ask("{ callAnalytics { totalCalls } }")  # it looks for rollups

    with recorded_statements() as statements:
        answer = ask(f"{{ callAnalytics {asked} }}")

    assert _errors(answer) == [(message, "BAD_USER_INPUT")]
    assert answer["data"] is None
    assert statements == []


# The declaration of a variable, its use, and values that are refused.
VARIABLES: list[tuple[str, str, Any, str]] = [
    ("$z: TimeZone!", "timeZone: $z", "Mars/Olympus", "There is no time zone"),
    ("$z: TimeZone!", "timeZone: $z", 5, "Variable '$z' has invalid value"),
    ('$z: TimeZone! = "No/Where"', "timeZone: $z", ..., "There is no time zone"),
    ("$d: DateRange", "dates: $d", {"first": "2026-03-02", "last": "2026-03-01"}, "`first`"),
    ("$d: DateRange", "dates: $d", {"first": "2026-03-32", "last": "2026-04-01"}, "Variable '$d'"),
    ("$d: DateRange", "dates: $d", {"first": 20260301, "last": "2026-03-02"}, "Variable '$d'"),
    ("$d: DateRange", "dates: $d", {"first": "2026-03-01", "last": True}, "Variable '$d'"),
    ("$i: InstantRange", "instants: $i", {"start": 1, "end": "2026-03-02T00:00Z"}, "Variable '$i'"),
    ("$i: [Int!]", "assistantIds: $i", IDS, "`assistantIds` may hold 500 ids"),
    ("$i: [Int!]", "assistantIds: $i", [2**31], "Variable '$i' has invalid value"),
]


@pytest.mark.parametrize(("declared", "used", "value", "message"), VARIABLES)
def test_variables_are_refused_alike(
    ask: Ask, declared: str, used: str, value: Any, message: str
) -> None:
    name = declared[1]
    variables = {} if value is ... else {name: value}

    answer = ask(f"query({declared}) {{ callAnalytics({used}) {{ totalCalls }} }}", variables)

    ((found, code),) = _errors(answer)
    assert message in found
    assert "\n" not in found
    assert code == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    ("window", "message"),
    [
        ('dates: {first: 20260301, last: "2026-03-02"}', "Date cannot represent"),
        ("dates: {first: TODAY, last: []}", "Date cannot represent"),
        ('dates: {first: "2026-02-30", last: "2026-03-02"}', "'2026-02-30'; write it as in '2026-"),
        ('instants: {start: "now", end: "then"}', "'now'; write it as in '2026-03-10T12:00:00Z'"),
        ("instants: {start: 1.5, end: {}}", "DateTime cannot represent"),
        ("timeZone: 5", "TimeZone cannot represent"),
        ("timeZone: {name: UTC}", "TimeZone cannot represent"),
    ],
)
def test_a_literal_of_another_kind_is_no_fault_of_ours(ask: Ask, window: str, message: str) -> None:
    found = _errors(ask(f"{{ callAnalytics({window}) {{ totalCalls }} }}"))

    assert message in found[0][0]
    assert {code for _, code in found} == {"GRAPHQL_VALIDATION_FAILED"}


def test_nulls_are_as_nothing(ask: Ask) -> None:
    nothing = ask("{ callAnalytics { id period totalCalls } }")
    nulls = "period: null, dates: null, instants: null, assistantIds: null"

    assert ask(f"{{ callAnalytics({nulls}) {{ id period totalCalls }} }}") == nothing
    variables = "query($p: Period, $d: DateRange, $i: InstantRange, $a: [Int!])"
    given = "period: $p, dates: $d, instants: $i, assistantIds: $a"
    document = f"{variables} {{ callAnalytics({given}) {{ id period totalCalls }} }}"
    assert ask(document) == nothing
    assert ask(document, dict.fromkeys("pdia")) == nothing
    assert ask(document, {"p": "LAST_7_DAYS"}) == nothing


def _errors(answer: dict[str, Any]) -> list[tuple[str, str]]:
    return [(error["message"], error["extensions"]["code"]) for error in answer["errors"]]


def test_too_many_statuses_are_refused(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("call_analytics.resolvers.sections.MAX_STATUSES", 4)
    document = "{ callAnalytics(period: LAST_90_DAYS) { statuses { status } } }"
    assert len(ask(document)["data"]["callAnalytics"]["statuses"]) == 4

    monkeypatch.setattr("call_analytics.resolvers.sections.MAX_STATUSES", 3)
    assert _errors(ask(document)) == [
        (
            (
                "statuses: the calls of this window have more than 3 different statuses. Choose a "
                "shorter window."
            ),
            "BAD_USER_INPUT",
        )
    ]
