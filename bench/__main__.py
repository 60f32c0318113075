"""Run all benchmarks, print a table, and write ``bench/results.json`` and ``bench/chart.svg``."""

import asyncio
import json
import platform as machine
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import psutil
import typer

from bench import chart, hostile, write_cost
from bench.data import Keys, load, settle
from bench.load import BARE, REQUESTS, Load, Server, check, require_wrk, run, serving
from call_analytics.db.engine import Database, create_engine, parse_database_url
from call_analytics.db.rollups.folding import fold_rollups
from call_analytics.db.rollups.upkeep import enable_rollups
from tests.postgres import PostgresCluster

RESULTS = Path(__file__).with_name("results.json")
CHART = Path(__file__).with_name("chart.svg")
SIZES = (10_000, 100_000, 1_000_000)
HUGE = 10_000_000
FULL = REQUESTS["full 90 days"]
ROUNDS = 3
"""How often a comparison is made where all is measured; the middle one counts."""

# As PostgreSQL comes, but for a cache that holds the data, as a server's does.
CONFIGURATION = """
listen_addresses = ''
unix_socket_directories = '{directory}'
shared_buffers = 2GB
max_wal_size = 8GB
"""


class Throughput(NamedTuple):
    """What one worker manages for 16 connections."""

    share: float
    """Percent of what a bare route manages."""
    per_second: float
    """Requests."""
    bare_per_second: float


def main(
    *,
    huge: Annotated[bool, typer.Option(help="Measure 10 million calls as well.")] = False,
    quick: Annotated[bool, typer.Option(help="Small data and short loads.")] = False,
) -> None:
    """Measure the service beside a plain one, on both databases."""
    require_wrk()
    sizes = SIZES[:1] if quick else SIZES + ((HUGE,) if huge else ())
    seconds = 1.0 if quick else 4.0
    results: dict[str, Any] = {
        "machine": {
            "processors": psutil.cpu_count(),
            "python": machine.python_version(),
            "system": machine.system(),
        },
        "databases": {},
    }
    for name, databases in (("postgresql", _postgresql), ("sqlite", _sqlite)):
        results["databases"][name] = {}
        for size in sizes:
            with databases() as url:
                print(f"\n== {name}, {size:,} calls", flush=True)
                is_last = size == min(max(sizes), SIZES[-1])
                found = asyncio.run(_prepare(url, size))
                result = _measure(url, found, size, seconds=seconds, everything=is_last)
                results["databases"][name][size] = result
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    chart.draw(results, CHART)
    print(f"\n{_verdict(results)}\n\nwritten: {RESULTS.name}, {CHART.name}")


def _measure(
    url: str, keys: Keys, size: int, *, seconds: float, everything: bool
) -> dict[str, Any]:
    """All figures of one database; it comes without rollups."""
    result: dict[str, Any] = {"latency": {}}
    slow = seconds if size <= SIZES[1] else 2 * seconds
    rounds = ROUNDS if everything else 1
    with serving("us", url) as us:
        result["latency"] |= _latency({"without rollups": (us, slow)}, keys, rounds=1)
    if everything:
        result["write"] = {"without": asyncio.run(_write_cost(url, "without"))._asdict()}
    asyncio.run(_enable(url))
    with serving("us", url) as us, serving("baseline", url) as plain:
        both = {"plain baseline": (plain, slow), "with rollups": (us, seconds)}
        result["latency"] |= _latency(both, keys, rounds=rounds)
        if everything:
            result["throughput"] = _throughput(us, plain, keys, seconds)
    if everything:
        result["hostile"] = _hostile(url, keys)._asdict()
        result["memory"] = _memory(url, keys)
        result["write"]["with"] = asyncio.run(_write_cost(url, "with"))._asdict()
    return result


def _latency(
    servers: dict[str, tuple[Server, float]], keys: Keys, *, rounds: int
) -> dict[str, dict[str, Any]]:
    """What one client waits for each server, which are measured in turn for so many seconds."""
    questions = [(name, request, keys.big) for name, request in REQUESTS.items()]
    questions.append(("small organization, full 90 days", FULL, keys.small))
    found: dict[str, dict[str, Any]] = {who: {} for who in servers}
    for name, request, key in questions:
        asked = {
            who: server
            for who, server in servers.items()
            if (who, name) != ("plain baseline", "totals only")  # it cannot be asked for less
        }
        for server, _ in asked.values():
            check(server, request, key)
            run(server, request, key, connections=1, seconds=1)
        loads: dict[str, list[Load]] = {who: [] for who in asked}
        for _ in range(rounds):
            for who, (server, seconds) in asked.items():
                loads[who].append(run(server, request, key, connections=1, seconds=seconds))
        for who, measured in loads.items():
            _note(found, who, name, sorted(measured)[rounds // 2])
    return found


def _throughput(us: Server, plain: Server, keys: Keys, seconds: float) -> dict[str, dict[str, Any]]:
    """Requests per second of one worker, each compared with a bare route just before."""
    found: dict[str, dict[str, Any]] = {"with rollups": {}, "nothing shared": {}}
    # Only those who ask with the same key share answers.
    keys_of = {"with rollups": [keys.big], "nothing shared": keys.all_of_big}
    for name, request in REQUESTS.items():
        rounds: dict[str, list[Throughput]] = {who: [] for who in found}
        for _ in range(ROUNDS):
            bare = run(plain, BARE, keys.big, connections=16, seconds=seconds).per_second
            for who, some in keys_of.items():
                ours = run(us, request, *some, connections=16, seconds=seconds).per_second
                rounds[who].append(Throughput(100 * ours / bare, ours, bare))
        for who, measured in rounds.items():
            median = sorted(measured)[ROUNDS // 2]
            found[who][name] = median._asdict()
            print(f"{who:<16} {name:<34} {median}", flush=True)
    return found


def _hostile(url: str, keys: Keys) -> hostile.Hostility:
    with serving("us", url) as server:
        measured = hostile.measure(server, keys.big)
    print(f"hostile requests {measured}", flush=True)
    return measured


def _memory(url: str, keys: Keys) -> dict[str, int]:
    """Resident bytes of a server after 100 and after more than 10,000 mixed requests."""
    with serving("us", url) as server:
        for _ in range(25):
            for request in REQUESTS.values():
                check(server, request, keys.big)
        early, sent = server.memory, 0.0
        while sent < 10_000:
            for request in REQUESTS.values():
                for key in (keys.big, keys.small):
                    sent += run(server, request, key, connections=16, seconds=1).per_second
        memory = {"after 100": early, "after 10,000": server.memory}
    print(f"memory {memory}", flush=True)
    return memory


async def _write_cost(url: str, label: str) -> write_cost.WriteCost:
    async with _opened(url) as database:
        cost = await write_cost.measure(database, label)
    print(f"writes {label} triggers: {cost.insert:.0f} / {cost.update:.0f} us (insert / update)")
    return cost


async def _enable(url: str) -> None:
    async with _opened(url) as database:
        await enable_rollups(database, lambda *_: None)
        await fold_rollups(database)
        await settle(database)


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[Database]:
    database = create_engine(parse_database_url(url), read_only=False)
    try:
        yield database
    finally:
        await database.dispose()


@contextmanager
def _postgresql() -> Iterator[str]:
    cluster = PostgresCluster(CONFIGURATION)
    cluster.start()
    try:
        yield cluster.url("postgres")
    finally:
        cluster.remove()


@contextmanager
def _sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as directory:
        yield f"sqlite:///{directory}/bench.db"


async def _prepare(url: str, size: int) -> Keys:
    async with _opened(url) as database:
        return await load(database, size)


def _note(results: dict[str, Any], who: str, what: str, measured: Load) -> None:
    results.setdefault(who, {})[what] = measured._asdict()
    print(
        f"{who:<16} {what:<34} median {measured.median:9.2f} ms   p99 {measured.p99:9.2f} ms   "
        f"{measured.per_second:9.1f}/s",
        flush=True,
    )


def _verdict(results: dict[str, Any]) -> str:
    """The ratios, one line each."""
    lines = ["ratios"]
    for name, sizes in results["databases"].items():
        for size, result in sizes.items():
            ours, plain = (result["latency"][who] for who in ("with rollups", "plain baseline"))
            for what in ("full 90 days", "small organization, full 90 days"):
                ratio = plain[what]["median"] / ours[what]["median"]  # NaN tells itself
                lines.append(f"{name}, {size:,} calls, {what}: plain baseline / us = {ratio:.0f}")
            if "throughput" in result:
                for who, shares in result["throughput"].items():
                    for what, measured in shares.items():
                        share = f"{measured['share']:.1f} % of the bare route"
                        lines.append(f"{name}, {size:,} calls, {what}, {who}: {share}")
                for what, cost in result["write"]["with"].items():
                    ratio = cost / result["write"]["without"][what]
                    lines.append(f"{name}, {what} with triggers / without = {ratio:.2f}")
                worst = result["hostile"]
                lines.append(
                    f"{name}, dearest hostile request ({worst['name']}): median "
                    f"{worst['median']:.0f} ms, slowest of any kind {worst['worst']:.0f} ms, "
                    f"{worst['statements']} SQL statements"
                )
                memory = result["memory"]
                ratio = memory["after 10,000"] / memory["after 100"]
                lines.append(f"{name}, memory after 10,000 requests / after 100 = {ratio:.2f}")
        ours = {size: result["latency"]["with rollups"] for size, result in sizes.items()}
        for larger in (SIZES[-1], HUGE):
            if larger in ours and larger // 10 in ours:
                ratio = (
                    ours[larger]["full 90 days"]["median"]
                    / ours[larger // 10]["full 90 days"]["median"]
                )
                lines.append(f"{name}, us at {larger:,} / at {larger // 10:,} calls = {ratio:.2f}")
    return "\n".join(lines)


if __name__ == "__main__":
    typer.run(main)
