"""Load from wrk, and the servers that it is put on."""

import json
import math
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

FIELDS = (
    "totalCalls completedCalls failedCalls ongoingCalls totalDuration avgDuration successRate "
    "dailyStats { date total completed failed } "
    "topAssistants { assistantId assistantName calls duration }"
)
MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


class Request(NamedTuple):
    """A request that is sent over and over."""

    path: str
    query: str = ""

    @property
    def body(self) -> str:
        """What is posted, if anything is."""
        return json.dumps({"query": self.query}) if self.query else ""


REQUESTS = {
    "totals only": Request("/graphql", "{ callAnalytics { totalCalls } }"),
    "full 7 days": Request("/graphql", f"{{ callAnalytics(period: LAST_7_DAYS) {{ {FIELDS} }} }}"),
    "full 90 days": Request(
        "/graphql", f"{{ callAnalytics(period: LAST_90_DAYS) {{ {FIELDS} }} }}"
    ),
    "REST 90 days": Request("/api/v1/calls/analytics?period=90d"),
}
BARE = Request("/bare")


class Load(NamedTuple):
    """What a load measured; NaN where not one request was answered while it lasted."""

    median: float
    """Milliseconds."""
    p99: float
    """Milliseconds."""
    per_second: float
    """Requests."""


class Server(NamedTuple):
    """A running server of one process."""

    base: str
    process: psutil.Process

    @property
    def memory(self) -> int:
        """Resident bytes."""
        return int(self.process.memory_info().rss)


def require_wrk() -> str:
    """The path of wrk; ends the program where it is missing."""
    path = shutil.which("wrk")
    if path is None:
        sys.exit("bench: wrk is not here; on Debian: apt-get install wrk")
    return path


@contextmanager
def serving(app: str, database_url: str, **settings: str) -> Iterator[Server]:
    """One worker of ``app`` ("us", "baseline" or "baseline by index") on a port of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    environment = (
        os.environ
        | {
            "CALL_ANALYTICS_DATABASE_URL": database_url,
            "CALL_ANALYTICS_LOG_LEVEL": "warning",
            "CALL_ANALYTICS_PORT": port,
            # What is measured is the service, not its refusals.
            "CALL_ANALYTICS_REQUESTS_PER_MINUTE": "0",
            "CALL_ANALYTICS_STRANGER_REQUESTS_PER_MINUTE": "0",
            "CALL_ANALYTICS_TELEMETRY_TOKEN": "bench",
            "BENCH_BY_INDEX": "1" if app == "baseline by index" else "",
        }
        | {f"CALL_ANALYTICS_{name.upper()}": value for name, value in settings.items()}
    )
    binaries = Path(sys.executable).parent
    baseline: list[str | Path] = [
        *(binaries / "uvicorn", "bench.baseline:app", "--port", port),
        *("--log-level", "warning", "--no-server-header"),
    ]
    ours: list[str | Path] = [binaries / "call-analytics", "serve"]
    command = ours if app == "us" else baseline
    with subprocess.Popen(command, env=environment) as process:
        base = f"http://127.0.0.1:{port}"
        try:
            _wait(base, process)
            yield Server(base, psutil.Process(process.pid))
        finally:
            process.terminate()


def run(server: Server, request: Request, *keys: str, connections: int, seconds: float) -> Load:
    """Put a load on a server, with the keys in turn, and measure it.

    Raises:
        RuntimeError: where any answer was an error.
    """
    script = [
        f"local keys, turn = {{{', '.join(json.dumps(key) for key in keys)}}}, 0",
        "function request()",
        "  turn = turn % #keys + 1",
        '  wrk.headers["Authorization"] = "Bearer " .. keys[turn]',
        "  return wrk.format()",
        "end",
    ]
    if request.body:
        script += [
            'wrk.method = "POST"',
            f"wrk.body = {json.dumps(request.body)}",  # which Lua reads in the same way
            'wrk.headers["Content-Type"] = "application/json"',
        ]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write("\n".join(script))
        file.flush()
        output = subprocess.run(
            [
                *(require_wrk(), "--threads", "1", "--connections", str(connections)),
                *("--duration", f"{max(1, round(seconds))}s", "--timeout", "120s", "--latency"),
                *("--script", file.name, server.base + request.path),
            ],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    if re.search(r"^\s*0 requests in", output, re.MULTILINE):
        return Load(math.nan, math.nan, 0)
    if "Non-2xx" in output or "Socket errors" in output:
        raise RuntimeError(output)
    return Load(_milliseconds(output, "50%"), _milliseconds(output, "99%"), _per_second(output))


def in_turn(
    asked: dict[str, tuple[Server, Request]], key: str, seconds: float, *, rounds: int
) -> dict[str, float]:
    """The median over rounds of what one client waits, in milliseconds (median), by name.

    Each round asks everything, so that what is compared was measured under the same conditions.
    """
    for server, request in asked.values():
        check(server, request, key)
    loads: dict[str, list[Load]] = {name: [] for name in asked}
    for _ in range(rounds):
        for name, (server, request) in asked.items():
            loads[name].append(run(server, request, key, connections=1, seconds=seconds))
    return {name: sorted(its)[rounds // 2].median for name, its in loads.items()}


def check(server: Server, request: Request, key: str) -> bytes:
    """One answer, to see that there is one."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    body = request.body.encode() or None
    with urllib.request.urlopen(  # noqa: S310 - the address is ours
        urllib.request.Request(server.base + request.path, body, headers)  # noqa: S310
    ) as response:
        answer: bytes = response.read()
    if b'"errors"' in answer:
        raise RuntimeError(answer.decode())
    return answer


def _milliseconds(output: str, percentile: str) -> float:
    found = re.search(rf"{percentile}\s+([\d.]+)(us|ms|s|m)", output)
    assert found is not None, output
    return float(found[1]) * MILLISECONDS[found[2]]


def _per_second(output: str) -> float:
    found = re.search(r"Requests/sec:\s+([\d.]+)", output)
    assert found is not None, output
    return float(found[1])


def _wait(base: str, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise RuntimeError("the server did not start")
        try:
            with socket.create_connection(("127.0.0.1", int(base.rpartition(":")[2])), 1):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the server did not start")
