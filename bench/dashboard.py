"""What a dashboard asks beyond the documented figures, beside a full answer and a plain one."""

import statistics
import time
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, text

from bench.data import Keys
from bench.load import REQUESTS, Request, Server, check, in_turn
from bench.plain import BY_INDEX, completed
from call_analytics.db.addresses import DatabaseUrl
from call_analytics.db.engine import Database, connect, create_engine
from call_analytics.db.models import Call, Organization

FIGURES = (
    "totalCalls completedCalls failedCalls ongoingCalls otherCalls totalDuration avgDuration "
    "successRate failureRate durationOfAllStatuses"
)
PERIOD = "period: LAST_90_DAYS"
ZONE = f'{PERIOD}, timeZone: "America/New_York"'
QUESTIONS = {
    "90 zone days with previous": f"{{ callAnalytics({ZONE}) {{ series {{ start {FIGURES} }} "
    f"previous {{ series {{ start {FIGURES} }} }} }} }}",
    "20 assistants by success rate": f"{{ callAnalytics({PERIOD}) {{ topAssistants(limit: 20, "
    f"orderBy: {{ field: SUCCESS_RATE }}) {{ assistantName {FIGURES} }} }} }}",
    "hours of the week": f"{{ callAnalytics({ZONE}) {{ hoursOfWeek {{ weekday hour {FIGURES} }} "
    "} }",
    "2,160 hours": f"{{ callAnalytics({PERIOD}) {{ series(grain: HOUR) {{ start end {FIGURES} }} "
    "} }",
    "durations": f"{{ callAnalytics({PERIOD}) {{ durations {{ a: percentile(percent: 50) "
    "b: percentile(percent: 90) c: percentile(percent: 95) histogram(edges: [30, 60, 120, 300]) "
    "{ from to calls } } } }",
    "whole dashboard": f"{{ callAnalytics({ZONE}) {{ {FIGURES} previous {{ {FIGURES} }} "
    f"series {{ start {FIGURES} }} hoursOfWeek {{ weekday hour {FIGURES} }} "
    f"topAssistants(limit: 20) {{ assistantName {FIGURES} }} }} }}",
}
FULL = "full 90 days"
PLAIN = Request("/dashboard")
ROUNDS = 3


def measure(us: Server, plain: Server, keys: Keys, seconds: float) -> dict[str, float]:
    """Milliseconds (median) that one client waits, in turn."""
    asked = {FULL: (us, REQUESTS[FULL])}
    asked |= {name: (us, Request("/graphql", query)) for name, query in QUESTIONS.items()}
    found = in_turn(asked, keys.big, seconds, rounds=ROUNDS)
    times = []
    for _ in range(ROUNDS + 1):  # it takes seconds, too long for a load
        began = time.perf_counter()
        check(plain, PLAIN, keys.big)
        times.append(1000 * (time.perf_counter() - began))
    found["plain dashboard"] = statistics.median(times[1:])
    for name, milliseconds in found.items():
        print(f"{name:<34} median {milliseconds:9.2f} ms", flush=True)
    return found


async def scan(url: DatabaseUrl, slug: str) -> float:
    """Milliseconds (median) of one scan of the same calls, in the index alone.

    Raises:
        RuntimeError: where the plan is another.
    """
    database = create_engine(url, read_only=True)
    try:
        return await _scan(database, slug)
    finally:
        await database.dispose()


async def _scan(database: Database, slug: str) -> float:
    since = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=90)
    organization = select(Organization.id).where(Organization.slug == slug).scalar_subquery()
    statement = select(func.count(), func.sum(Call.duration)).where(
        Call.organization_id == organization, Call.started_at >= since, completed
    )
    compiled = statement.compile(dialect=database.dialect, compile_kwargs={"literal_binds": True})
    async with connect(database) as connection:
        if database.dialect.name == "postgresql":
            for name, value in BY_INDEX.items():
                await connection.execute(text(f"SET {name} = {value}"))
            plan = "\n".join((await connection.exec_driver_sql(f"EXPLAIN {compiled}")).scalars())
            if "Index Only Scan" not in plan or "on calls" not in plan:
                raise RuntimeError(f"not a scan of the index alone:\n{plan}")
        times = []
        for _ in range(7):
            began = time.perf_counter()
            (await connection.exec_driver_sql(str(compiled))).all()
            times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times)


def ratios(measured: dict[str, float]) -> list[str]:
    """What was measured, compared: one line each."""
    if not measured:
        return []
    lines = [
        f"{name} / full 90 days = {measured[name] / measured[FULL]:.2f}"
        for name in QUESTIONS
        if name != "durations"
    ]
    lines.append(
        f"durations / one index-only scan = {measured['durations'] / measured['scan']:.2f}"
    )
    ratio = measured["plain dashboard"] / measured["whole dashboard"]
    return [*lines, f"plain dashboard / whole dashboard = {ratio:.0f}"]
