"""Answers of the reader itself, without HTTP: zones, and a log that is not folded."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import select, text, update

from bench.plain import BY_INDEX, statements
from call_analytics.db.addresses import DatabaseUrl
from call_analytics.db.engine import Database, connect, create_engine, transaction
from call_analytics.db.models import Assistant, Call, Organization
from call_analytics.db.replicas.servers import Servers
from call_analytics.db.rollups.folding import fold_rollups
from call_analytics.resolvers.analytics import Analytics
from call_analytics.resolvers.calendar import Step
from call_analytics.resolvers.question import Question, Selection, documented_figures
from call_analytics.resolvers.window import Period
from call_analytics.resolvers.zones import zone_for

ZONES = ("UTC", "America/New_York", "Asia/Kolkata")
LENGTH = timedelta(days=90)
TIMES = 200
WRITES = 10_000
COVERING_INDEX = "ix_calls_organization_started"


async def daily_series(reader: Database, slug: str) -> dict[str, float]:
    """Milliseconds (median) of 90 daily points of an organization, by zone, asked in turn."""
    organization_id = await _organization(reader, slug)
    analytics = Analytics(Servers(reader))
    selection = Selection(
        series={Step.DAY: frozenset({"total_calls", "completed_calls", "failed_calls"})},
        series_aliases={Step.DAY: 1},
    )

    def asking(zone: str) -> Callable[[], Awaitable[object]]:
        question = Question(Period.LAST_90_DAYS, selection, zone_for(zone))
        return lambda: analytics.report(organization_id, question, now=datetime.now(UTC))

    return await _in_turn({zone: asking(zone) for zone in ZONES})


async def unfolded_log(reader: Database, writer: Database, slug: str) -> dict[str, float]:
    """Milliseconds (median) of a full answer while writes are not folded, and when they are."""
    organization_id = await _organization(reader, slug)
    analytics = Analytics(Servers(reader))
    question = documented_figures(Period.LAST_90_DAYS)

    def ask() -> Awaitable[object]:
        return analytics.report(organization_id, question, now=datetime.now(UTC))

    ids = select(Assistant.id).where(Assistant.organization_id == organization_id)
    async with connect(reader) as connection:
        calls = (
            await connection.scalars(
                select(Call.id)
                .where(Call.assistant_id.in_(ids), Call.status == "completed")
                .order_by(Call.started_at.desc())
                .limit(WRITES)
            )
        ).all()
    async with transaction(writer) as connection:
        for call in calls:
            await connection.execute(
                update(Call).where(Call.id == call).values(duration=Call.duration + 1)
            )
    found = {"not folded": (await _in_turn({"": ask}))[""]}
    await fold_rollups(writer)
    autocommit = writer.execution_options(isolation_level="AUTOCOMMIT")
    async with autocommit.connect() as connection:
        await connection.execute(
            text("VACUUM" if writer.dialect.name == "postgresql" else "ANALYZE")
        )
    return found | {"folded": (await _in_turn({"": ask}))[""]}


async def round_trip(reader: Database) -> float:
    """Milliseconds (median) of a statement that reads nothing, sent by the driver itself."""
    async with connect(reader) as connection:
        raw = (await connection.get_raw_connection()).driver_connection
        assert raw is not None
        prepared = await raw.prepare("SELECT 1")
        return (await _in_turn({"": prepared.fetch}))[""]


async def check_baseline_plan(url: DatabaseUrl, slug: str) -> None:
    """See that the baseline reads an organization's calls through the covering index only.

    Raises:
        RuntimeError: where it does not.
    """
    database = create_engine(url, read_only=False, pool_size=1)
    try:
        organization_id = await _organization(database, slug)
        since = datetime.now(UTC).replace(tzinfo=None) - LENGTH
        async with connect(database) as connection:
            for name, value in BY_INDEX.items():
                await connection.execute(text(f"SET {name} = {value}"))
            for statement in statements(organization_id, since):
                sql = str(
                    statement.compile(
                        dialect=connection.dialect, compile_kwargs={"literal_binds": True}
                    )
                )
                lines = (await connection.exec_driver_sql(f"EXPLAIN {sql}")).scalars().all()
                scans = [line for line in lines if "Scan" in line and " on calls" in line]
                if not scans or not all(COVERING_INDEX in scan for scan in scans):
                    raise RuntimeError("the baseline does not use the index:\n" + "\n".join(lines))
    finally:
        await database.dispose()


async def _in_turn(asked: dict[str, Callable[[], Awaitable[object]]]) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in asked}
    for number in range(TIMES + 10):
        for name, ask in asked.items():
            began = time.perf_counter()
            await ask()
            if number >= 10:  # the first ones prepare
                times[name].append(1000 * (time.perf_counter() - began))
            await asyncio.sleep(0)
    return {name: statistics.median(values) for name, values in times.items()}


async def _organization(database: Database, slug: str) -> int:
    async with connect(database) as connection:
        found: int = (
            await connection.execute(select(Organization.id).where(Organization.slug == slug))
        ).scalar_one()
    return found
