"""Turning rollups on and off, and making them right: fill, verify and repair."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from typing import Any

from sqlalchemy import Connection, Select, Table, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from call_analytics.db.admin.migrate import DatabaseState, database_state
from call_analytics.db.admin.obstacles import Finding, barriers, misfits
from call_analytics.db.catalogs import Relation, catalog_of, placement_of, unwatchable
from call_analytics.db.engine import Database, connect, snapshot_transaction, transaction
from call_analytics.db.errors import DatabaseUnavailable, OperatorError
from call_analytics.db.models import Call
from call_analytics.db.rollups.differences import (
    Difference,
    assistants_with_rows,
    difference_of,
    of_assistant,
    of_longer_grains,
    of_organization,
    organizations_with_rows,
    strays,
)
from call_analytics.db.rollups.folding import correct_sums, fold_rollups
from call_analytics.db.rollups.layout import (
    assistant_sums,
    organization_sums,
    rollup_log,
    rollups_state,
)
from call_analytics.db.rollups.state import (
    BROKEN,
    RollupState,
    found_by,
    rollup_condition,
)
from call_analytics.db.rollups.triggers import TRIGGERS, Triggers
from call_analytics.db.shape import Shape, shape_of

LOCK_ATTEMPTS = 120
LOCK_PAUSE_SECONDS = 0.25
FOLD_ASSISTANTS = 10
"""After so many assistants, filling folds what it has added."""


async def enable_rollups(
    database: Database, on_progress: Callable[[int, int], None]
) -> list[Finding]:
    """Create the rollups of a database that goes on being written, and fill them.

    Creating the triggers waits, in short attempts, until no transaction is writing calls; so all
    that is written later is seen by a trigger, and all that was written before is seen by every
    snapshot that is taken afterwards. Filling then appends what is missing, assistant by
    assistant. Cut short at any point, it goes on where it was when it is called again.

    ``on_progress`` gets the number of assistants that are done, and of all assistants. Returns who
    may read the rollups and not fold them: new tables have no privileges that old ones had.

    Raises:
        OperatorError: where the tables are not there, or are such that triggers would not see
            every write; where this role lacks a privilege; where another process is changing them,
            or a write failed while they were filled.
        DatabaseUnavailable: where the database does not let it happen.
    """
    async with connect(database) as connection:
        await _require_fit(connection)
    async with _fill_lock(database):
        state = (await rollup_condition(database)).state
        if state not in (RollupState.FILLING, RollupState.READY):
            await without_queueing(database, create_rollups)
        await _fill(database, on_progress)
        async with transaction(database) as connection:
            await connection.run_sync(mark_ready)
    await _require_ready(database)
    async with connect(database) as connection:
        statement = _triggers(database).readers_that_cannot_fold
        return await connection.run_sync(found_by, statement)


async def _require_fit(connection: AsyncConnection) -> None:
    state = await database_state(connection)
    if state in (DatabaseState.EMPTY, DatabaseState.OUTDATED, DatabaseState.NEWER):
        raise OperatorError("the database has no calls to roll up; see: call-analytics db check")
    findings = await connection.run_sync(misfits)
    if findings:
        raise OperatorError(findings[0].line)
    findings = await connection.run_sync(barriers, ("assistants", "calls"))
    statement = TRIGGERS[connection.dialect.name].lacking_to_create
    findings += await connection.run_sync(found_by, statement)
    if findings:
        problems = "; ".join(finding.problem for finding in findings)
        remedies = " ".join(finding.remedy for finding in findings)
        raise OperatorError(Finding(problems, remedies).line)
    reason = await connection.run_sync(unwatchable)
    if reason is not None:
        raise OperatorError(
            f"triggers would not see every write of the table {reason}; leave rollups off, "
            "answers are right without them"
        )


async def _require_ready(database: Database) -> None:
    """A write may have failed since the rollups began to be filled."""
    finding = (await rollup_condition(database)).finding
    if finding is not None:
        raise OperatorError(finding.line)


async def disable_rollups(database: Database) -> None:
    """Remove every trace of the rollups; answers come from the calls again."""
    async with _fill_lock(database):
        await without_queueing(database, remove_rollups)


async def verify_rollups(
    database: Database, on_difference: Callable[[Difference], None], *, repair: bool
) -> None:
    """Compare every bucket with its calls; ``on_difference`` gets those that are not their sum.

    To ``repair`` is to append the difference.

    Raises:
        OperatorError: where there are no rollups, or their triggers did not see every write; where
            this role lacks a privilege; or another process is filling or repairing them.
    """
    condition = await rollup_condition(database)
    if condition.state is RollupState.OFF:
        raise OperatorError("rollups are off; turn them on: call-analytics rollups enable")
    is_unfit = condition.state in (*BROKEN, RollupState.UNREADABLE)
    if condition.finding is not None and (is_unfit or (repair and condition.lacking is not None)):
        raise OperatorError(condition.finding.line)
    async with _fill_lock(database) if repair else nullcontext():
        await _verify(database, on_difference, repair=repair)


async def _verify(
    database: Database, on_difference: Callable[[Difference], None], *, repair: bool
) -> None:
    shape = await _shape(database)
    excess_of_assistant = of_assistant(shape)
    for parameters in await _rows(database, assistants_with_rows(shape.placement)):
        if await _differ(database, excess_of_assistant, parameters, on_difference) and repair:
            await _append_difference(database, shape, parameters)
    if (
        not shape.placement.keys_log  # else each sum was compared under the organization it has
        and await _differ(database, strays(), {}, on_difference)
        and repair
    ):
        await _correct(database, assistant_sums, strays(), {})
    for parameters in await _rows(database, organizations_with_rows()):
        # The sums of organizations last: they are corrected by those of assistants.
        for table, excess in (
            (assistant_sums, of_longer_grains()),
            (organization_sums, of_organization()),
        ):
            if await _differ(database, excess, parameters, on_difference) and repair:
                await _correct(database, table, excess, parameters)


async def _differ(
    database: Database,
    excess: Select[Any],
    parameters: dict[str, int],
    on_difference: Callable[[Difference], None],
) -> bool:
    """Hand out the differences that a statement finds; tells whether there are any."""
    async with connect(database) as connection:
        found = [difference_of(row) for row in await connection.execute(excess, parameters)]
    for difference in found:
        on_difference(difference)
    return bool(found)


async def _correct(
    database: Database, table: Table, excess: Select[Any], parameters: dict[str, int]
) -> None:
    """Add to a table of sums what it lacks."""
    async with snapshot_transaction(database) as connection:
        await connection.run_sync(correct_sums, table, excess, parameters)


def create_rollups(connection: Connection) -> None:
    """Create the tables and triggers, empty and not ready, in the current transaction.

    Whatever is there of others goes first.
    """
    remove_rollups(connection)
    watched: dict[str, Relation] = {}
    for relation in catalog_of(connection).relations(connection):
        watched.setdefault(relation.name, relation)  # the first is the one that statements find
    placement = placement_of(connection)
    creation = TRIGGERS[connection.dialect.name].creation(connection.dialect, watched, placement)
    _execute(connection, creation)


def remove_rollups(connection: Connection) -> None:
    """Remove the triggers and tables, in the current transaction."""
    triggers = TRIGGERS[connection.dialect.name]
    _execute(connection, triggers.removal(placement_of(connection)))


def append_difference(connection: Connection, shape: Shape, parameters: Mapping[str, int]) -> None:
    """Append to the log what an assistant's calls have more than its rollups, in one statement."""
    # Tables are locked in this order everywhere, so nothing that locks both can block for good.
    connection.execute(select(Call.id).limit(0))
    excess = of_assistant(shape)
    appending = insert(rollup_log).from_select(list(excess.selected_columns.keys()), excess)
    connection.execute(appending, parameters)


def mark_ready(connection: Connection) -> None:
    """Let the rollups be read."""
    connection.execute(update(rollups_state).values(is_ready=True))


def _execute(connection: Connection, statements: Sequence[str]) -> None:
    for statement in statements:
        connection.exec_driver_sql(statement)


def _triggers(database: Database) -> Triggers:
    return TRIGGERS[database.dialect.name]


async def _rows(database: Database, selectable: Any) -> list[dict[str, int]]:  # noqa: ANN401
    async with connect(database) as connection:
        return [row._asdict() for row in await connection.execute(selectable)]


async def _fill(database: Database, on_progress: Callable[[int, int], None]) -> None:
    """Add what is missing, assistant by assistant, and fold it."""
    shape = await _shape(database)
    assistants = await _rows(database, assistants_with_rows(shape.placement))
    for number, parameters in enumerate(assistants, start=1):
        await _append_difference(database, shape, parameters)
        if number % FOLD_ASSISTANTS == 0:
            await fold_rollups(database)
        on_progress(number, len(assistants))
    await fold_rollups(database)


async def _append_difference(
    database: Database, shape: Shape, parameters: Mapping[str, int]
) -> None:
    async with transaction(database) as connection:
        await connection.run_sync(append_difference, shape, parameters)


async def _shape(database: Database) -> Shape:
    async with connect(database) as connection:
        return await connection.run_sync(shape_of)


async def without_queueing(database: Database, change: Callable[[Connection], None]) -> None:
    """Make a change that needs a strong lock on ``calls``, without making its writers wait."""
    lock_timeout = _triggers(database).lock_timeout
    for attempt in range(1, LOCK_ATTEMPTS + 1):
        try:
            async with transaction(database) as connection:
                if lock_timeout is not None:
                    await connection.execute(text(lock_timeout))
                await connection.run_sync(change)
                return
        except DatabaseUnavailable as error:
            if "lock timeout" not in str(error):
                raise
            if attempt == LOCK_ATTEMPTS:
                raise OperatorError(
                    "a transaction has been writing calls all the time; end it, and try again"
                ) from error
        await asyncio.sleep(LOCK_PAUSE_SECONDS)


@asynccontextmanager
async def _fill_lock(database: Database) -> AsyncIterator[None]:
    """Only one process at a time may fill, repair or remove rollups."""
    statement = _triggers(database).fill_lock
    if statement is None:
        yield
        return
    # A lock of the session would be left behind in one that a pooler has lent.
    async with transaction(database) as connection:
        if not await connection.scalar(text(statement)):
            raise OperatorError(
                "another process is changing the rollups; try again when it has ended"
            )
        yield
