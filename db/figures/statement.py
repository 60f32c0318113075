"""The one statement of an answer: it computes the measures that it is asked for, and no others."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    Integer,
    Select,
    String,
    bindparam,
    case,
    desc,
    func,
    literal_column,
    null,
    select,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.selectable import CTE, CompoundSelect

from call_analytics.db.figures.groups import Group, GroupMeasures
from call_analytics.db.figures.measures import Measure, total_of
from call_analytics.db.figures.tiles import tiles
from call_analytics.db.models import Assistant
from call_analytics.db.rollups.triggers import are_rolled_up


@lru_cache(maxsize=512)
def figures_statement(
    measures: GroupMeasures, *, use_rollups: bool
) -> Select[Any] | CompoundSelect[Any]:
    """The statement, with the parameters that ``db.figures.reader`` gives it."""
    covering = tiles(measures, use_rollups=use_rollups)
    source = covering[0] if len(covering) == 1 else union_all(*covering)
    tiled = source.cte("tiles")
    groups: list[Select[Any]] = []
    for_totals = tiled
    if Group.DAYS in measures.by_group:
        for_totals = days = _by_day(tiled, measures)  # they are fewer, and add up to the same
        groups.append(_days(days, measures.by_group[Group.DAYS]))
    if Group.TOTALS in measures.by_group:
        groups.append(_totals(for_totals, measures.by_group[Group.TOTALS]))
    if Group.ASSISTANTS in measures.by_group:
        groups.append(_assistants(tiled, measures.by_group[Group.ASSISTANTS]))
    if use_rollups:  # seen in the same snapshot as the rollups themselves
        groups.append(_row(Group.READINESS, {Measure.CALLS: _readiness()}))
    rows = groups[0] if len(groups) == 1 else union_all(*groups)
    return rows.order_by("group", "day", desc("calls"), "assistant_id")


_NO_DAY: ColumnElement[Any] = null().cast(Date)
_NO_ID: ColumnElement[Any] = null().cast(Integer)
_NO_NAME: ColumnElement[Any] = null().cast(String)
_NO_MEASURE: ColumnElement[Any] = null().cast(BigInteger)


def _row(
    group: Group,
    measures: Mapping[Measure, ColumnElement[Any]],
    *,
    day: ColumnElement[Any] = _NO_DAY,
    assistant_id: ColumnElement[Any] | InstrumentedAttribute[Any] = _NO_ID,
    assistant_name: ColumnElement[Any] | InstrumentedAttribute[Any] = _NO_NAME,
) -> Select[Any]:
    """A SELECT with the columns of ``FigureRow``, which are the same for every group."""
    return select(
        literal_column(str(int(group)), Integer).label("group"),
        day.label("day"),
        assistant_id.label("assistant_id"),
        assistant_name.label("assistant_name"),
        *(measures.get(measure, _NO_MEASURE).label(measure) for measure in Measure),
    )


def _readiness() -> ColumnElement[int]:
    are_ready = case((are_rolled_up(), literal_column("1")), else_=literal_column("0"))
    return are_ready.cast(BigInteger)


def _summed(rows: CTE, measures: frozenset[Measure]) -> dict[Measure, ColumnElement[Any]]:
    return {measure: total_of(rows.columns[measure]) for measure in measures}


def _by_day(tiled: CTE, measures: GroupMeasures) -> CTE:
    needed = measures.by_group[Group.DAYS] | measures.by_group.get(Group.TOTALS, frozenset())
    day = tiled.columns.day
    sums = (column.label(measure) for measure, column in _summed(tiled, needed).items())
    return select(day, *sums).group_by(day).having(_has_calls(tiled)).cte("days")


def _days(days: CTE, measures: frozenset[Measure]) -> Select[Any]:
    return _row(
        Group.DAYS,
        {measure: days.columns[measure] for measure in measures},
        day=days.columns.day,
    )


def _totals(rows: CTE, measures: frozenset[Measure]) -> Select[Any]:
    return _row(Group.TOTALS, _summed(rows, measures)).select_from(rows)


def _assistants(tiled: CTE, measures: frozenset[Measure]) -> Select[Any]:
    assistant_id = tiled.columns.assistant_id
    sums = _summed(tiled, measures)
    ranked = (
        select(assistant_id, *(column.label(measure) for measure, column in sums.items()))
        .group_by(assistant_id)
        .having(_has_calls(tiled))
        .order_by(sums[Measure.CALLS].desc(), assistant_id)
        .limit(bindparam("assistant_limit", type_=Integer))
        .subquery("ranked")
    )
    return _row(
        Group.ASSISTANTS,
        {measure: ranked.columns[measure] for measure in measures},
        assistant_id=ranked.columns.assistant_id,
        assistant_name=func.coalesce(Assistant.name, literal_column("''")),
    ).join_from(ranked, Assistant, Assistant.id == ranked.columns.assistant_id)


def _has_calls(tiled: CTE) -> ColumnElement[bool]:
    # A day or an assistant whose calls were all deleted may have rollup rows that add up to 0.
    return total_of(tiled.columns.calls) != literal_column("0")
