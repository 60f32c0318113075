"""A distributed database beside one that is on the coordinator alone.

Run it by ``python -m bench.citus``, with the setting of ``make citus``. Machines that share two
cores show what Citus costs, not what it gives.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from sqlalchemy import insert

from bench.side_by_side import Served, compare, in_turn
from call_analytics.db.admin.distribution import distribute_calls
from call_analytics.db.admin.keys import hash_key, key_owner
from call_analytics.db.calls.store import (
    StagedCall,
    assistants_by_name,
    create_assistant,
    store_calls,
)
from call_analytics.db.engine import Database, connect, transaction
from call_analytics.db.models import Call
from call_analytics.db.rollups.folding import fold_rollups
from tests.citus.cluster import SETTING, CitusCluster

CALLS = 200_000
SHARDS = 32
WORKERS = 2


def _writes(
    database: Database, organization: int, assistant: int
) -> dict[str, Callable[[], Awaitable[object]]]:
    numbers = iter(range(10**9))

    async def write(calls: int) -> None:
        rows = [
            {
                "organization_id": organization,
                "assistant_id": assistant,
                "call_sid": f"bench-{next(numbers)}",
                "to_phone_number": "",
                "customer_phone_number": "",
                "status": "completed",
                "started_at": datetime.now(UTC).replace(tzinfo=None),
            }
            for _ in range(calls)
        ]
        async with transaction(database) as connection:
            await connection.execute(insert(Call), rows)

    async def load(calls: int) -> None:
        staged = [
            StagedCall(
                number=number,
                call_sid=f"bench-{next(numbers)}",
                assistant_id=assistant,
                to_phone_number="",
                customer_phone_number="",
                status="completed",
                duration=60,
                started_at=datetime.now(UTC).replace(tzinfo=None),
                ended_at=None,
            )
            for number in range(calls)
        ]
        async with transaction(database) as connection:
            await store_calls(connection, organization, staged)

    async def add_assistant() -> None:
        async with transaction(database) as connection:
            await create_assistant(connection, organization, f"Assistant {next(numbers)}")

    async def look_up_key() -> None:
        async with connect(database) as connection:
            await key_owner(connection, hash_key("nobody's"))

    return {
        "one call": lambda: write(1),
        "100 calls, one by one": lambda: write(100),
        "100 calls, as import": lambda: load(100),
        "an assistant": add_assistant,
        "a key looked up": look_up_key,
    }


async def _measure(cluster: CitusCluster, names: dict[str, str]) -> None:
    async def together(_database: Database) -> None:
        pass

    async def distributed(database: Database) -> None:
        await distribute_calls(database, SHARDS)

    served = {name: Served(cluster.url(database)) for name, database in names.items()}
    for one, divide in zip(served.values(), (together, distributed), strict=True):
        await one.fill(CALLS, divide)
    await compare(served)
    writers = {name: one.writer() for name, one in served.items()}
    writes: dict[str, dict[str, Callable[[], Awaitable[object]]]] = {}
    for name, one in served.items():
        async with connect(writers[name]) as connection:
            assistants = await assistants_by_name(connection, one.organization)
        for write, work in _writes(
            writers[name], one.organization, min(assistants.values())
        ).items():
            writes.setdefault(write, {})[name] = work
    for write, works in writes.items():
        times = {name: round(taken, 2) for name, taken in (await in_turn(works)).items()}
        print(write, times, "ms", flush=True)
    for name, writer in writers.items():
        began = time.perf_counter()
        rows = await fold_rollups(writer)
        print(f"folding {rows:,} rows, {name}: {time.perf_counter() - began:.2f} s")
        await writer.dispose()
    for one in served.values():
        await one.reader.dispose()


def main() -> None:
    """Measure answers and writes, and folding what was written."""
    names = {"one machine": "call_analytics_bench_one", "Citus": "call_analytics_bench_citus"}
    with asyncio.Runner() as runner:
        cluster = CitusCluster(os.environ[SETTING], runner)
        try:
            one, many = names.values()
            cluster.run("postgres", f"CREATE DATABASE {one}")
            cluster.create(many, workers=WORKERS)
            runner.run(_measure(cluster, names))
        finally:
            for database in names.values():
                cluster.drop(database)


if __name__ == "__main__":
    main()
