"""One service with no, one and two replicas, all on one machine, and with two too far behind."""

import asyncio
import json
import time
import urllib.request
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from bench.data import Keys
from bench.load import REQUESTS, Server, in_turn, run, serving
from tests.postgres import PostgresCluster

CALLS = 100_000
REQUEST = REQUESTS["full 90 days"]
ROUNDS = 3
SERVERS = {"no replica": 0, "one replica": 1, "two replicas": 2}


def measure(
    configuration: str, prepare: Callable[[str], Coroutine[Any, Any, Keys]], seconds: float
) -> dict[str, dict[str, float]]:
    """Requests per second for 16 connections, and milliseconds (median) that one client waits."""
    found: dict[str, dict[str, float]] = {"per second": {}, "milliseconds": {}}
    with ExitStack() as stack:
        clusters = [stack.enter_context(PostgresCluster(configuration))]
        keys = asyncio.run(prepare(clusters[0].url("postgres")))
        for _ in range(2):
            copy = PostgresCluster(configuration, primary=clusters[0])
            clusters.append(stack.enter_context(copy))
        servers = {
            name: stack.enter_context(_serving(clusters[0], clusters[1 : 1 + replicas]))
            for name, replicas in SERVERS.items()
        }
        for _ in range(ROUNDS):
            for name, server in servers.items():
                load = run(server, REQUEST, *keys.small, connections=16, seconds=seconds)
                found["per second"][name] = max(load.per_second, found["per second"].get(name, 0))
        asked = {name: (server, REQUEST) for name, server in servers.items()}
        found["milliseconds"] = in_turn(asked, keys.small[0], seconds, rounds=ROUNDS)
        for standby in clusters[1:]:
            standby.execute("SELECT pg_wal_replay_pause()")
        behind = servers["two replicas"]
        _wait_for(behind, in_use=0)
        late = {"no replica, then": asked["no replica"], "two too far behind": (behind, REQUEST)}
        found["milliseconds"] |= in_turn(late, keys.small[0], seconds, rounds=ROUNDS)
    for what, values in found.items():
        for name, value in values.items():
            print(f"replicas: {what:<14} {name:<24} {value:12,.2f}", flush=True)
    return found


def ratios(measured: dict[str, dict[str, float]]) -> Iterator[str]:
    """What was measured, compared: one line each."""
    for name in ("one replica", "two replicas"):
        for what, values in measured.items():
            yield f"{what}, {name} / none = {values[name] / values['no replica']:.2f}"
    waits = measured["milliseconds"]
    ratio = waits["two too far behind"] / waits["no replica, then"]
    yield f"milliseconds, two replicas too far behind / none = {ratio:.2f}"


@contextmanager
def _serving(primary: PostgresCluster, replicas: list[PostgresCluster]) -> Iterator[Server]:
    settings = {}
    if replicas:
        hosts = ",".join(str(replica.directory) for replica in replicas)
        settings["read_database_url"] = f"postgresql:///postgres?user=postgres&host={hosts}"
    with serving("us", primary.url("postgres"), **settings) as server:
        _wait_for(server, in_use=len(replicas))
        yield server


def _wait_for(server: Server, *, in_use: int) -> None:
    """Wait until so many replicas are in use."""
    while _ready(server).get("replicasInUse", 0) != in_use:
        time.sleep(0.1)


def _ready(server: Server) -> dict[str, Any]:
    with urllib.request.urlopen(f"{server.base}/readyz") as response:  # noqa: S310 - it is ours
        ready: dict[str, Any] = json.load(response)
    return ready
