"""What hostile requests cost: the time of each kind at the server, and the SQL that they run."""

import json
import re
import statistics
from typing import NamedTuple

import httpx2

from bench.load import Server
from tests.hostile import DOCUMENTS

ROUNDS = 15
TOKEN = "bench"  # noqa: S105 - opens nothing but this run's numbers
_STATEMENTS = re.compile(r"^call_analytics_statement_seconds_count ([\d.e+]+)$", re.MULTILINE)


class Hostility(NamedTuple):
    """The dearest kind of hostile request."""

    name: str
    median: float
    """Milliseconds at the client."""
    worst: float
    """Milliseconds of the slowest single request of any kind."""
    statements: int
    """SQL statements of all of them."""


def measure(server: Server, key: str) -> Hostility:
    """Send every kind of hostile request, with a valid key, several times."""
    bodies = {name: json.dumps({"query": text}) for name, (text, _code) in DOCUMENTS.items()}
    bodies["a batch"] = json.dumps([{"query": "{ callAnalytics { totalCalls } }"}] * 1_000)
    bodies["nested JSON"] = "[" * 90_000
    bodies["an object of many variables"] = json.dumps(
        {"query": "{ no }", "variables": {str(number): number for number in range(6_000)}}
    )
    times: dict[str, list[float]] = {name: [] for name in bodies}
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    with httpx2.Client(base_url=server.base, headers=headers) as client:
        client.post("/graphql", content='{"query": "{ callAnalytics { totalCalls } }"}')
        first, before = _statements(client), _statements(client)
        to_look = before - first
        for _ in range(ROUNDS):
            for name, body in bodies.items():
                response = client.post("/graphql", content=body)
                if "errors" not in response.json():
                    raise RuntimeError(f"{name} was not refused: {response.text[:200]}")
                times[name].append(1000 * response.elapsed.total_seconds())
        statements = _statements(client) - before - to_look
    medians = {name: statistics.median(values) for name, values in times.items()}
    dearest = max(medians, key=medians.__getitem__)
    worst = max(max(values) for values in times.values())
    return Hostility(dearest, medians[dearest], worst, statements)


def _statements(client: httpx2.Client) -> int:
    page = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
    found = _STATEMENTS.search(page)
    assert found is not None, page
    return round(float(found[1]))
