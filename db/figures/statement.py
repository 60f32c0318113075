"""The one statement of an answer: it computes the measures that it is asked for, and no others.

It selects each group from its source, one after the other; ``plan.py`` says which that is.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from cachetools import LRUCache
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Dialect,
    Double,
    FromClause,
    Integer,
    Numeric,
    Select,
    String,
    bindparam,
    case,
    cast,
    exists,
    func,
    literal_column,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy.sql.selectable import CTE, CompoundSelect

from call_analytics.db.figures.measures import CALLS, MEASURES, total_of
from call_analytics.db.figures.plan import (
    Plan,
    PlannedCallsBelow,
    PlannedGroup,
    PlannedRanks,
)
from call_analytics.db.figures.prepared import PreparedSelect
from call_analytics.db.figures.query import ASSISTANT, AVERAGED_DURATION, Dimension, Ratio
from call_analytics.db.figures.sources import Source, summed
from call_analytics.db.figures.tile_tables import TILE_TABLES, TileTables
from call_analytics.db.functions import by_character, nearest_rank
from call_analytics.db.models import Assistant
from call_analytics.db.placement import Placement
from call_analytics.db.rollups.layout import assistant_moves
from call_analytics.db.rollups.triggers import are_rolled_up
from call_analytics.db.tenant import ORGANIZATION

ASSISTANT_NAME = "assistant_name"
REMEMBERED_STATEMENTS = 256
READINESS = -1
"""The number of the row whose ``calls`` tells whether the rollups that were read hold what was
asked: it is ``READY``, ``MOVING`` or 0."""
READY = 1
MOVING = 2
"""An assistant has come or left, and its sums are not all where they belong: calls are to be read
until they are."""


def figures_statement(plan: Plan) -> Select[Any] | CompoundSelect[Any]:
    """The statement of a plan, whose rows have the columns of every group.

    Its parameters are ``organization_id``, ``assistant_ids`` where these are narrowed, the tiles
    of each source (see ``sources``), and those of each group: ``largest_<number>`` and
    ``min_calls_<number>`` of a ranking, ``shares_<number>`` and ``limits_<number>`` of a
    distribution.
    """
    sources = [summed(source, plan.dialect) for source in plan.sources]
    columns = _Columns(plan.groups)
    tables = TILE_TABLES[plan.dialect]
    selects = []
    for number, group in enumerate(plan.groups):
        source = sources[group.source]
        match group:
            case PlannedRanks():
                selects.append(_nearest_ranks(number, source, columns, tables))
            case PlannedCallsBelow():
                selects.append(_calls_below(number, source, columns, tables))
            case PlannedGroup():
                its = plan.sources[group.source]
                selects.append(_rows_of(number, group, its, source, columns))
    if plan.use_rollups:  # seen in the same snapshot as the rollups themselves
        selects.append(columns.row(READINESS, {CALLS.name: _readiness(plan.shape.placement)}))
    rows = selects[0] if len(selects) == 1 else union_all(*selects)
    return rows.order_by("number", *columns.keys)


_prepared: LRUCache[Plan, PreparedSelect] = LRUCache(REMEMBERED_STATEMENTS)


async def prepared_statement(plan: Plan, dialect: Dialect) -> PreparedSelect:
    """The same, ready to be sent over connections of this dialect.

    One that is new takes a few milliseconds for each group. Other requests go on meanwhile.
    """
    found = _prepared.get(plan)
    if found is None:
        found = await asyncio.to_thread(lambda: PreparedSelect(figures_statement(plan), dialect))
        _prepared[plan] = found
    return found


class _Columns:
    """The columns of the statement's rows, which are the same for every group."""

    def __init__(self, groups: Sequence[PlannedGroup | PlannedRanks | PlannedCallsBelow]) -> None:
        measures = dict.fromkeys(MEASURES)
        dimensions: set[Dimension] = set()
        for group in groups:
            if isinstance(group, PlannedGroup):
                measures |= dict.fromkeys(group.measures)
                dimensions.update(group.dimensions)
            else:
                dimensions.add(AVERAGED_DURATION)
        self._types: dict[str, Any] = {"position": Integer(), "bucket": DateTime()}
        for dimension in sorted(dimensions, key=lambda dimension: dimension.name):
            self._types[dimension.name] = dimension.type
        self.keys = list(self._types)
        """What rows are in the order of, within their group."""
        self._types[ASSISTANT_NAME] = String()
        for measure in measures:
            self._types[measure.name] = BigInteger()

    def row(self, number: int, values: Mapping[str, ColumnElement[Any]]) -> Select[Any]:
        """A SELECT with all columns; those without a value are null."""
        return select(
            literal_column(str(number), Integer).label("number"),
            *(
                values.get(name, null().cast(type_)).label(name)
                for name, type_ in self._types.items()
            ),
        )


def _readiness(placement: Placement) -> ColumnElement[int]:
    ready: ColumnElement[int] = literal_column(str(READY))
    not_ready: ColumnElement[int] = literal_column("0")
    may_be_read = are_rolled_up(placement, ORGANIZATION)
    if placement.keys_log:
        return case((may_be_read, ready), else_=not_ready).cast(BigInteger)
    moves = assistant_moves.c
    has_come = exists().where(
        Assistant.id == moves.assistant_id, Assistant.organization_id == ORGANIZATION
    )
    is_moving = (
        select(literal_column("1"))
        .select_from(assistant_moves)
        .where(or_(moves.organization_id == ORGANIZATION, has_come))
        .exists()
    )
    where_ready = case((is_moving, literal_column(str(MOVING))), else_=ready)
    return case((may_be_read, where_ready), else_=not_ready).cast(BigInteger)


def _rows_of(
    number: int, group: PlannedGroup, source: Source, rows_of_source: CTE, columns: _Columns
) -> Select[Any]:
    keys = {name: rows_of_source.c[name] for name in group.keys}
    ranking = group.ranking
    measures = group.measures | ({CALLS} if keys else set())
    if ranking is not None and ranking.by is not None:
        measures |= ranking.by.measures
    # A row of the source may be one of the group. Without keys there is one, also of no rows.
    is_summed = bool(keys) and keys.keys() == set(source.keys)
    sums: dict[str, ColumnElement[Any]] = {}
    for measure in measures:
        part = rows_of_source.c[measure.name]
        sums[measure.name] = cast(part, BigInteger) if is_summed else total_of(part)
    if not keys:
        return columns.row(number, sums).select_from(rows_of_source)
    # A bucket whose calls were all deleted may have rollup rows that add up to 0.
    least: ColumnElement[int] = literal_column("1")
    if ranking is not None:
        least = bindparam(f"min_calls_{number}", type_=BigInteger)
    selected = select(*keys.values(), *(column.label(name) for name, column in sums.items()))
    has_enough = sums[CALLS.name] >= least
    if is_summed:
        selected = selected.where(has_enough)
    else:
        selected = selected.group_by(*keys.values()).having(has_enough)
    found = selected.subquery(f"group_{number}")
    values: dict[str, ColumnElement[Any]] = dict(found.c.items())
    rows: FromClause = found
    if ASSISTANT in group.dimensions:
        rows = found.join(Assistant, Assistant.id == found.c[ASSISTANT.name])
        values[ASSISTANT_NAME] = func.coalesce(Assistant.name, literal_column("''"))
    if ranking is not None:
        by = (
            by_character(values[ASSISTANT_NAME])
            if ranking.by is None
            else _value(ranking.by, found)
        )
        order = [
            by.desc() if ranking.is_descending else by.asc(),
            *(found.c[dimension.name] for dimension in group.dimensions),
        ]
        values["position"] = func.row_number().over(order_by=order)
        ranked = columns.row(number, values).select_from(rows).order_by(*order)
        limited = ranked.limit(bindparam(f"largest_{number}", type_=Integer)).subquery()
        return select(*limited.c)
    return columns.row(number, values).select_from(rows)


def _value(ratio: Ratio, sums: FromClause) -> ColumnElement[Any]:
    """The value of a ratio, by which rows are ordered."""
    total: ColumnElement[Any] = literal_column("0")
    for factor, measure in ratio.terms:
        total += literal_column(str(factor)) * sums.c[measure.name]
    if ratio.divisor is None:
        return total
    divisor = sums.c[ratio.divisor.name]
    quotient = cast(total, Double()) / cast(divisor, Double())
    return case(
        (divisor == literal_column("0"), cast(literal_column("0"), Double())), else_=quotient
    )


def _nearest_ranks(number: int, source: CTE, columns: _Columns, tables: TileTables) -> Select[Any]:
    duration, calls = _distribution(source)
    so_far = (
        select(
            duration,
            func.sum(calls).over(order_by=duration).label("calls_so_far"),
            func.sum(calls).over().label("all_calls"),
        )
        .where(duration.is_not(None))
        .group_by(duration)
        .cte(f"distribution_{number}")
        .prefix_with("MATERIALIZED")
    )
    shares = tables.values(f"shares_{number}", Numeric())
    rank = nearest_rank(shares.c.value, so_far.c.all_calls)
    at_rank = (
        select(func.min(so_far.c[AVERAGED_DURATION.name]))
        .where(so_far.c.calls_so_far >= rank)
        .scalar_subquery()
    )
    values = {"position": shares.c.position, AVERAGED_DURATION.name: at_rank}
    return columns.row(number, values).select_from(shares)


def _calls_below(number: int, source: CTE, columns: _Columns, tables: TileTables) -> Select[Any]:
    duration, _ = _distribution(source)
    limits = tables.values(f"limits_{number}", BigInteger())
    shorter = (
        select(total_of(source.c[CALLS.name])).where(duration < limits.c.value).scalar_subquery()
    )
    values = {"position": limits.c.position, CALLS.name: shorter}
    return columns.row(number, values).select_from(limits)


def _distribution(source: CTE) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """A duration that averages count, and how many calls have it: the sum, grouped by it."""
    return source.c[AVERAGED_DURATION.name], func.sum(source.c[CALLS.name])
