"""Laws that hold between the parts of an answer, whatever the calls are."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.conftest import Ask
from tests.platform import Platform
from tests.tenants import Tenant
from tests.zones import ZONES

COUNTS = ("totalCalls", "completedCalls", "failedCalls", "ongoingCalls", "otherCalls")
SUMS = (*COUNTS, "totalDuration", "durationOfAllStatuses")
FIGURES = " ".join((*SUMS, "avgDuration", "successRate", "failureRate"))
ZONE_NAMES = [zone.name for zone in ZONES]


@pytest.mark.parametrize("zone", ZONE_NAMES)
def test_every_list_adds_up_to_the_totals(ask: Ask, zone: str) -> None:
    document = f"""
    query($zone: TimeZone!) {{
      callAnalytics(period: LAST_30_DAYS, timeZone: $zone) {{
        ...F
        dailyStats {{ total completed failed }}
        hours: series(grain: HOUR) {{ ...F }}
        days: series {{ ...F }}
        weeks: series(grain: WEEK) {{ ...F }}
        months: series(grain: MONTH) {{ ...F }}
        topAssistants(limit: 100) {{ ...F calls duration }}
        hoursOfWeek {{ ...F }}
        statuses {{ status calls duration }}
        durations {{ histogram(edges: [31]) {{ calls }} }}
      }}
    }}
    fragment F on CallFigures {{ {FIGURES} }}
    """
    answer = ask(document, {"zone": zone})["data"]["callAnalytics"]

    assert answer["totalCalls"] > 0
    for name in ("hours", "days", "weeks", "months", "topAssistants", "hoursOfWeek"):
        for figure in SUMS:
            assert sum(item[figure] for item in answer[name]) == answer[figure], (name, figure)
    days = answer["dailyStats"]
    for figure in ("total", "completed", "failed"):
        assert sum(day[figure] for day in days) == answer[f"{figure}Calls"]
    by_status = {item["status"]: item["calls"] for item in answer["statuses"]}
    for status in ("completed", "failed", "ongoing"):
        assert by_status.pop(status) == answer[f"{status}Calls"]
    assert sum(by_status.values()) == answer["otherCalls"]
    assert sum(item["duration"] for item in answer["statuses"]) == answer["durationOfAllStatuses"]
    bins = [item["calls"] for item in answer["durations"]["histogram"]]
    assert answer["totalDuration"] / sum(bins) == answer["avgDuration"]
    for item in answer["topAssistants"]:
        assert (item["calls"], item["duration"]) == (
            item["totalCalls"],
            item["durationOfAllStatuses"],
        )


@pytest.mark.parametrize(
    "window",
    [
        "period: LAST_7_DAYS",
        "period: THIS_MONTH",
        "period: LAST_WEEK",
        'dates: {first: "2026-03-01", last: "2026-03-09"}',
        'instants: {start: "2026-03-01T05:00:00Z", end: "2026-03-02T00:00:00Z"}',
    ],
)
def test_the_window_before_is_the_same_asked_by_its_instants(ask: Ask, window: str) -> None:
    lists = f"{FIGURES} series {{ start totalCalls }} statuses {{ status calls }}"
    asked = f'{window}, timeZone: "America/New_York"'
    bounds = "windowStart windowEnd"
    answer = ask(
        f"{{ callAnalytics({asked}) "
        f"{{ previous {{ {bounds} {lists} previous {{ {bounds} {FIGURES} }} }} }} }}"
    )
    previous = answer["data"]["callAnalytics"]["previous"]
    before = previous.pop("previous")

    def by_instants(part: dict[str, Any], fields: str) -> Any:
        start, end = part.pop("windowStart"), part.pop("windowEnd")
        instants = f'instants: {{start: "{start}", end: "{end}"}}, timeZone: "America/New_York"'
        return ask(f"{{ callAnalytics({instants}) {{ {fields} }} }}")["data"]["callAnalytics"]

    assert by_instants(previous, lists) == previous
    assert by_instants(before, FIGURES) == before


@pytest.mark.parametrize("period", ["1d", "7d", "30d", "90d"])
def test_the_defaults_equal_the_documented_endpoint(
    client: TestClient, ask: Ask, tenant: Tenant, period: str
) -> None:
    rest = client.get(f"/api/v1/calls/analytics?period={period}", headers=tenant.headers).json()
    name = f"LAST_{period[:-1]}_DAY{'' if period == '1d' else 'S'}"
    answer = ask(
        f"{{ callAnalytics(period: {name}) {{ totalCalls completedCalls failedCalls ongoingCalls "
        "totalDuration avgDuration successRate dailyStats { date total completed failed } "
        "topAssistants { assistantId assistantName calls duration } } }"
    )["data"]["callAnalytics"]

    assert answer == {
        "totalCalls": rest["total_calls"],
        "completedCalls": rest["completed_calls"],
        "failedCalls": rest["failed_calls"],
        "ongoingCalls": rest["ongoing_calls"],
        "totalDuration": rest["total_duration"],
        "avgDuration": rest["avg_duration"],
        "successRate": rest["success_rate"],
        "dailyStats": [{"date": day, **stats} for day, stats in rest["daily_stats"].items()],
        "topAssistants": [
            {
                "assistantId": one["assistant_id"],
                "assistantName": one["assistant_name"],
                "calls": one["calls"],
                "duration": one["duration"],
            }
            for one in rest["top_assistants"]
        ],
    }


def test_an_id_is_that_of_the_organization_and_the_arguments(
    ask: Ask, platform: Platform, tenant: Tenant, client: TestClient
) -> None:
    first, second = tenant.assistants[:2]
    questions = [
        ["", "(period: LAST_7_DAYS)", '(timeZone: "UTC", weekStartsOn: MONDAY)', "(period: null)"],
        ["(period: LAST_1_DAY)"],
        ["(period: TODAY)"],
        ['(timeZone: "Asia/Kolkata")'],
        ['(timeZone: "Asia/Calcutta")'],
        ["(weekStartsOn: SUNDAY)"],
        [f"(assistantIds: [{first}, {second}])", f"(assistantIds: [{second}, {first}, {first}])"],
        [f"(assistantIds: [{first}])", f"(assistantIds: {first})"],
        ["(assistantIds: [])"],
        ['(dates: {first: "2026-03-01", last: "2026-03-02"})'],
        ['(dates: {first: "2026-03-01", last: "2026-03-03"})'],
        [
            '(instants: {start: "2026-03-01T00:00:00Z", end: "2026-03-03T00:00:00Z"})',
            '(instants: {start: "2026-03-01T01:00:00+01:00", end: "2026-03-03T00:00:00+00:00"})',
        ],
    ]
    ids: list[set[str]] = []
    for question in questions:
        answers = [ask(f"{{ callAnalytics{how} {{ id }} }}") for how in question]
        ids.append({answer["data"]["callAnalytics"]["id"] for answer in answers})
    previous = ask("{ callAnalytics { previous { id previous { id } } } }")["data"]["callAnalytics"]
    ids += [{previous["previous"]["id"]}, {previous["previous"]["previous"]["id"]}]
    other = platform.add_key(platform.add_organization())
    theirs = client.post(
        "/graphql",
        json={"query": "{ callAnalytics { id } }"},
        headers={"Authorization": f"Bearer {other}"},
    ).json()
    ids.append({theirs["data"]["callAnalytics"]["id"]})

    assert all(len(its) == 1 for its in ids)
    assert len(set().union(*ids)) == len(ids)


def test_an_organization_tells_its_name_and_assistants(
    ask: Ask, platform: Platform, tenant: Tenant
) -> None:
    platform.add_assistant(platform.add_organization(), "Of another organization")
    idle = platform.add_assistant(tenant.organization_id, "Idle", is_active=False)
    answer = ask("{ organization { id name assistants { id name isActive } } }")
    organization = answer["data"]["organization"]
    assistants = organization.pop("assistants")

    assert organization == {
        "id": tenant.organization_id,
        "name": f"Organization-{tenant.organization_id}",
    }
    assert [one["id"] for one in assistants] == [*tenant.assistants, idle]
    assert assistants[-1] == {"id": idle, "name": "Idle", "isActive": False}
    assert assistants[0]["isActive"]


def test_a_percentile_is_exact(ask: Ask, platform: Platform, tenant: Tenant) -> None:
    """As a binary number, 99.9 percent of a thousand calls is more than 999 of them."""
    assistant = platform.add_assistant(tenant.organization_id)
    platform.add_calls(
        [
            {"assistant_id": assistant, "status": "completed", "duration": duration}
            for duration in range(1, 1001)
        ]
    )
    document = f"""{{ callAnalytics(dates: {{first: "2026-01-01", last: "2026-12-31"}},
        assistantIds: [{assistant}]) {{ totalCalls durations {{
        p999: percentile(percent: 99.9) tiny: percentile(percent: 1e-9) min max
        median: percentile(percent: 50) all: percentile(percent: 100) }} }} }}"""

    assert ask(document)["data"]["callAnalytics"] == {
        "totalCalls": 1000,
        "durations": {"p999": 999, "tiny": 1, "min": 1, "max": 1000, "median": 500, "all": 1000},
    }
