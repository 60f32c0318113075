"""Log lines: one JSON object for each request, and no secrets in any."""

import json
import logging
import sys
from typing import Any

import pytest
from starlette.testclient import TestClient

from call_analytics.telemetry.logs import SafeFormatter, TerminalFormatter
from tests.tenants import Tenant

KEY = "burki_" + "a1" * 16
INVALID = "GRAPHQL_VALIDATION_FAILED"
HASH = "0123456789abcdef" * 4


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is tested here is the same on every database."""
    return sqlite_url


def _lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [
        json.loads(SafeFormatter().format(record))
        for record in caplog.records
        if record.name == "call_analytics.requests"
    ]


def test_each_request_has_one_line(
    client: TestClient, tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    document = "query Week { a: callAnalytics { id } callAnalytics { totalCalls } }"
    client.get("/api/v1/calls/analytics", headers=tenant.headers)  # key and rollups are known
    with caplog.at_level(logging.INFO, "call_analytics.requests"):
        graphql = client.post("/graphql", json={"query": document}, headers=tenant.headers)
        rest = client.get("/api/v1/calls/analytics?period=90d", headers=tenant.headers)
        refused = client.post("/graphql", json={"query": "query Bad { no }"})
        client.get("/healthz")

    lines = _lines(caplog)
    durations = [line.pop("duration_ms") for line in lines]
    ids = [line.pop("request_id") for line in lines]
    assert all(0 < duration < 60_000 for duration in durations)
    assert ids[:3] == [answer.headers["x-request-id"] for answer in (graphql, rest, refused)]
    assert len(set(ids)) == 4
    nobody: dict[str, Any] = {"organization_id": None, "sources": [], "statements": 0}
    known: dict[str, Any] = {
        "organization_id": tenant.organization_id,
        "sources": ["calls", "rollups"],
        "statements": 1,
    }
    common: dict[str, Any] = {"message": "request", "status": 200, "codes": []}
    assert lines == [
        {**common, **known, "endpoint": "graphql", "operation": "Week"},
        {**common, **known, "endpoint": "rest", "operation": None},
        {**common, **nobody, "endpoint": "graphql", "operation": None, "codes": [INVALID]},
        {**common, **nobody, "endpoint": "other", "operation": None},
    ]


def test_a_line_has_an_end_whatever_a_client_sends(
    client: TestClient, tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    long = "x" * 40_000
    documents = [f"query {long} {{ __typename }}", f"{{ {long} }}", f"{{ {long}: __typename }}"]
    with caplog.at_level(logging.DEBUG):
        for document in documents:
            client.post("/graphql", json={"query": document, "operationName": long})
            client.post("/graphql", json={"query": document}, headers=tenant.headers)
        client.get(
            f"/{long[:30_000]}?{long[:30_000]}", headers={"X-Request-Id": long, "User-Agent": long}
        )

    logged = [record for record in caplog.records if record.name.startswith("call_analytics")]
    assert [line["operation"] for line in _lines(caplog)] == [
        *("x" * 100, "x" * 100, None, None, None, None, None)
    ]
    assert max(len(SafeFormatter().format(record)) for record in logged) < 1_000


def test_no_secret_is_in_any_line() -> None:
    formatter = SafeFormatter()
    try:
        raise RuntimeError(f"SELECT 1 WHERE key = '{KEY}'")
    except RuntimeError:
        fault = sys.exc_info()
    record = logging.LogRecord("x", 40, __file__, 1, "%s and %s", (KEY, HASH), fault)
    record.extra_field = [KEY, HASH]

    line = formatter.format(record)

    assert json.loads(line) == {
        "message": "[secret] and [secret]",
        "exc_info": "builtins.RuntimeError",
        "extra_field": ["[secret]", "[secret]"],
    }


def test_lines_on_a_terminal_are_short_and_hold_nothing_that_it_obeys() -> None:
    request = {"endpoint": "graphql", "status": 200, "codes": [INVALID], "duration_ms": 3.456}
    record = logging.makeLogRecord(
        {
            "name": "call_analytics.requests",
            "msg": "request",
            **request,
            "operation": f"\x1b[2J\n\u202e{KEY}",
        }
    )
    other = logging.makeLogRecord(
        {
            "name": "uvicorn",
            "levelname": "INFO",
            "msg": "a \x1b key %s",
            "args": (KEY,),
            "place": "a.py:1",
        }
    )

    lines = [TerminalFormatter().format(one)[len("12:00:00") :] for one in (record, other)]

    assert lines == [
        f"  200  graphql ?[2J??[secret] {INVALID}  3 ms",
        "  INFO  a ? key [secret]  place=a.py:1",
    ]
