"""Answers of partitioned databases, beside those of one that is not.

Run it by ``python -m bench.partitions``.
"""

import asyncio
from typing import Annotated

import typer

from bench.side_by_side import Served, compare
from call_analytics.db.admin.partitions import partition_calls
from call_analytics.db.engine import Database
from tests.postgres import PostgresCluster


async def _measure(cluster: PostgresCluster, parts: list[int], calls: int) -> None:
    served: dict[str, Served] = {}
    for number in (0, *parts):
        cluster.execute(f"CREATE DATABASE parts_{number}")
        one = served[f"{number} partitions" if number else "undivided"] = Served(
            cluster.url(f"parts_{number}")
        )

        async def divide(database: Database, number: int = number) -> None:
            if number:
                await partition_calls(database, number)

        await one.fill(calls, divide)
    await compare(served)
    for one in served.values():
        await one.reader.dispose()


def main(
    parts: Annotated[list[int] | None, typer.Argument(help="How many partitions.")] = None,
    *,
    calls: Annotated[int, typer.Option(help="Calls of the organization that asks.")] = 200_000,
) -> None:
    """Measure answers with so many partitions (1, 8 and 64 unless said otherwise)."""
    with PostgresCluster() as cluster:
        asyncio.run(_measure(cluster, parts or [1, 8, 64], calls))


if __name__ == "__main__":
    typer.run(main)
