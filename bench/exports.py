"""An export of every call: its pace, its memory, and what others wait beside it."""

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from bench.data import DAYS, Keys
from bench.load import REQUESTS, Request, Server, check, run

BESIDE = ("totals only", "full 90 days")
"""The requests that are sent beside exports."""
ROUNDS = 3
SAMPLE_SECONDS = 0.05
NAMES = {"identity": "plain", "gzip": "gzip", "zstd": "zstd"}


def measure(us: Server, keys: Keys, seconds: float) -> dict[str, float]:
    """Calls per second, bytes of memory, and milliseconds (median) that one client waits."""
    now = datetime.now(UTC)
    window = ((now - timedelta(days=DAYS + 1)).isoformat(), now.isoformat())
    path = "/api/v1/calls/export?start={}&end={}".format(
        *(moment.replace("+", "%2B") for moment in window)
    )
    counted = Request(
        "/graphql",
        f'{{ callAnalytics(instants: {{ start: "{window[0]}", end: "{window[1]}" }}) '
        "{ totalCalls } }",
    )
    calls = json.loads(check(us, counted, keys.big))["data"]["callAnalytics"]["totalCalls"]
    found: dict[str, float] = {"calls": calls, "idle memory": us.memory}
    for coding, name in NAMES.items():
        began = time.perf_counter()
        with _largest_memory(us) as memory:
            _curl(us, path, keys.big, coding).wait()
        found[f"{name}, calls per second"] = calls / (time.perf_counter() - began)
        found[f"{name}, memory"] = max(memory)
    for name in BESIDE:
        alone, beside = [], []
        for _ in range(ROUNDS):
            alone.append(_wait(us, name, keys, seconds))
            with _exporting(us, path, keys.big):
                beside.append(_wait(us, name, keys, seconds))
        found[f"{name}, alone"] = sorted(alone)[ROUNDS // 2]
        found[f"{name}, beside an export"] = sorted(beside)[ROUNDS // 2]
    for name, value in found.items():
        print(f"export: {name:<40} {value:15,.2f}", flush=True)
    return found


def ratios(measured: dict[str, float]) -> list[str]:
    """What was measured, compared: one line each."""
    if not measured:
        return []
    largest = max(measured[f"{name}, memory"] for name in NAMES.values())
    memory = largest / measured["idle memory"]
    return [
        f"export of {measured['calls']:,.0f} calls: memory / idle = {memory:.2f}",
        *(
            f"{name} export: {measured[f'{name}, calls per second']:,.0f} calls a second"
            for name in NAMES.values()
        ),
        *(
            f"{name} of another organization, beside an export / alone = "
            f"{measured[f'{name}, beside an export'] / measured[f'{name}, alone']:.2f}"
            for name in BESIDE
        ),
    ]


def _wait(us: Server, name: str, keys: Keys, seconds: float) -> float:
    return run(us, REQUESTS[name], keys.small[0], connections=1, seconds=seconds).median


def _curl(us: Server, path: str, key: str, coding: str) -> "subprocess.Popen[bytes]":
    headers = ["-H", f"Authorization: Bearer {key}", "-H", f"Accept-Encoding: {coding}"]
    command = ["curl", "--silent", "--fail", "--output", "/dev/null", *headers, us.base + path]
    return subprocess.Popen(command)


@contextmanager
def _exporting(us: Server, path: str, key: str) -> Iterator[None]:
    """One export after the other, until the end of the block."""

    def go_on(is_over: threading.Event) -> None:
        while not is_over.is_set():
            process = _curl(us, path, key, "gzip")
            while process.poll() is None and not is_over.is_set():
                time.sleep(SAMPLE_SECONDS)
            process.terminate()
            process.wait()

    with _meanwhile(go_on):
        yield


@contextmanager
def _largest_memory(us: Server) -> Iterator[list[float]]:
    """The server's resident bytes, again and again until the end of the block."""
    found: list[float] = [us.memory]

    def watch(is_over: threading.Event) -> None:
        while not is_over.wait(SAMPLE_SECONDS):
            found.append(us.memory)

    with _meanwhile(watch):
        yield found


@contextmanager
def _meanwhile(work: Callable[[threading.Event], None]) -> Iterator[None]:
    """Work that is done in a thread, and told when the block is over."""
    is_over = threading.Event()
    thread = threading.Thread(target=work, args=(is_over,))
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
