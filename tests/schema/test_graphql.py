"""``callAnalytics``: the oracle's figures, for what is selected and nothing else."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from call_analytics.resolvers.window import ROLLING, Period
from call_analytics.schema.scalars import IANA_TIME_ZONES, RFC_3339
from tests.conftest import Ask, on_sqlite
from tests.platform import PERIOD_DAYS, Platform, recorded_statements
from tests.tenants import Tenant, make_tenant

NAMES = {
    "totalCalls": "total_calls",
    "completedCalls": "completed_calls",
    "failedCalls": "failed_calls",
    "ongoingCalls": "ongoing_calls",
    "totalDuration": "total_duration",
    "avgDuration": "avg_duration",
    "successRate": "success_rate",
}
EVERYTHING = f"""{{
  {" ".join(NAMES)}
  dailyStats {{ date total completed failed }}
  topAssistants {{ assistantId assistantName calls duration }}
}}"""


def in_rest_shape(answer: dict[str, Any]) -> dict[str, Any]:
    """A full GraphQL answer as the REST endpoint would give it."""
    return {name: answer[field] for field, name in NAMES.items()} | {
        "daily_stats": {day.pop("date"): day for day in answer["dailyStats"]},
        "top_assistants": [
            {
                "assistant_id": stat["assistantId"],
                "assistant_name": stat["assistantName"],
                "calls": stat["calls"],
                "duration": stat["duration"],
            }
            for stat in answer["topAssistants"]
        ],
    }


@pytest.mark.parametrize("period", ROLLING)
def test_graphql_rest_and_the_oracle_agree(
    platform: Platform, client: TestClient, ask: Ask, tenant: Tenant, period: Period
) -> None:
    make_tenant(platform)
    expected = platform.expected(tenant.organization_id, period.value)

    answer = ask(f"{{ callAnalytics(period: {period.name}) {EVERYTHING} }}")
    rest = client.get(
        f"/api/v1/calls/analytics?period={period.value}", headers=tenant.headers
    ).json()

    assert in_rest_shape(answer["data"]["callAnalytics"]) == rest == expected
    assert expected["total_calls"] > 0


def test_the_default_period_is_seven_days(ask: Ask, platform: Platform, tenant: Tenant) -> None:
    assert ask("{ callAnalytics { period windowStart windowEnd totalCalls } }") == {
        "data": {
            "callAnalytics": {
                "period": "LAST_7_DAYS",
                "windowStart": "2026-03-03T12:00:00+00:00",
                "windowEnd": "2026-03-10T12:00:00+00:00",
                "totalCalls": platform.expected(tenant.organization_id, "7d")["total_calls"],
            }
        }
    }


@pytest.mark.parametrize(
    ("document", "statements"),
    [
        ("{ callAnalytics { period windowStart } }", 0),
        ("{ __typename }", 0),
        ("{ callAnalytics { totalCalls } }", 1),
        (f"{{ callAnalytics {EVERYTHING} }}", 1),
        (
            (
                "{ a: callAnalytics { totalCalls } b: callAnalytics { failedCalls } "
                f"c: callAnalytics(period: LAST_90_DAYS) {EVERYTHING} }}"
            ),
            3,
        ),
        ("{ callAnalytics { totalCalls } callAnalytics { failedCalls } }", 1),
        ("{ a: callAnalytics { totalCalls } b: callAnalytics { totalCalls } }", 2),
    ],
)
def test_each_field_runs_one_statement(ask: Ask, document: str, statements: int) -> None:
    ask("{ callAnalytics { totalCalls } }")  # the key is known from now on

    with recorded_statements() as recorded:
        ask(document)

    assert len(recorded) == statements, recorded


def test_totals_are_not_grouped(ask: Ask) -> None:
    ask("{ callAnalytics { totalCalls } }")

    with recorded_statements() as recorded:
        ask("{ callAnalytics { totalCalls } }")

    assert "GROUP BY" not in recorded[0]
    assert "duration, 0)" not in recorded[0]
    assert "duration !=" not in recorded[0]


def test_one_request_has_one_now(ask: Ask) -> None:
    answer = ask("{ a: callAnalytics { windowEnd } b: callAnalytics { windowEnd } }")

    assert answer["data"]["a"] == answer["data"]["b"]


SAME_SELECTIONS = [
    "{ callAnalytics { totalCalls dailyStats { date total } } }",
    (
        "{ ...F } fragment F on Query { callAnalytics { ...G } } "
        "fragment G on CallAnalytics { totalCalls ...H } "
        "fragment H on CallAnalytics { dailyStats { ...I } } fragment I on DailyStat { date total }"
    ),
    (
        "query($yes: Boolean!, $no: Boolean = false) { callAnalytics { "
        "totalCalls @include(if: $yes) failedCalls @include(if: $no) "
        "dailyStats @skip(if: $no) { date total failed @skip(if: $yes) } "
        "topAssistants @skip(if: $yes) { calls } } }"
    ),
    (
        "query($yes: Boolean!) { callAnalytics { ... on CallAnalytics @include(if: $yes) "
        "{ totalCalls } ... @skip(if: $yes) { avgDuration } dailyStats { date } "
        "dailyStats { total } } }"
    ),
]


@pytest.mark.parametrize("document", SAME_SELECTIONS)
def test_however_it_is_selected_it_is_the_same(ask: Ask, document: str) -> None:
    plain = SAME_SELECTIONS[0]
    variables = {"yes": True}
    with recorded_statements() as first:
        expected = ask(plain)
    with recorded_statements() as second:
        answer = ask(document, variables)

    assert answer == expected
    assert second[-1] == first[-1]


def test_aliases_inside_the_field_are_answered(
    ask: Ask, platform: Platform, tenant: Tenant
) -> None:
    expected = platform.expected(tenant.organization_id, "90d", limit=100)

    answer = ask(
        "{ callAnalytics(period: LAST_90_DAYS) { n: totalCalls "
        "all: topAssistants(limit: 100) { id: assistantId calls } "
        "two: topAssistants(limit: 2) { id: assistantId } days: dailyStats { d: date } } }"
    )["data"]["callAnalytics"]

    ranking = expected["top_assistants"]
    assert len(ranking) == 12
    assert answer == {
        "n": expected["total_calls"],
        "two": [{"id": stat["assistant_id"]} for stat in ranking[:2]],
        "all": [{"id": stat["assistant_id"], "calls": stat["calls"]} for stat in ranking],
        "days": [{"d": day} for day in expected["daily_stats"]],
    }


VALUES = (
    "Its values: LAST_1_DAY, LAST_7_DAYS, LAST_30_DAYS, LAST_90_DAYS, TODAY, THIS_WEEK, "
    "THIS_MONTH, THIS_QUARTER, THIS_YEAR, YESTERDAY, LAST_WEEK, LAST_MONTH, LAST_QUARTER, "
    "LAST_YEAR."
)
VARIABLE = "query($p: Period!) { callAnalytics(period: $p) { id } }"


@on_sqlite
@pytest.mark.parametrize(
    ("document", "value", "problem"),
    [
        (VARIABLE, "LAST_5_DAYS", "Value 'LAST_5_DAYS' does not exist in 'Period' enum."),
        (VARIABLE, "7d", "Value '7d' does not exist in 'Period' enum."),
        (VARIABLE, 7, "Enum 'Period' cannot represent non-string value: 7."),
        (
            "{ callAnalytics(period: WEEK) { id } }",
            None,
            "Value 'WEEK' does not exist in 'Period' enum.",
        ),
        (
            '{ callAnalytics(period: "7d") { id } }',
            None,
            "Enum 'Period' cannot represent non-enum value: \"7d\".",
        ),
    ],
)
def test_a_wrong_enum_lists_the_values(
    client: TestClient, tenant: Tenant, document: str, value: Any, problem: str
) -> None:
    body = {"query": document, "variables": {"p": value}}
    answer = client.post("/graphql", json=body, headers=tenant.headers).json()

    (error,) = answer["errors"]
    prefix = "Variable '$p' has invalid value: " if value is not None else ""
    assert error["message"] == f"{prefix}{problem} {VALUES}"


def test_code_generators_learn_the_form_of_dates_and_times(client: TestClient) -> None:
    query = "{ __schema { types { name specifiedByURL } } }"
    types = client.post("/graphql", json={"query": query}).json()["data"]["__schema"]["types"]

    assert {one["name"] for one in types if one["specifiedByURL"]} == {
        "Date",
        "DateTime",
        "TimeZone",
    }
    assert {one["specifiedByURL"] for one in types} == {None, RFC_3339, IANA_TIME_ZONES}


@on_sqlite
@pytest.mark.parametrize("limit", [0, -1, 101, 2**31 - 1])
def test_an_absurd_limit_is_refused_before_any_statement(ask: Ask, limit: int) -> None:
    ask("{ callAnalytics { totalCalls } }")

    with recorded_statements() as recorded:
        answer = ask(
            "query($n: Int!) { callAnalytics { topAssistants(limit: $n) { calls } } }",
            {"n": limit},
        )

    assert recorded == []
    assert answer == {
        "data": None,
        "errors": [
            {
                "message": f"topAssistants: limit must be 1 to 100, not {limit}.",
                "locations": [{"line": 1, "column": 19}],
                "path": ["callAnalytics"],
                "extensions": {"code": "BAD_USER_INPUT"},
            }
        ],
    }


@on_sqlite
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer burki_wrong"},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic YTpi"},
        {"X-API-Key": "burki_wrong"},
    ],
)
def test_without_a_key_nothing_is_told(
    client: TestClient, tenant: Tenant, headers: dict[str, str]
) -> None:
    assert tenant
    with recorded_statements() as recorded:
        response = client.post(
            "/graphql", json={"query": "{ callAnalytics { totalCalls } }"}, headers=headers
        )

    assert all("calls" not in statement for statement in recorded)
    assert response.json()["data"] is None
    assert [error["extensions"] for error in response.json()["errors"]] == [
        {"code": "UNAUTHENTICATED"}
    ]


def test_without_a_key_no_statement_is_run(client: TestClient) -> None:
    with recorded_statements() as recorded:
        client.post("/graphql", json={"query": "{ callAnalytics { totalCalls } }"})

    assert recorded == []


def test_what_belongs_to_nobody_needs_no_key(client: TestClient) -> None:
    response = client.post("/graphql", json={"query": "{ __schema { queryType { name } } }"})

    assert response.json() == {"data": {"__schema": {"queryType": {"name": "Query"}}}}


@pytest.mark.generates_documents
@given(data=st.data())
@hypothesis_settings(max_examples=40)
def test_any_selection_gets_the_oracle_s_figures(
    ask: Ask, platform: Platform, tenant: Tenant, data: st.DataObject
) -> None:
    aliases = data.draw(
        st.lists(
            st.tuples(
                st.sampled_from(sorted(PERIOD_DAYS)),
                # 4 x 12 fields repeat at most 44, and a document may repeat 50.
                st.lists(st.sampled_from(sorted(NAMES)), min_size=1, max_size=12),
            ),
            min_size=1,
            max_size=4,
        )
    )
    periods = {period.value: period.name for period in ROLLING}
    document = " ".join(
        f"a{number}: callAnalytics(period: {periods[period]}) {{ {' '.join(fields)} }}"
        for number, (period, fields) in enumerate(aliases)
    )

    answer = ask(f"{{ {document} }}")["data"]

    for number, (period, fields) in enumerate(aliases):
        expected = platform.expected(tenant.organization_id, period)
        assert answer[f"a{number}"] == {field: expected[NAMES[field]] for field in fields}
