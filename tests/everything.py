"""A client that asks for all there is, in as few requests as that takes."""

from typing import Any

from starlette.testclient import TestClient

EVERYTHING = """
query ($dates: DateRange!) {
  figures: callAnalytics(dates: $dates) {
    totalCalls avgDuration
    dailyStats { date total }
    series(grain: HOUR) { start totalCalls }
    hoursOfWeek { weekday totalCalls }
    statuses { status calls }
    topAssistants { assistantId calls }
    durations { percentile(percent: 50) histogram(edges: [10]) { calls } }
    previous { totalCalls }
    calls(first: 3) { totalCount edges { node { callSid } } }
  }
}
"""
DATES = {"first": "2026-01-01", "last": "2026-03-10"}


def ask_everything(client: TestClient, headers: dict[str, str]) -> dict[str, Any]:
    """Ask over GraphQL and REST, and export; returns the answer of GraphQL."""
    body = {"query": EVERYTHING, "variables": {"dates": DATES}}
    answer: dict[str, Any] = client.post("/graphql", json=body, headers=headers).json()
    assert "errors" not in answer, answer
    for path in ("/api/v1/calls/analytics?period=90d", "/api/v1/calls/export?format=csv"):
        assert client.get(path, headers=headers).status_code == 200
    return answer
