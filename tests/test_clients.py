"""Real GraphQL clients against a real server, and the public audit of GraphQL over HTTP."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
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
PAGE = (Path(__file__).parents[1] / "docs" / "queries.md").read_text()
SDL = Path(__file__).parents[1] / "schema" / "schema.graphql"
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


CODEGEN = "node_modules/@graphql-codegen/cli/esm/bin.js"
SCALARS = "    config:\n      scalars: { Date: string, DateTime: string, TimeZone: string }\n"


@pytest.mark.parametrize(
    ("is_configured", "written"),
    [
        (True, "dailyStats: Array<{ date: string, total: number }>"),
        (False, "dailyStats: Array<{ date: unknown, total: number }>"),
    ],
)
def test_the_code_generator_reads_the_schema_and_the_documented_configuration(
    base: str, tmp_path: Path, is_configured: bool, written: str
) -> None:
    (tmp_path / "typed.graphql").write_text(TYPED)
    configuration = (
        _block("yaml")
        .replace("http://127.0.0.1:8000", base)
        .replace("src/**/*.graphql", str(tmp_path / "*.graphql"))
        .replace("src/analytics.ts", str(tmp_path / "analytics.ts"))
    )
    assert SCALARS in configuration
    (tmp_path / "codegen.yml").write_text(
        configuration if is_configured else configuration.replace(SCALARS, "")
    )

    _run_node(CODEGEN, "--config", str(tmp_path / "codegen.yml"))

    types = (tmp_path / "analytics.ts").read_text()
    assert written in types
    assert "'LAST_7_DAYS'" in types


EVERYTHING = """
fragment Figures on CallFigures {
  totalCalls completedCalls failedCalls ongoingCalls otherCalls
  totalDuration avgDuration successRate failureRate durationOfAllStatuses
}
query Everything($zone: TimeZone!, $dates: DateRange, $instants: InstantRange, $ids: [Int!]) {
  callAnalytics(
    timeZone: $zone, dates: $dates, instants: $instants, assistantIds: $ids, weekStartsOn: SUNDAY
  ) {
    id period timeZone windowStart windowEnd asOf
    ...Figures
    dailyStats { date total }
    series(grain: HOUR) { start end isPartial ...Figures }
    topAssistants(orderBy: { field: SUCCESS_RATE, direction: ASC }) { assistantName ...Figures }
    hoursOfWeek { weekday hour ...Figures }
    statuses { status calls duration }
    durations { min max percentile(percent: 95) histogram(edges: [30]) { from to calls } }
    previous { ...Figures }
  }
  organization { id name assistants { id name isActive } }
  limits { maxSeriesPoints requestsPerMinute }
}
"""
USE = """
import type { EverythingQuery, EverythingQueryVariables } from './everything';
export const variables: EverythingQueryVariables = {
  zone: 'Europe/Berlin', dates: { first: '2026-03-01', last: '2026-03-09' },
};
export function chart(answer: EverythingQuery): [string, number][] {
  const before: number = answer.callAnalytics.previous.successRate;
  const longest: number | null = answer.callAnalytics.durations.max;
  const to: number | null = answer.callAnalytics.durations.histogram[0]!.to;
  const weekday: string = answer.callAnalytics.hoursOfWeek[0]!.weekday;
  console.log(before, longest, to, weekday);
  return answer.callAnalytics.series.map((point) => [point.start, point.totalCalls]);
}
"""


def test_generated_types_compile_strictly(tmp_path: Path) -> None:
    (tmp_path / "everything.graphql").write_text(EVERYTHING)
    (tmp_path / "use.ts").write_text(USE)
    (tmp_path / "codegen.yml").write_text(
        _block("yaml")
        .replace("http://127.0.0.1:8000/graphql", str(SDL))
        .replace("src/**/*.graphql", str(tmp_path / "*.graphql"))
        .replace("src/analytics.ts", str(tmp_path / "everything.ts"))
    )

    _run_node(CODEGEN, "--config", str(tmp_path / "codegen.yml"))

    compiler = "node_modules/typescript/bin/tsc"
    options = ["--strict", "--noEmit", "--noUncheckedIndexedAccess", "--lib", "es2022,dom"]
    _run_node(compiler, *options, str(tmp_path / "use.ts"))


# What version 3.11 of the Grafana plugin sends, in pkg/infinity/headers.go and client.go.
INFINITY = {"Accept": "application/json;q=0.9,text/plain", "Accept-Encoding": "gzip"}


def test_grafana_gets_rows_from_both_endpoints(
    base: str, platform: Platform, tenant: Tenant
) -> None:
    expected = platform.expected(tenant.organization_id, "30d")
    rows = [{"date": day, **stats} for day, stats in expected["daily_stats"].items()]
    assert len(rows) > 1
    with httpx2.Client(base_url=base, headers=INFINITY | tenant.headers) as grafana:
        body = {"query": _block("graphql"), "variables": None}
        graphql = grafana.post("/graphql", json=body)
        rest = grafana.get("/api/v1/calls/analytics?period=30d")

    assert "| `data.callAnalytics.dailyStats` |" in PAGE
    for answer, selector in [
        (graphql, "data.callAnalytics.dailyStats"),
        (rest, _block("jsonata")),
    ]:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("application/json")
        assert answer.headers["content-encoding"] == "gzip"
        assert _node("jsonata.mjs", selector, answer.text) == [rows]


def test_a_refused_query_has_the_status_that_grafana_looks_at(base: str, tenant: Tenant) -> None:
    asked_for = "Accept: application/graphql-response+json"
    assert asked_for in PAGE
    headers = INFINITY | tenant.headers | {"Accept": asked_for.removeprefix("Accept: ")}

    refused = httpx2.post(f"{base}/graphql", json={"query": "{ nothing }"}, headers=headers)

    assert refused.status_code == 400


def test_the_documented_command_writes_a_csv_file(
    base: str, tmp_path: Path, platform: Platform, tenant: Tenant
) -> None:
    for program in ("curl", "jq"):
        if shutil.which(program) is None:
            missing(program)
    command = _block("sh").replace("https://calls.example.org", base)

    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=tmp_path,
        env=os.environ | {"KEY": tenant.key},
        timeout=120,
        check=True,
    )

    days = platform.expected(tenant.organization_id, "30d")["daily_stats"]
    assert (tmp_path / "days.csv").read_text().splitlines() == [
        '"date","total","completed","failed"',
        *(
            f'"{day}",{stats["total"]},{stats["completed"]},{stats["failed"]}'
            for day, stats in days.items()
        ),
    ]


def test_the_request_of_the_spreadsheets_is_answered(base: str, tenant: Tenant) -> None:
    """What the documented scripts of Google Sheets and Excel send."""
    query = _block("graphql").strip()
    assert f'Query = "{query}",' in _block("powerquery")
    columns = "${columns.join(' ')}"
    with_columns = query.replace("date total completed failed", columns)
    assert f"query = `{with_columns}`;" in _block("javascript")
    headers = tenant.headers | {"Accept": "application/graphql-response+json"}

    answer = httpx2.post(f"{base}/graphql", json={"query": query}, headers=headers)

    days = answer.json()["data"]["callAnalytics"]["dailyStats"]
    assert list(days[0]) == ["date", "total", "completed", "failed"]


def _block(language: str) -> str:
    text = PAGE[PAGE.index("\n## Code generators") :]
    found = re.search(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def _node(script: str, *arguments: str) -> list[Any]:
    """The JSON lines that a script of ``tests/clients`` prints."""
    return [json.loads(line) for line in _run_node(script, *arguments).splitlines()]


def _run_node(script: str, *arguments: str) -> str:
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
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


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
