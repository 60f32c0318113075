"""The composed server: what it does beside answering."""

import asyncio
import subprocess
import sys
from typing import Any

import pytest
from starlette.testclient import TestClient

from call_analytics.db.rollups.state import rollup_status
from tests.command import wait_until
from tests.platform import Platform


def test_the_server_compacts_rollups(
    postgres_url: str, service: Any, runner: asyncio.Runner
) -> None:
    platform = Platform(postgres_url, runner)
    assistant = platform.add_assistant(platform.add_organization())
    platform.add_calls([{"assistant_id": assistant} for _ in range(5)])
    assert platform.run(rollup_status(platform.writer)).waiting == 10

    service(database_url=postgres_url, compaction_seconds=0.05)
    wait_until(lambda: not platform.run(rollup_status(platform.writer)).waiting)

    assert platform.run(rollup_status(platform.writer))[1:] == (2, 0, None)
    platform.close()


def test_it_lives_and_is_ready(client: TestClient) -> None:
    for path in ("/healthz", "/readyz"):
        assert client.get(path).json() == {"status": "ok"}


def test_asking_often_whether_it_is_ready_is_one_ping_at_a_time(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    pings = 0

    async def slow_ping(_database: object) -> None:
        nonlocal pings
        pings += 1
        await asyncio.sleep(0.3)

    monkeypatch.setattr("call_analytics.server.ping", slow_ping)

    async def crowd() -> list[int]:
        asked = [asyncio.to_thread(client.get, "/readyz") for _ in range(20)]
        return [response.status_code for response in await asyncio.gather(*asked)]

    assert asyncio.run(crowd()) == [200] * 20
    assert pings < 20 / 2


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is tested here is the same on every database, or named by the test."""
    return sqlite_url


def test_a_worker_process_imports_nothing_that_only_the_command_needs() -> None:
    """On a slow machine each import delays the moment at which a worker can answer."""
    modules = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, call_analytics.cli, call_analytics.server; print(*sys.modules)",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()

    assert "call_analytics.server" in modules
    assert not {"alembic", "opentelemetry", "redis", "rich", "typer"} & set(modules)
