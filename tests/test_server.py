"""The composed server: what it does beside answering."""

import asyncio
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.testclient import TestClient

from call_analytics.cli.serve import WORKER_START_SECONDS
from call_analytics.db.rollups.state import rollup_status
from tests.command import WAIT_SECONDS, started, wait_until, worker_processes
from tests.platform import Platform


def test_the_server_folds_rollups(postgres_url: str, service: Any, runner: asyncio.Runner) -> None:
    platform = Platform(postgres_url, runner)
    assistant = platform.add_assistant(platform.add_organization())
    platform.add_calls([{"assistant_id": assistant} for _ in range(5)])
    assert platform.run(rollup_status(platform.writer)).waiting == 5

    service(database_url=postgres_url, compaction_seconds=0.05)
    wait_until(lambda: not platform.run(rollup_status(platform.writer)).waiting)

    assert platform.run(rollup_status(platform.writer))[1:] == (8, 0, None)
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

    monkeypatch.setattr("call_analytics.db.replicas.databases.ping", slow_ping)

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


@pytest.mark.slow
@pytest.mark.starts_server
@pytest.mark.parametrize("workers", [1, 2])
def test_a_server_that_stops_resets_no_connection(tmp_path: Path, workers: int) -> None:
    """Every request is answered whole, or refused when its client connects."""
    clients = 24
    all_answered = threading.Barrier(clients + 1, timeout=WAIT_SECONDS)
    with (
        started(tmp_path, "serve", WORKERS=workers) as (base, process),
        ThreadPoolExecutor(clients) as threads,
    ):
        asked = [
            threads.submit(ask_until_refused, base, all_answered, keeps_alive=number % 2 == 0)
            for number in range(clients)
        ]
        all_answered.wait()
        process.terminate()
        assert [client.result() for client in asked] == [[]] * clients
        assert process.wait(WAIT_SECONDS) == 0


@pytest.mark.slow
@pytest.mark.starts_server
def test_a_worker_that_dies_while_it_is_asked_is_replaced_at_once(tmp_path: Path) -> None:
    """And not when the two minutes are over in which a slow one may answer."""
    with started(tmp_path, "serve", WORKERS=2) as (_base, process):
        first, second = worker_processes(process.pid)
        first.suspend()
        time.sleep(2)  # each is asked every half second
        first.kill()
        deadline = time.monotonic() + WORKER_START_SECONDS - 10
        while len(found := worker_processes(process.pid)) < 2 or first in found:
            assert time.monotonic() < deadline
            time.sleep(0.1)

    assert second in found


def ask_until_refused(
    base: str, all_answered: threading.Barrier, *, keeps_alive: bool
) -> list[str]:
    """Ask again and again until no connection is possible; returns what went wrong."""
    address = urlsplit(base)
    headers = {} if keeps_alive else {"Connection": "close"}
    failures: list[str] = []
    is_first = True
    while not failures:
        client = HTTPConnection(str(address.hostname), address.port, timeout=WAIT_SECONDS)
        try:
            client.connect()
        except ConnectionRefusedError:
            break
        try:
            while client.sock is not None:  # None after an answer that ends the connection
                client.request("GET", "/healthz", headers=headers)
                response = client.getresponse()
                if response.read() != b'{"status":"ok"}' or response.status != 200:
                    failures.append(f"an answer with the status {response.status}")
                if is_first:
                    is_first = False
                    all_answered.wait()
        except (OSError, HTTPException) as error:
            failures.append(repr(error))
        finally:
            client.close()
    return failures


@pytest.mark.starts_server
@pytest.mark.parametrize("workers", [1, 2])
def test_a_server_that_is_stopped_by_ctrl_c_has_succeeded(tmp_path: Path, workers: int) -> None:
    with started(tmp_path, "serve", WORKERS=workers) as (_base, process):
        process.send_signal(signal.SIGINT)

        assert process.wait(WAIT_SECONDS) == 0


@pytest.mark.starts_server
def test_while_the_server_stops_a_request_is_the_last_of_its_connection(tmp_path: Path) -> None:
    with started(tmp_path, "serve", HEAD_TIMEOUT_SECONDS=WAIT_SECONDS) as (base, process):
        address = (str(urlsplit(base).hostname), urlsplit(base).port or 0)
        with (
            socket.create_connection(address, WAIT_SECONDS) as unused,
            socket.create_connection(address, WAIT_SECONDS) as client,
        ):
            client.sendall(b"GET /healthz HTTP/1.1\r\n")
            process.terminate()
            wait_until(lambda: "Shutting down" in (tmp_path / "log.txt").read_text())
            client.sendall(b"Host: a\r\n\r\n")

            answer = b"".join(iter(lambda: client.recv(10_000), b""))

            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            assert b"\r\nconnection: close\r\n" in answer
            assert unused.recv(10_000) == b""


@pytest.mark.starts_server
def test_it_stops_once_however_often_it_is_told(tmp_path: Path) -> None:
    with started(tmp_path, "serve") as (_base, process):
        while process.poll() is None:
            process.terminate()
            time.sleep(0.001)

    assert "Traceback" not in (tmp_path / "log.txt").read_text()
