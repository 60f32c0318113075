"""The page for Prometheus: who may read it, what is on it, and several processes adding up."""

import os
import signal
import socket
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from call_analytics.db.rollups.folding import fold_rollups
from call_analytics.db.rollups.state import rollup_backlog
from tests.command import WAIT_SECONDS, started, wait_until, worker_processes
from tests.platform import Platform
from tests.tenants import Tenant

TOKEN = {"Authorization": "Bearer telemetry-token"}
REST = "/api/v1/calls/analytics"
UNFINISHED = (
    b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Content-Length: 100\r\n\r\n"
)

Page = dict[tuple[str, tuple[str, ...]], float]


@pytest.fixture
def metered(service: object) -> TestClient:
    """The service with a token that opens its numbers."""
    client: TestClient = service(telemetry_token="telemetry-token")  # type: ignore[operator]
    return client


def read(text: str) -> Page:
    """The samples of a page, by name and the values of their labels."""
    return {
        (sample.name.removeprefix("call_analytics_"), tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, TOKEN])
def test_only_the_token_opens_it(metered: TestClient, headers: dict[str, str]) -> None:
    assert metered.get("/metrics", headers=headers).status_code == (
        200 if headers == TOKEN else 401
    )


def test_an_api_key_does_not(metered: TestClient, tenant: Tenant) -> None:
    assert metered.get("/metrics", headers=tenant.headers).status_code == 401


def test_what_is_counted(metered: TestClient, tenant: Tenant) -> None:
    for path in (REST, f"{REST}?period=x", "/graphql?query={a}"):
        metered.get(path, headers=tenant.headers)
    metered.get(REST)

    page = read(metered.get("/metrics", headers=TOKEN).text)

    assert page["requests_total", ("rest", "200")] == 1
    assert page["requests_total", ("rest", "422")] == 1
    assert page["requests_total", ("rest", "401")] == 1
    assert page["requests_total", ("graphql", "200")] == 1
    assert page["errors_total", ("UNAUTHENTICATED",)] == 1
    assert page["errors_total", ("GRAPHQL_VALIDATION_FAILED",)] == 1
    assert page["request_seconds_count", ("rest",)] == 3
    assert page["statement_seconds_count", ()] >= 3
    assert page["requests_running", ()] == 1
    assert page["connections_in_use", ()] == 0
    assert page["connection_waits", ()] == 0
    assert page["connection_wait_seconds_count", ()] == 0


def test_the_backlog_is_the_length_of_the_rollups_log(
    service: object, platform: Platform, tenant: Tenant
) -> None:
    del tenant  # its calls are what is waiting
    client = service(telemetry_token="telemetry-token", compaction_seconds=0)  # type: ignore[operator]
    waiting = platform.run(rollup_backlog(platform.reader))

    def told() -> float:
        return read(client.get("/metrics", headers=TOKEN).text)["rollup_backlog", ()]

    # Where the database takes its time, the page has the number from before.
    assert waiting > 0
    wait_until(lambda: told() == waiting)
    platform.run(fold_rollups(platform.writer))
    wait_until(lambda: told() == 0)


def test_no_label_is_a_client_s_to_choose(metered: TestClient, tenant: Tenant) -> None:
    for name in ("Chosen", tenant.key):
        document = f"query {name} {{ callAnalytics {{ id }} }}"
        metered.post("/graphql", json={"query": document}, headers=tenant.headers)
        metered.get(f"/{name}")

    text = metered.get("/metrics", headers=TOKEN).text

    assert "Chosen" not in text
    assert tenant.key not in text


@pytest.mark.starts_server
def test_processes_add_up_and_the_dead_are_forgotten(tmp_path: Path, sqlite_url: str) -> None:
    settings = {
        "DATABASE_URL": sqlite_url,
        "WORKERS": 2,
        "TELEMETRY_TOKEN": "telemetry-token",
    }
    with started(tmp_path, "serve", **settings) as (base, process):
        for _ in range(40):  # each on a connection of its own, so that both processes get some
            httpx2.get(f"{base}/healthz", timeout=WAIT_SECONDS)
        address = urlsplit(base)
        with socket.create_connection((address.hostname, address.port)) as unfinished:
            unfinished.sendall(UNFINISHED)
            wait_until(lambda: _page(base)["requests_running", ()] == 2)
            port = unfinished.getsockname()[1]
            (busy,) = [pid for pid in _workers(process.pid) if port in _clients_of(pid)]
            os.kill(busy, signal.SIGKILL)
        wait_until(lambda: len(_workers(process.pid) - {busy}) == 2)
        page = _page(base)

        assert page["requests_total", ("other", "200")] > 40
        assert page["requests_running", ()] == 1


def _clients_of(process_id: int) -> set[int]:
    """The ports from which a process's clients are connected."""
    connections = psutil.Process(process_id).net_connections("tcp")
    return {connection.raddr.port for connection in connections if connection.raddr}


def _workers(process_id: int) -> set[int]:
    return {worker.pid for worker in worker_processes(process_id)}


def _page(base: str) -> Page:
    return read(httpx2.get(f"{base}/metrics", headers=TOKEN, timeout=WAIT_SECONDS).text)
