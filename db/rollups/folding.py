"""Folding: moving rows of the log into the sums.

Each batch is a transaction of its own, in one snapshot, and only one process folds at a time. So
whatever is killed half-way has lost nothing and doubled nothing.

Rows of an assistant that is not there, or has no organization, stay in the log until it has one.
Where the log has organizations, its rows are folded into the sums of these.
"""

import asyncio
import logging
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    CompoundSelect,
    Connection,
    Select,
    SelectBase,
    SmallInteger,
    Table,
    and_,
    delete,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    text,
    true,
    tuple_,
    union_all,
    update,
)

from call_analytics.db.catalogs import placement_of
from call_analytics.db.dialects import backend_of
from call_analytics.db.engine import Database, connect, snapshot_transaction
from call_analytics.db.errors import DatabaseError, OperatorError
from call_analytics.db.figures.measures import MEASURES, total_of
from call_analytics.db.models import Assistant
from call_analytics.db.placement import Placement
from call_analytics.db.rollups.grains import GRAINS, QUARTER_HOUR, Grain
from call_analytics.db.rollups.layout import (
    assistant_moves,
    assistant_sums,
    organization_sums,
    rollup_log,
)
from call_analytics.db.rollups.state import UNUSABLE, rollup_condition
from call_analytics.db.rollups.triggers import TRIGGERS

logger = logging.getLogger("call_analytics")

FOLD_ROWS = 5_000
"""Rows of the log in one transaction, so that none is long."""

SUMS = (assistant_sums, organization_sums)


async def fold_rollups(database: Database) -> int:
    """Move what is in the log into the sums, in bounded batches; returns how many rows that was.

    While another process folds a batch, this one waits. Does nothing where there are no rollups.

    Raises:
        OperatorError: where the role may not write them.
    """
    condition = await rollup_condition(database)
    # A refusal by the database itself would fill the log of its server.
    if condition.lacking is not None:
        raise OperatorError(condition.lacking.line)
    if condition.state in UNUSABLE:
        return 0
    async with connect(database) as connection:
        newest = await connection.scalar(select(func.max(rollup_log.c.id)))
    folded = 0
    while True:
        async with snapshot_transaction(database) as connection:
            rows = await connection.run_sync(fold_batch, newest or 0)
        folded += rows
        if rows < FOLD_ROWS:
            return folded


async def fold_regularly(database: Database, *, seconds: float) -> None:
    """Fold every so often until cancelled; a failure is logged, and tried again."""
    logged = ""
    while True:
        await asyncio.sleep(seconds)
        try:
            await fold_rollups(database)
            logged = ""
        except DatabaseError as error:
            if str(error) != logged:  # once, for it may last
                logged = str(error)
                logger.warning("rollups are not folded: %s", error)


def fold_batch(connection: Connection, newest: int) -> int:
    """Fold a batch of the log's rows up to the id ``newest``, in the current transaction.

    Rows of one assistant and bucket are folded together. Returns how many rows there were.
    """
    _lock(connection)
    placement = placement_of(connection)
    columns = rollup_log.c
    key: tuple[ColumnElement[Any], ...]
    if placement.keys_log:
        key = (columns.organization_id, columns.bucket, columns.assistant_id)
        may_be_folded: ColumnElement[bool] = true()
    else:
        _settle_moves(connection)
        key = (columns.assistant_id, columns.bucket)
        may_be_folded = exists().where(_is_of_assistant(columns.assistant_id))
    in_batch = columns.id <= literal_column(str(newest))
    ordered = select(*key).where(in_batch, may_be_folded).order_by(*key)
    if connection.execute(ordered.limit(1)).first() is None:
        _sum_up_unknown(connection, placement)
        return 0
    last = connection.execute(ordered.offset(FOLD_ROWS - 1).limit(1)).first()
    if last is not None:
        in_batch = and_(in_batch, tuple_(*key) <= tuple(last))
    for table in SUMS:
        _add(connection, table, _of_log(table, placement, in_batch))
    if connection.scalar(select(exists().where(in_batch, columns.calls < 0))):
        for table in SUMS:
            _delete_zeros(connection, table, _of_log(table, placement, in_batch))
    rows = connection.execute(delete(rollup_log).where(in_batch, may_be_folded)).rowcount
    if rows < FOLD_ROWS:
        _sum_up_unknown(connection, placement)
    return rows


def _sum_up_unknown(connection: Connection, placement: Placement) -> None:
    """Sum up what stays in the log of each assistant that lost calls; often it comes to nothing."""
    if placement.keys_log:
        return  # nothing stays
    columns = rollup_log.c
    has_none = ~exists().where(_is_of_assistant(columns.assistant_id))
    have_lost = select(columns.assistant_id).where(columns.calls < 0, has_none)
    if not connection.scalar(select(have_lost.exists())):
        return
    newest = connection.scalar(select(func.max(columns.id)))
    before = and_(columns.assistant_id.in_(have_lost), columns.id <= literal_column(str(newest)))
    sums = _totals(columns)
    left = (
        select(columns.assistant_id, columns.bucket, *sums)
        .where(before)
        .group_by(columns.assistant_id, columns.bucket)
        .having(or_(*(total != literal_column("0") for total in sums)))
    )
    connection.execute(insert(rollup_log).from_select(left.selected_columns.keys(), left))
    connection.execute(delete(rollup_log).where(before))


def _lock(connection: Connection) -> None:
    """Wait until no other process folds, and let none fold until the transaction ends.

    It must be the first statement of the transaction. A lock takes no snapshot, so the snapshot is
    newer than all that was folded before, and newer than every TRUNCATE.
    """
    for statement in TRIGGERS[connection.dialect.name].folding_locks:
        connection.execute(text(statement))


def _is_of_assistant(assistant_id: ColumnElement[int]) -> ColumnElement[bool]:
    """Whether an assistant has this id, and an organization."""
    # A platform may let it be null.
    return and_(Assistant.id == assistant_id, Assistant.organization_id.is_not(None))


def _of_log(
    table: Table, placement: Placement, condition: ColumnElement[bool]
) -> CompoundSelect[Any]:
    """The rows of a table of sums that rows of the log make, of all grains."""
    columns = rollup_log.c
    owner: Any = columns if placement.keys_log else Assistant
    keys = [owner.organization_id.label("organization_id"), columns.bucket]
    if "assistant_id" in table.columns:
        keys.append(columns.assistant_id)
    its = select(*keys, *_totals(columns)).select_from(rollup_log).where(condition).group_by(*keys)
    if not placement.keys_log:
        its = its.join(Assistant, _is_of_assistant(columns.assistant_id))
    # Read once: what the other grains add up are fewer rows.
    quarter_hours = its.cte("quarter_hours")
    return union_all(*(_coarser(quarter_hours, table, grain) for grain in GRAINS))


def _coarser(quarter_hours: CTE, table: Table, grain: Grain) -> Select[Any]:
    """The rows of a table of sums that make up those of a grain."""
    number = _number(grain).label("grain")
    bucket = grain.bucket_of(quarter_hours.c.bucket).label("bucket")
    others = (column for column in quarter_hours.c if column.name != "bucket")
    rows = select(number, bucket, *others).subquery()
    keys = [rows.c[column.name] for column in table.primary_key]
    return select(*keys, *_totals(rows.c)).group_by(*keys)


def _totals(columns: Any) -> list[Any]:  # noqa: ANN401
    """The measures of rows, added up."""
    return [total_of(columns[measure.name]).label(measure.name) for measure in MEASURES]


def _number(grain: Grain) -> ColumnElement[int]:
    return literal_column(str(grain.number), SmallInteger)


def correct_sums(
    connection: Connection, table: Table, excess: Select[Any], parameters: dict[str, int]
) -> None:
    """Add to a table of sums what a statement says it lacks, in the current transaction."""
    _lock(connection)
    _add(connection, table, excess, parameters)
    connection.execute(delete(table).where(*_are_zero(table)))


def _add(
    connection: Connection,
    table: Table,
    rows: SelectBase,
    parameters: dict[str, int] | None = None,
) -> None:
    """Add rows to a table of sums."""
    keys = [column.name for column in table.primary_key]
    insertion = backend_of(connection.dialect).upsert(table)
    insertion = insertion.from_select(list(rows.selected_columns.keys()), rows)
    connection.execute(
        insertion.on_conflict_do_update(
            index_elements=keys,
            set_={
                measure.name: table.c[measure.name] + insertion.excluded[measure.name]
                for measure in MEASURES
            },
        ),
        parameters,
    )


def _delete_zeros(connection: Connection, table: Table, rows: SelectBase) -> None:
    """Delete those sums with the keys of these rows that have come to nothing."""
    keys = [column.name for column in table.primary_key]
    changed = rows.subquery()
    connection.execute(
        delete(table).where(
            tuple_(*(table.c[key] for key in keys)).in_(select(*(changed.c[key] for key in keys))),
            *_are_zero(table),
        )
    )


def _are_zero(table: Table) -> list[ColumnElement[bool]]:
    return [table.c[measure.name] == literal_column("0") for measure in MEASURES]


def _settle_moves(connection: Connection) -> None:
    """Give the sums of assistants that have moved to the organizations that they have now."""
    if not connection.scalar(select(exists().select_from(assistant_moves))):
        return
    sums = assistant_sums.c
    has_moved = exists().where(
        assistant_moves.c.organization_id == sums.organization_id,
        assistant_moves.c.assistant_id == sums.assistant_id,
    )
    was = _of_organizations(sums.organization_id, sign="-").where(has_moved)
    its_assistant = _is_of_assistant(sums.assistant_id)
    now = _of_organizations(Assistant.organization_id, sign="+").join(Assistant, its_assistant)
    _add(connection, organization_sums, was)
    _add(connection, organization_sums, now.where(has_moved))
    _delete_zeros(connection, organization_sums, was)

    is_deleted = ~exists().where(its_assistant)
    amounts = [sums[measure.name] for measure in MEASURES]
    left = select(sums.assistant_id, sums.bucket, *amounts).where(
        has_moved, is_deleted, sums.grain == _number(QUARTER_HOUR)
    )
    connection.execute(insert(rollup_log).from_select(left.selected_columns.keys(), left))
    connection.execute(delete(assistant_sums).where(has_moved, is_deleted))
    new = select(Assistant.organization_id).where(its_assistant).scalar_subquery()
    connection.execute(update(assistant_sums).where(has_moved).values(organization_id=new))
    connection.execute(delete(assistant_moves))


def _of_organizations(organization_id: Any, *, sign: str) -> Select[Any]:  # noqa: ANN401
    """The sums of assistants, added up for an organization, or with the sign turned."""
    sums = assistant_sums.c
    keys = [organization_id.label("organization_id"), sums.grain, sums.bucket]
    turn = -1 if sign == "-" else 1
    amounts = (
        total_of(sums[measure.name] * literal_column(str(turn))).label(measure.name)
        for measure in MEASURES
    )
    return select(*keys, *amounts).select_from(assistant_sums).group_by(organization_id, *keys[1:])
