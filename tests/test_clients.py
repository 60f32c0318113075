"""Real GraphQL clients against a real server, and the public audit of GraphQL over HTTP."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gql import Client, gql
from gql.transport.exceptions import TransportQueryError
from gql.transport.requests import RequestsHTTPTransport

from tests.conftest import missing
from tests.platform import Platform
from tests.serving import serving
from tests.tenants import Tenant

pytestmark = pytest.mark.starts_server

CLIENTS = Path(__file__).with_name("clients")
AUDITS = 61
TYPED = """query Typed($period: Period!) {
  callAnalytics(period: $period) { id period totalCalls dailyStats { date total } }
}"""
FIGURES = "id period totalCalls successRate topAssistants(limit: 3) { assistantId calls }"
ALIASES = {"day": "1d", "week": "7d", "month": "30d", "quarter": "90d"}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is tested here is the same on every database."""
    return sqlite_url


@pytest.fixture
def base(database_url: str) -> Iterator[str]:
    """A running server."""
    with serving(database_url) as address:
        yield address


@pytest.mark.parametrize("name", ["graphql-request", "urql", "apollo"])
def test_a_javascript_client_gets_right_answers(
    name: str, base: str, platform: Platform, tenant: Tenant
) -> None:
    lines = _node(f"{name}.mjs", f"{base}/graphql", tenant.key)

    assert lines[0] == _expected(platform, tenant.organization_id)


def test_apollo_persists_its_queries_and_its_cache_keeps_periods_apart(
    base: str, tenant: Tenant
) -> None:
    watched = _node("apollo.mjs", f"{base}/graphql", tenant.key)[1]

    # Both documents are known since the first run of them, so their hashes do.
    assert {request["method"] for request in watched["requests"]} == {"GET"}
    assert {request["status"] for request in watched["requests"]} == {200}
    assert len(watched["requests"]) == 3
    assert watched["answers"] == 1
    organization = tenant.organization_id
    assert sorted(watched["cached"]) == sorted(
        f"CallAnalytics:{organization}-{period}" for period in ALIASES.values()
    )


def test_gql_gets_right_answers(base: str, platform: Platform, tenant: Tenant) -> None:
    def send(document: str, variables: dict[str, Any], key: str | None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        transport = RequestsHTTPTransport(url=f"{base}/graphql", headers=headers)
        with Client(transport=transport, fetch_schema_from_transport=True) as session:
            try:
                query = gql(document)
                query.variable_values = variables
                return {"data": session.execute(query), "codes": []}
            except TransportQueryError as error:
                codes = [one["extensions"]["code"] for one in error.errors or ()]
                return {"data": error.data, "codes": codes}

    periods = _periods_document()
    answers = {
        "variables": send(TYPED, {"period": "LAST_30_DAYS", "unknownToTheDocument": 1}, tenant.key),
        "periods": send(periods, {}, tenant.key),
        "error": send("{ callAnalytics { topAssistants(limit: 1000) { calls } } }", {}, tenant.key),
        "missingKey": send(periods, {}, None),
    }

    assert answers == _expected(platform, tenant.organization_id)


@pytest.mark.parametrize("with_key", [True, False])
def test_every_audit_is_ok(base: str, tenant: Tenant, with_key: bool) -> None:
    arguments = [tenant.key] if with_key else []

    assert _node("audit.mjs", f"{base}/graphql", *arguments) == [{"ok": AUDITS}]


def _node(script: str, *arguments: str) -> list[Any]:
    """The JSON lines that a script of ``tests/clients`` prints."""
    node = shutil.which("node")
    if node is None or not (CLIENTS / "node_modules").exists():
        missing("The JavaScript clients (make install, with Node.js)")
    done = subprocess.run(
        [str(node), script, *arguments],
        cwd=CLIENTS,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def _periods_document() -> str:
    arguments = {"1d": "LAST_1_DAY", "7d": "LAST_7_DAYS", "30d": "LAST_30_DAYS"}
    fields = (
        f"{alias}: callAnalytics(period: {arguments.get(period, 'LAST_90_DAYS')}) {{ {FIGURES} }}"
        for alias, period in ALIASES.items()
    )
    return f"query Periods {{ {' '.join(fields)} }}"


def _expected(platform: Platform, organization: int) -> dict[str, Any]:
    month = platform.expected(organization, "30d")
    return {
        "variables": {
            "data": {
                "callAnalytics": {
                    "id": f"{organization}-30d",
                    "period": "LAST_30_DAYS",
                    "totalCalls": month["total_calls"],
                    "dailyStats": [
                        {"date": day, "total": stats["total"]}
                        for day, stats in month["daily_stats"].items()
                    ],
                }
            },
            "codes": [],
        },
        "periods": {
            "data": {
                alias: _figures(platform, organization, period) for alias, period in ALIASES.items()
            },
            "codes": [],
        },
        "error": {"data": None, "codes": ["BAD_USER_INPUT"]},
        "missingKey": {"data": None, "codes": ["UNAUTHENTICATED"]},
    }


def _figures(platform: Platform, organization: int, period: str) -> dict[str, Any]:
    expected = platform.expected(organization, period, limit=3)
    days = period.removesuffix("d")
    return {
        "id": f"{organization}-{period}",
        "period": f"LAST_{days}_DAY" + ("S" if days != "1" else ""),
        "totalCalls": expected["total_calls"],
        "successRate": expected["success_rate"],
        "topAssistants": [
            {"assistantId": one["assistant_id"], "calls": one["calls"]}
            for one in expected["top_assistants"]
        ],
    }
