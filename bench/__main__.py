"""Run all benchmarks, print a table, and write ``bench/results.json`` and ``bench/chart.svg``."""

import asyncio
import json
import platform as machine
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer

from bench import (
    chart,
    dashboard,
    exports,
    import_cost,
    pages,
    readers,
    replicas,
    servers,
    write_cost,
)
from bench.data import Keys, load, settle
from bench.load import require_wrk, serving
from bench.verdict import BY_INDEX, HUGE, SIZES, verdict
from call_analytics.db.addresses import parse_database_url
from call_analytics.db.engine import Database, create_engine
from call_analytics.db.rollups.folding import fold_rollups
from call_analytics.db.rollups.upkeep import enable_rollups
from tests.postgres import PostgresCluster

RESULTS = Path(__file__).with_name("results.json")
CHART = Path(__file__).with_name("chart.svg")

# As PostgreSQL comes, but for a cache that holds the data, as a server's does.
CONFIGURATION = """
listen_addresses = ''
unix_socket_directories = '{directory}'
shared_buffers = 2GB
max_wal_size = 8GB
"""


class Part(Enum):
    """What can be measured by itself."""

    LATENCY = "latency"
    THROUGHPUT = "throughput"
    READERS = "readers"
    DASHBOARD = "dashboard"
    PAGES = "pages"
    EXPORTS = "exports"
    WRITES = "writes"
    HOSTILE = "hostile"
    MEMORY = "memory"
    IMPORT = "import"
    REPLICAS = "replicas"


ALONE = {Part.IMPORT, Part.REPLICAS}
"""The parts that have databases of their own."""


OF_ONE = {Part.LATENCY, Part.PAGES, Part.EXPORTS}
"""The parts that need nothing but the big organization and a small one."""


class Name(Enum):
    """The databases."""

    POSTGRESQL = "postgresql"
    SQLITE = "sqlite"


def main(
    *,
    huge: Annotated[bool, typer.Option(help="Measure 10 million calls as well.")] = False,
    quick: Annotated[bool, typer.Option(help="Small data and short loads.")] = False,
    only: Annotated[list[Part] | None, typer.Option(help="Measure this part only.")] = None,
    database: Annotated[list[Name] | None, typer.Option(help="Measure on this one only.")] = None,
    calls: Annotated[int | None, typer.Option(help="With so many calls, and no others.")] = None,
    import_rows: Annotated[
        int, typer.Option(help="Rows of the file that is imported.")
    ] = 1_000_000,
) -> None:
    """Measure the service beside a plain one, on both databases.

    What is measured in part is printed, and not written.
    """
    require_wrk()
    sizes = SIZES[:1] if quick else SIZES + ((HUGE,) if huge else ())
    if calls is not None or only:
        sizes = (calls or SIZES[-1],)
    parts = set(only or Part)
    seconds = 1.0 if quick else 4.0
    results: dict[str, Any] = {
        "machine": {
            "processors": psutil.cpu_count(),
            "python": machine.python_version(),
            "system": machine.system(),
            "load": psutil.getloadavg()[0],
        },
        "databases": {},
    }
    providers = {Name.POSTGRESQL: _postgresql, Name.SQLITE: _sqlite}
    for name in database or Name if not parts <= ALONE else ():
        results["databases"][name.value] = {}
        for size in sizes:
            with providers[name]() as url:
                print(f"\n== {name.value}, {size:,} calls", flush=True)
                is_last = size == min(max(sizes), SIZES[-1])
                measured = parts if is_last else {Part.LATENCY}
                found = asyncio.run(_prepare(url, size, is_whole=not measured <= OF_ONE))
                result = _measure(url, found, size, seconds=seconds, parts=measured)
                results["databases"][name.value][size] = result
    if Part.IMPORT in parts:
        results["import"] = import_cost.measure(10_000 if quick else import_rows)
        print(f"import into SQLite, seconds {results['import']}", flush=True)
    if Part.REPLICAS in parts:
        results["replicas"] = replicas.measure(CONFIGURATION, _with_replicas, seconds)
    print(f"\n{verdict(results)}")
    if not only and not database and calls is None:
        RESULTS.write_text(json.dumps(results, indent=2) + "\n")
        chart.draw(results, CHART)
        print(f"\nwritten: {RESULTS.name}, {CHART.name}")


def _measure(
    url: str, keys: Keys, size: int, *, seconds: float, parts: set[Part]
) -> dict[str, Any]:
    """The figures of one database; it comes without rollups."""
    result: dict[str, Any] = {"latency": {}}
    slow = seconds if size <= SIZES[1] else 2 * seconds
    if Part.LATENCY in parts:
        with serving("us", url) as us:
            result["latency"] |= servers.latency({"without rollups": (us, slow)}, keys, rounds=1)
    if Part.WRITES in parts:
        result["write"] = {"without": asyncio.run(_write_cost(url, "without"))._asdict()}
    asyncio.run(_enable(url))
    with ExitStack() as stack:
        us, plain = (stack.enter_context(serving(app, url)) for app in ("us", "baseline"))
        if Part.LATENCY in parts:
            compared = {"plain baseline": (plain, slow), "with rollups": (us, seconds)}
            if url.startswith("postgresql"):
                asyncio.run(readers.check_baseline_plan(parse_database_url(url), "small-0"))
                by_index = stack.enter_context(serving(BY_INDEX, url))
                compared[BY_INDEX] = by_index, seconds
            rounds = 1 if parts == {Part.LATENCY} else servers.ROUNDS
            result["latency"] |= servers.latency(compared, keys, rounds=rounds)
        if Part.THROUGHPUT in parts:
            result["throughput"] = servers.throughput(us, plain, keys, seconds)
        if Part.READERS in parts:
            result["fixed"] = servers.fixed_costs(us, plain, keys, seconds)
        if Part.DASHBOARD in parts and url.startswith("postgresql"):
            result["dashboard"] = dashboard.measure(us, plain, keys, seconds)
            scan = asyncio.run(dashboard.scan(parse_database_url(url), "big"))
            result["dashboard"]["scan"] = scan
        if Part.PAGES in parts:
            result["pages"] = pages.measure(us, keys, seconds)
        if Part.EXPORTS in parts:
            result["exports"] = exports.measure(us, keys, seconds)
    return result | _measure_alone(url, keys, result.get("write", {}), parts)


def _measure_alone(url: str, keys: Keys, write: dict[str, Any], parts: set[Part]) -> dict[str, Any]:
    """What is measured while no other server runs, with rollups."""
    result: dict[str, Any] = {}
    if Part.READERS in parts:
        result["readers"] = asyncio.run(_readers(url))
        print(f"milliseconds {result['readers']}", flush=True)
    if Part.HOSTILE in parts:
        result["hostile"] = servers.hostile_requests(url, keys)._asdict()
    if Part.MEMORY in parts:
        result["memory"] = servers.memory(url, keys)
    if Part.WRITES in parts:
        result["write"] = write | {"with": asyncio.run(_write_cost(url, "with"))._asdict()}
    return result


async def _with_replicas(url: str) -> Keys:
    keys = await _prepare(url, replicas.CALLS, is_whole=True)
    await _enable(url)
    return keys


async def _readers(url: str) -> dict[str, Any]:
    reader = create_engine(parse_database_url(url), read_only=True)
    try:
        async with _opened(url) as writer:
            found: dict[str, Any] = {
                "series": await readers.daily_series(reader, "big"),
                "log": await readers.unfolded_log(reader, writer, "big"),
            }
            if reader.dialect.name == "postgresql":
                found["round trip"] = await readers.round_trip(reader)
            return found
    finally:
        await reader.dispose()


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
    with PostgresCluster(CONFIGURATION) as cluster:
        yield cluster.url("postgres")


@contextmanager
def _sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as directory:
        yield f"sqlite:///{directory}/bench.db"


async def _prepare(url: str, size: int, *, is_whole: bool) -> Keys:
    async with _opened(url) as database:
        return await load(database, size, is_whole=is_whole)


if __name__ == "__main__":
    typer.run(main)
