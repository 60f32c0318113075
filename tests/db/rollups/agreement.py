"""Whether rollups, calls and the oracle say the same."""

import functools
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from call_analytics.db.engine import snapshot_transaction
from call_analytics.db.figures.query import FigureQuery, Figures, Window
from call_analytics.db.figures.reader import statement_for
from call_analytics.db.figures.statement import READINESS, READY
from call_analytics.db.rollups.differences import Difference
from call_analytics.db.rollups.upkeep import verify_rollups
from call_analytics.db.shape import shape_of
from tests.figures import EVERYTHING
from tests.oracle import Row
from tests.platform import NOW, Platform

WINDOW = Window((NOW - timedelta(days=90, minutes=7)).replace(tzinfo=None))
"""It begins in the middle of a quarter hour."""
_statement_for = functools.cache(statement_for)
"""The same is asked again and again, and a statement takes longer to build than to execute."""


async def read(platform: Platform, organization: int, *, raw: bool = False) -> Figures:
    """The figures of ninety days, from rollups where they may be read."""
    reader = platform.raw_figures if raw else platform.figures
    return await reader.read(FigureQuery(organization, (WINDOW,), EVERYTHING))


async def assert_agreement(platform: Platform, organizations: Iterable[int]) -> list[bool]:
    """The figures of each organization are right; returns which of them came from rollups."""
    from_rollups = []
    for organization in organizations:
        figures, raw = [await read(platform, organization, raw=raw) for raw in (False, True)]
        now = NOW + timedelta(minutes=-7)
        assert_right(figures, raw, platform.expected(organization, "90d", now=now))
        from_rollups.append(figures.from_rollups)
    return from_rollups


def assert_right(figures: Figures, raw: Figures, expected: Row) -> None:
    """Rollups, calls and the oracle give the same figures."""
    assert figures.groups == raw.groups
    (totals,), daily, assistants = figures.groups
    assert (totals.calls, totals.completed, totals.failed, totals.ongoing) == (
        expected["total_calls"],
        expected["completed_calls"],
        expected["failed_calls"],
        expected["ongoing_calls"],
    )
    assert totals.completed_duration == expected["total_duration"]
    assert {
        day.bucket.date().isoformat(): {
            "total": day.calls,
            "completed": day.completed,
            "failed": day.failed,
        }
        for day in daily
    } == expected["daily_stats"]
    assert [(row.assistant_id, row.calls, row.duration) for row in assistants] == [
        (stat["assistant_id"], stat["calls"], stat["duration"])
        for stat in expected["top_assistants"]
    ]


async def agree_in_one_snapshot(platform: Platform, organization: int) -> bool:
    """Whether the rollups may be read, while others write; where they may, they are right."""
    query = FigureQuery(organization, (WINDOW,), EVERYTHING)
    dialect = platform.writer.dialect.name
    async with snapshot_transaction(platform.writer) as connection:
        answers: list[list[Any]] = []
        shape = await connection.run_sync(shape_of)
        for use_rollups in (True, False):
            statement, parameters = _statement_for(query, dialect, shape, use_rollups=use_rollups)
            answers.append(list(await connection.execute(statement, parameters)))
    rolled_up, raw = answers
    (readiness,) = [row.calls for row in rolled_up if row.number == READINESS]
    if readiness != READY:
        return False
    assert [row for row in rolled_up if row.number != READINESS] == raw
    return True


async def differences(platform: Platform, *, repair: bool = False) -> list[Difference]:
    """What ``rollups verify`` finds."""
    found: list[Difference] = []
    await verify_rollups(platform.writer, found.append, repair=repair)
    return found
