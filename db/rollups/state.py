"""What state the rollups of a database are in, and what an operator should do about it."""

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from sqlalchemy import Connection, func, inspect, select, text

from call_analytics.db.admin.obstacles import Finding
from call_analytics.db.engine import Database, connect
from call_analytics.db.rollups.layout import assistant_sums, organization_sums, rollup_log
from call_analytics.db.rollups.triggers import TRIGGERS

ENABLE = "call-analytics rollups enable"


class RollupState(Enum):
    """Whether answers come from rollups."""

    OFF = "off"
    FILLING = "on, but not filled yet"
    FAILED = "on, but not right any more"
    DETACHED = "on, but not kept up"
    OUTDATED = "those of an older release"
    READY = "on"


UNUSABLE = (RollupState.OFF, RollupState.OUTDATED)
"""States in which not all tables of the rollups are there, as this release makes them."""

BROKEN = (RollupState.OUTDATED, RollupState.FAILED, RollupState.DETACHED)
"""States in which they must be made anew."""

PROBLEMS = {
    RollupState.FILLING: "the rollups are not filled, so they are not read",
    RollupState.FAILED: "a write of calls could not be added to the rollups, so they are not read",
    RollupState.DETACHED: "the rollups' triggers do not see every write of the table calls, "
    "so the rollups are not read",
    RollupState.OUTDATED: "not all tables of the rollups are there: an older release made them, "
    "whose sums any role can change, or one was dropped; they are not read",
}
"""What is wrong in each state in which rollups are there and not read."""


class RollupCondition(NamedTuple):
    """The state of the rollups, and what is known of its reason."""

    state: RollupState
    reason: str | None = None

    @property
    def finding(self) -> Finding | None:
        """What is wrong, and how the owner of the calls mends it; None where nothing is."""
        problem = PROBLEMS.get(self.state)
        if problem is None:
            return None
        reason = f" ({self.reason})" if self.reason else ""
        return Finding(f"{problem}{reason}", ENABLE)


class RollupStatus(NamedTuple):
    """The rollups as ``rollups status`` shows them."""

    state: RollupState
    rows: int
    """Of all sums."""
    waiting: int
    """Rows of the log, which are not folded yet."""
    finding: Finding | None
    """What is wrong with them, and what to do."""


async def rollup_condition(database: Database) -> RollupCondition:
    """Whether there are rollups that this connection may read, and if not, why."""
    triggers = TRIGGERS[database.dialect.name]
    async with connect(database) as connection:
        present = await connection.run_sync(_present, triggers.tables)
        if not present:
            return RollupCondition(RollupState.OFF)
        if present < set(triggers.tables):
            return RollupCondition(RollupState.OUTDATED)
        columns = await connection.run_sync(_columns_of_state)
        if "layout" not in columns:
            return RollupCondition(RollupState.OUTDATED)
        row = (await connection.execute(text(triggers.diagnosis))).first()
    if row is None:
        return RollupCondition(RollupState.DETACHED)
    return RollupCondition(RollupState[row[0]], row[1])


async def rollup_state(database: Database) -> RollupState:
    """Whether there are rollups that this connection may read."""
    return (await rollup_condition(database)).state


async def rollup_status(database: Database) -> RollupStatus:
    """The state of the rollups, and their size."""
    condition = await rollup_condition(database)
    if condition.state in UNUSABLE:
        return RollupStatus(condition.state, 0, 0, condition.finding)
    rows = 0
    async with connect(database) as connection:
        for table in (assistant_sums, organization_sums):
            rows += await connection.scalar(select(func.count()).select_from(table)) or 0
    return RollupStatus(condition.state, rows, await rollup_backlog(database), condition.finding)


async def rollup_backlog(database: Database) -> int:
    """How many rows of the log are not folded yet; 0 where there are no rollups."""
    if await rollup_state(database) in UNUSABLE:
        return 0
    async with connect(database) as connection:
        return await connection.scalar(select(func.count()).select_from(rollup_log)) or 0


def _present(connection: Connection, tables: Sequence[str]) -> set[str]:
    inspector = inspect(connection)
    return {table for table in tables if inspector.has_table(table)}


def _columns_of_state(connection: Connection) -> set[str]:
    return {column["name"] for column in inspect(connection).get_columns("call_rollups_state")}
