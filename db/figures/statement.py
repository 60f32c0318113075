"""The one statement of an answer: it computes the measures that it is asked for, and no others.

It selects each group from a source, one after the other. Groups that can be made of the same source
share it, so that nothing is read twice.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Integer,
    Select,
    String,
    bindparam,
    case,
    exists,
    func,
    literal_column,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy.sql.selectable import CTE, CompoundSelect

from call_analytics.db.figures.measures import CALLS, MEASURES, Measure, total_of
from call_analytics.db.figures.query import ASSISTANT, Dimension, Group, Steps
from call_analytics.db.figures.sources import Source, summed
from call_analytics.db.models import Assistant
from call_analytics.db.rollups.layout import assistant_moves
from call_analytics.db.rollups.triggers import are_rolled_up
from call_analytics.db.tenant import ORGANIZATION, Tenancy

ASSISTANT_NAME = "assistant_name"
READINESS = -1
"""The number of the row whose ``calls`` tells whether the rollups that were read hold what was
asked: it is ``READY``, ``MOVING`` or 0."""
READY = 1
MOVING = 2
"""An assistant has come or left, and its sums are not all where they belong: calls are to be read
until they are."""


class PlannedGroup(NamedTuple):
    """What a group's part of the statement depends on."""

    source: int
    measures: frozenset[Measure]
    dimensions: tuple[Dimension, ...]
    has_steps: bool
    is_limited: bool


class Plan(NamedTuple):
    """What a statement depends on. All else of a query is its parameters."""

    sources: tuple[Source, ...]
    groups: tuple[PlannedGroup, ...]
    tenancy: Tenancy
    use_rollups: bool


class _Need(NamedTuple):
    """What a source is needed for: its steps, and by which dimensions they are divided."""

    steps: Steps | None
    dimensions: tuple[Dimension, ...]


@lru_cache(maxsize=512)
def plan(
    groups: tuple[Group, ...], tenancy: Tenancy, *, use_rollups: bool
) -> tuple[Plan, tuple[Steps | None, ...]]:
    """The plan for groups, and the steps of each of its sources."""
    needs = _needs(groups, use_rollups=use_rollups)
    distinct = list(dict.fromkeys(needs))
    sources = []
    for number, need in enumerate(distinct):
        served = [group for group, its in zip(groups, needs, strict=True) if its == need]
        measures = {CALLS}.union(*(group.measures for group in served))
        sources.append(
            Source(
                number,
                has_steps=need.steps is not None,
                dimensions=need.dimensions,
                measures=tuple(sorted(measures, key=lambda measure: measure.name)),
            )
        )
    planned = tuple(
        PlannedGroup(
            source=distinct.index(need),
            measures=group.measures,
            dimensions=group.dimensions,
            has_steps=group.steps is not None,
            is_limited=group.largest is not None,
        )
        for group, need in zip(groups, needs, strict=True)
    )
    return Plan(tuple(sources), planned, tenancy, use_rollups), tuple(
        need.steps for need in distinct
    )


def _needs(groups: Sequence[Group], *, use_rollups: bool) -> list[_Need]:
    """The source of each group.

    Rollups are read as coarsely as each group allows: rows of dimensions are many, those of time
    alone are few. Calls are read once, finely enough for all groups that can share them.
    """
    needs = []
    for group in groups:
        sharing = [
            other.steps
            for other in groups
            if other.steps is not None and (other.dimensions == group.dimensions or not use_rollups)
        ]
        steps = sharing[0] if group.steps is None and sharing else group.steps
        needs.append(_Need(steps, group.dimensions))
    if use_rollups:
        return needs
    dimensions: dict[Steps | None, dict[Dimension, None]] = {}
    for need in needs:
        dimensions.setdefault(need.steps, {}).update(dict.fromkeys(need.dimensions))
    return [_Need(need.steps, tuple(dimensions[need.steps])) for need in needs]


@lru_cache(maxsize=512)
def figures_statement(plan: Plan, dialect: str) -> Select[Any] | CompoundSelect[Any]:
    """The statement of a plan, whose rows have the columns of every group.

    Its parameters are ``organization_id``, the tiles of each source (see ``sources``) and
    ``largest_<number>`` for each group that is limited.
    """
    sources = [
        summed(source, dialect, plan.tenancy, use_rollups=plan.use_rollups)
        for source in plan.sources
    ]
    columns = _Columns(plan.groups)
    selects = [
        _rows_of(number, group, sources[group.source], columns)
        for number, group in enumerate(plan.groups)
    ]
    if plan.use_rollups:  # seen in the same snapshot as the rollups themselves
        selects.append(columns.row(READINESS, {CALLS.name: _readiness()}))
    rows = selects[0] if len(selects) == 1 else union_all(*selects)
    return rows.order_by("number", *columns.keys)


class _Columns:
    """The columns of the statement's rows, which are the same for every group."""

    def __init__(self, groups: Sequence[PlannedGroup]) -> None:
        measures = dict.fromkeys(MEASURES)
        for group in groups:
            measures |= dict.fromkeys(group.measures)
        dimensions = {dimension for group in groups for dimension in group.dimensions}
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


def _readiness() -> ColumnElement[int]:
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
    where_ready = case((is_moving, literal_column(str(MOVING))), else_=literal_column(str(READY)))
    return case((are_rolled_up(), where_ready), else_=literal_column("0")).cast(BigInteger)


def _rows_of(number: int, group: PlannedGroup, source: CTE, columns: _Columns) -> Select[Any]:
    names = [dimension.name for dimension in group.dimensions]
    keys = {name: source.c[name] for name in (["bucket"] if group.has_steps else []) + names}
    measures = group.measures | ({CALLS} if keys else set())
    sums = {measure.name: total_of(source.c[measure.name]) for measure in measures}
    if not keys:
        return columns.row(number, sums).select_from(source)
    calls = sums[CALLS.name]
    rows = (
        select(*keys.values(), *(column.label(name) for name, column in sums.items()))
        .group_by(*keys.values())
        # A bucket whose calls were all deleted may have rollup rows that add up to 0.
        .having(calls != literal_column("0"))
    )
    if group.is_limited:
        order = [calls.desc(), *(keys[name] for name in names)]
        rows = (
            rows.add_columns(func.row_number().over(order_by=order).label("position"))
            .order_by(*order)
            .limit(bindparam(f"largest_{number}", type_=Integer))
        )
    found = rows.subquery(f"group_{number}")
    values: dict[str, ColumnElement[Any]] = dict(found.c.items())
    if ASSISTANT not in group.dimensions:
        return columns.row(number, values).select_from(found)
    values[ASSISTANT_NAME] = func.coalesce(Assistant.name, literal_column("''"))
    its_assistant = Assistant.id == found.c[ASSISTANT.name]
    return columns.row(number, values).select_from(found).join(Assistant, its_assistant)
