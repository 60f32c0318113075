"""What state the rollups of a database are in, and what an operator should do about it."""

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from sqlalchemy import Connection, Table, func, inspect, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from call_analytics.db.admin.obstacles import Finding
from call_analytics.db.catalogs import placement_of
from call_analytics.db.engine import Database, connect, read
from call_analytics.db.rollups.layout import assistant_sums, organization_sums, rollup_log
from call_analytics.db.rollups.triggers import TRIGGERS

ENABLE = "call-analytics rollups enable"


class RollupState(Enum):
    """Whether answers come from rollups."""

    OFF = "off"
    FILLING = "on, but not filled yet"
    FAILED = "on, but not right any more"
    DETACHED = "on, but not kept up"
    OUTDATED = "those of another release, or changed"
    UNREADABLE = "on, but not for this role"
    READY = "on"


UNUSABLE = (RollupState.OFF, RollupState.OUTDATED, RollupState.UNREADABLE)
"""States in which this role cannot read all tables of the rollups, as this release makes them."""

BROKEN = (RollupState.OUTDATED, RollupState.FAILED, RollupState.DETACHED)
"""States in which they must be made anew."""

PROBLEMS = {
    RollupState.FILLING: "the rollups are not filled, so they are not read",
    RollupState.FAILED: "a write of calls could not be added to the rollups, so they are not read",
    RollupState.DETACHED: "the rollups' triggers do not see every write of the table calls, "
    "so the rollups are not read",
    RollupState.OUTDATED: "the rollups are not as this release makes them, so they are not read",
}
"""What is wrong in each state in which rollups are there and not read."""


class RollupCondition(NamedTuple):
    """The state of the rollups, and what is known of its reason."""

    state: RollupState
    reason: str | None = None
    lacking: Finding | None = None
    """The privilege that this role lacks, to read them or to fold them."""

    @property
    def finding(self) -> Finding | None:
        """What is wrong, and how the owner of the calls mends it; None where nothing is."""
        problem = PROBLEMS.get(self.state)
        if problem is None:
            return self.lacking
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

    async def look(connection: AsyncConnection) -> RollupCondition:
        condition = await _condition(connection)
        failure = TRIGGERS[connection.dialect.name].failure(await connection.run_sync(placement_of))
        if condition.state is not RollupState.READY or failure is None:
            return condition
        reason = await connection.scalar(text(failure))
        return condition if reason is None else RollupCondition(RollupState.FAILED, reason)

    return await read(database, look)


async def _condition(connection: AsyncConnection) -> RollupCondition:
    triggers = TRIGGERS[connection.dialect.name]
    placement = await connection.run_sync(placement_of)
    tables = triggers.tables(placement)
    there = await connection.run_sync(_columns, tables)
    if not there:
        return RollupCondition(RollupState.OFF)
    change = _change(tables, there)
    if change is not None:
        return RollupCondition(RollupState.OUTDATED, change)
    lacking = await connection.run_sync(found_by, triggers.lacking_to_read)
    if lacking:
        return RollupCondition(RollupState.UNREADABLE, lacking=lacking[0])
    row = (await connection.execute(text(triggers.diagnosis(placement)))).first()
    lacking = await connection.run_sync(found_by, triggers.lacking_to_fold)
    state, reason = row or (RollupState.DETACHED.name, None)
    return RollupCondition(RollupState[state], reason, lacking[0] if lacking else None)


def found_by(connection: Connection, statement: str | None) -> list[Finding]:
    """The rows of a statement about what is lacking; none where there is no statement."""
    if statement is None:
        return []
    return [Finding(*row) for row in connection.execute(text(statement))]


async def rollup_state(database: Database) -> RollupState:
    """Whether there are rollups that this connection may read.

    On a Citus cluster it asks one machine only; there an answer itself sees whether a write of its
    organization has failed.
    """
    return (await read(database, _condition)).state


async def rollup_status(database: Database) -> RollupStatus:
    """The state of the rollups, and their size."""
    condition = await rollup_condition(database)
    if condition.state in UNUSABLE:
        return RollupStatus(condition.state, 0, 0, condition.finding)
    async with connect(database) as connection:
        sums = [await _count(connection, table) for table in (assistant_sums, organization_sums)]
        waiting = await _count(connection, rollup_log)
    return RollupStatus(condition.state, sum(sums), waiting, condition.finding)


async def rollup_backlog(database: Database) -> int:
    """How many rows of the log are not folded yet; 0 where there are no rollups."""
    if await rollup_state(database) in UNUSABLE:
        return 0
    return await read(database, lambda connection: _count(connection, rollup_log))


async def _count(connection: AsyncConnection, table: Table) -> int:
    return await connection.scalar(select(func.count()).select_from(table)) or 0


def _columns(connection: Connection, tables: Iterable[str]) -> dict[str, set[str]]:
    """The columns of those tables that are there."""
    found = inspect(connection).get_multi_columns(filter_names=list(tables))
    return {name: {column["name"] for column in columns} for (_, name), columns in found.items()}


def _change(tables: Mapping[str, Sequence[str]], there: Mapping[str, set[str]]) -> str | None:
    """The first way in which the tables that are there are not as they must be."""
    for table, columns in tables.items():
        if table not in there:
            return f"there is no table {table}"
        for column in columns:
            if column not in there[table]:
                return f"table {table} has no column {column}"
        for column in sorted(there[table].difference(columns)):
            return f"table {table} has the column {column}"
    return None
