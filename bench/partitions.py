"""Answers of partitioned databases, beside those of one that is not.

Run it by ``python -m bench.partitions``. All databases hold the same calls, and are asked in turn,
each over one connection.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated

import typer
from sqlalchemy import select, text

from bench.data import load, settle
from call_analytics.db.admin.migrate import upgrade
from call_analytics.db.admin.partitions import partition_calls
from call_analytics.db.engine import Database, connect, create_engine, parse_database_url
from call_analytics.db.models import Organization
from call_analytics.db.rollups.upkeep import enable_rollups
from call_analytics.resolvers.analytics import Analytics
from call_analytics.resolvers.question import Question, Selection, documented_figures
from call_analytics.resolvers.window import Period
from tests.postgres import PostgresCluster

TIMES = 300
FIRST = 5
"""New sessions, whose first answer plans its statement."""
QUESTIONS = {
    "full 90 days": documented_figures(Period.LAST_90_DAYS),
    "totals of 7 days": Question(Period.LAST_7_DAYS, Selection(figures=frozenset({"total_calls"}))),
}


class Served:
    """A database and the service's own way to ask it."""

    def __init__(self, url: str) -> None:
        self._url = parse_database_url(url)
        self.reader = self._open()
        self.organization = 0

    def _open(self) -> Database:
        return create_engine(self._url, read_only=True, pool_size=1)

    async def fill(self, parts: int, calls: int) -> None:
        """Make the database, with rollups, in so many partitions; 0 is undivided."""
        writer = create_engine(self._url, read_only=False)
        await upgrade(writer)
        if parts:
            await partition_calls(writer, parts)
        await load(writer, calls, is_whole=False)
        await enable_rollups(writer, lambda *_: None)
        await settle(writer)
        await writer.dispose()
        async with connect(self.reader) as connection:
            big = select(Organization.id).where(Organization.slug == "big")
            self.organization = (await connection.execute(big)).scalar_one()

    def asking(self, question: Question) -> Callable[[], Awaitable[object]]:
        """Asks once over the connection that is there."""
        analytics = Analytics(self.reader)
        return lambda: analytics.report(self.organization, question, now=datetime.now(UTC))

    async def first(self, question: Question) -> float:
        """Milliseconds of the first answer over a new connection; less the connecting."""
        times = []
        for _ in range(FIRST):
            database = self._open()
            analytics = Analytics(database)
            async with connect(database) as connection:
                await connection.execute(text("SELECT 1"))
            began = time.perf_counter()
            await analytics.report(self.organization, question, now=datetime.now(UTC))
            times.append(1000 * (time.perf_counter() - began))
            await database.dispose()
        return statistics.median(times)

    async def plan_megabytes(self) -> float:
        """What the connection's session keeps of plans."""
        memory = text(
            "SELECT sum(total_bytes) / 1e6 FROM pg_backend_memory_contexts "
            "WHERE name LIKE 'CachedPlan%'"
        )
        async with connect(self.reader) as connection:
            return float(await connection.scalar(memory) or 0)


async def _in_turn(asked: dict[str, Callable[[], Awaitable[object]]]) -> dict[str, float]:
    """Milliseconds (median)."""
    times: dict[str, list[float]] = {name: [] for name in asked}
    for number in range(TIMES + 10):
        for name, ask in asked.items():
            began = time.perf_counter()
            await ask()
            if number >= 10:
                times[name].append(1000 * (time.perf_counter() - began))
    return {name: statistics.median(values) for name, values in times.items()}


async def _measure(cluster: PostgresCluster, parts: list[int], calls: int) -> None:
    served: dict[str, Served] = {}
    for number in (0, *parts):
        cluster.execute(f"CREATE DATABASE parts_{number}")
        name = f"{number} partitions" if number else "undivided"
        served[name] = Served(cluster.url(f"parts_{number}"))
        await served[name].fill(number, calls)
    for asked, question in QUESTIONS.items():
        warm = await _in_turn({name: one.asking(question) for name, one in served.items()})
        for name, one in served.items():
            print(
                f"{asked:<18}{name:<16}{warm[name]:6.2f} ms, {warm[name] / warm['undivided']:4.2f} "
                f"of undivided; the first of a session {await one.first(question):6.1f} ms; "
                f"plans of a session {await one.plan_megabytes():5.1f} MB",
                flush=True,
            )
    for one in served.values():
        await one.reader.dispose()


def main(
    parts: Annotated[list[int] | None, typer.Argument(help="How many partitions.")] = None,
    *,
    calls: Annotated[int, typer.Option(help="Calls of the organization that asks.")] = 200_000,
) -> None:
    """Measure answers with so many partitions (1, 8 and 64 unless said otherwise)."""
    cluster = PostgresCluster()
    cluster.start()
    try:
        asyncio.run(_measure(cluster, parts or [1, 8, 64], calls))
    finally:
        cluster.remove()


if __name__ == "__main__":
    typer.run(main)
