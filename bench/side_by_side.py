"""The same questions to several databases that hold the same calls.

They are asked in turn, each over one connection, by the service's own code without HTTP.
"""

import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import select, text

from bench.data import load, settle
from call_analytics.db.addresses import parse_database_url
from call_analytics.db.admin.migrate import upgrade
from call_analytics.db.engine import Database, connect, create_engine
from call_analytics.db.figures.prepared import PreparedSelect
from call_analytics.db.figures.query import FigureQuery, Window
from call_analytics.db.figures.reader import statement_for
from call_analytics.db.models import Organization
from call_analytics.db.replicas.servers import Servers
from call_analytics.db.rollups.upkeep import enable_rollups
from call_analytics.db.shape import shape_of
from call_analytics.resolvers.analytics import Analytics
from call_analytics.resolvers.question import Question, Selection, documented_figures
from call_analytics.resolvers.window import Period
from tests.figures import EVERYTHING

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

    async def fill(self, calls: int, divide: Callable[[Database], Awaitable[object]]) -> None:
        """Make the database, have it divided, and fill it, with rollups."""
        writer = self.writer()
        await upgrade(writer)
        await divide(writer)
        await load(writer, calls, is_whole=False)
        await enable_rollups(writer, lambda *_: None)
        await settle(writer)
        await writer.dispose()
        async with connect(self.reader) as connection:
            big = select(Organization.id).where(Organization.slug == "big")
            self.organization = (await connection.execute(big)).scalar_one()

    def writer(self) -> Database:
        """The same database, to be written."""
        return create_engine(self._url, read_only=False)

    def asking(self, question: Question) -> Callable[[], Awaitable[object]]:
        """Asks once over the connection that is there."""
        analytics = Analytics(Servers(self.reader))
        return lambda: analytics.report(self.organization, question, now=datetime.now(UTC))

    async def first(self, question: Question) -> float:
        """Milliseconds of the first answer over a new connection; less the connecting."""
        times = []
        for _ in range(FIRST):
            database = self._open()
            analytics = Analytics(Servers(database))
            async with connect(database) as connection:
                await connection.execute(text("SELECT 1"))
            began = time.perf_counter()
            await analytics.report(self.organization, question, now=datetime.now(UTC))
            times.append(1000 * (time.perf_counter() - began))
            await database.dispose()
        return statistics.median(times)

    async def locks(self) -> int:
        """How many locks an answer holds while it runs."""
        start = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=90)
        query = FigureQuery(self.organization, (Window(start),), EVERYTHING)
        async with connect(self.reader) as connection:
            shape = await connection.run_sync(shape_of)
            statement, parameters = statement_for(
                query, connection.dialect.name, shape, use_rollups=True
            )
            await connection.exec_driver_sql("BEGIN")
            await PreparedSelect(statement, connection.dialect).rows(connection, parameters)
            held = await connection.scalar(
                text("SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid()")
            )
            await connection.exec_driver_sql("ROLLBACK")
        return held or 0

    async def plan_megabytes(self) -> float:
        """What the connection's session keeps of plans."""
        memory = text(
            "SELECT sum(total_bytes) / 1e6 FROM pg_backend_memory_contexts "
            "WHERE name LIKE 'CachedPlan%'"
        )
        async with connect(self.reader) as connection:
            return float(await connection.scalar(memory) or 0)


async def in_turn(asked: dict[str, Callable[[], Awaitable[object]]]) -> dict[str, float]:
    """Milliseconds (median)."""
    times: dict[str, list[float]] = {name: [] for name in asked}
    for number in range(TIMES + 10):
        for name, ask in asked.items():
            began = time.perf_counter()
            await ask()
            if number >= 10:
                times[name].append(1000 * (time.perf_counter() - began))
    return {name: statistics.median(values) for name, values in times.items()}


async def compare(served: dict[str, Served]) -> None:
    """Print how long answers of each take, beside those of the first."""
    first_name = next(iter(served))
    for asked, question in QUESTIONS.items():
        warm = await in_turn({name: one.asking(question) for name, one in served.items()})
        for name, one in served.items():
            print(
                f"{asked:<18}{name:<16}{warm[name]:6.2f} ms, {warm[name] / warm[first_name]:4.2f} "
                f"of {first_name}; the first of a session {await one.first(question):6.1f} ms; "
                f"plans of a session {await one.plan_megabytes():5.1f} MB",
                flush=True,
            )
    for name, one in served.items():
        print(f"an answer holds {await one.locks():,} locks: {name}", flush=True)
