"""Sources: the calls of the window, summed up by time and by dimensions.

A source is a common table expression with a row for each of its keys: the bucket where it has
steps, and its dimensions. It adds up rollups and calls, each read by its tiles.
"""

from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    DateTime,
    FromClause,
    Select,
    and_,
    case,
    func,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.sql.selectable import CTE

from call_analytics.db.dialects import is_instant
from call_analytics.db.figures.measures import Measure, sums_of_calls, total_of
from call_analytics.db.figures.query import Dimension
from call_analytics.db.figures.tile_tables import TILE_TABLES
from call_analytics.db.models import Call
from call_analytics.db.rollups.grains import GRAINS
from call_analytics.db.rollups.layout import call_rollups
from call_analytics.db.tenant import in_scope


class Source(NamedTuple):
    """What the statement depends on; the tiles are parameters."""

    number: int
    has_steps: bool
    dimensions: tuple[Dimension, ...]
    measures: tuple[Measure, ...]

    @property
    def tiles_of_calls(self) -> str:
        """The name of the parameters that hold them."""
        return f"call_tiles_{self.number}"

    @property
    def tiles_of_rollups(self) -> str:
        """The name of the parameters that hold them."""
        return f"rollup_tiles_{self.number}"


def summed(source: Source, dialect: str, *, use_rollups: bool) -> CTE:
    """The source as a common table expression."""
    tables = TILE_TABLES[dialect]
    name = f"source_{source.number}"
    calls = _calls(source, tables.table(source.tiles_of_calls))
    if not use_rollups:
        return calls.cte(name)
    rollups = _rollups(source, tables.table(source.tiles_of_rollups))
    both = union_all(calls, rollups).subquery()
    keys = [both.c[key] for key in _names_of_keys(source)]
    sums = [total_of(both.c[measure.name]).label(measure.name) for measure in source.measures]
    return select(*keys, *sums).group_by(*keys).cte(name)


def _names_of_keys(source: Source) -> list[str]:
    names = [dimension.name for dimension in source.dimensions]
    return ["bucket", *names] if source.has_steps else names


def _calls(source: Source, tiles: FromClause) -> Select[Any]:
    keys: list[ColumnElement[Any]] = []
    if source.has_steps:
        keys.append(func.coalesce(tiles.c.bucket, _bucket_by_grain(tiles)).label("bucket"))
    keys += [dimension.of_call.label(dimension.name) for dimension in source.dimensions]
    started_at = Call.started_at
    in_tile = and_(started_at >= tiles.c.start, started_at < tiles.c.end)
    return (
        select(*keys, *sums_of_calls(source.measures, Call.status, Call.duration))
        .select_from(tiles)
        .join(Call, in_tile)
        .where(in_scope(Call.assistant_id), is_instant(started_at))
        .group_by(*keys)
    )


def _bucket_by_grain(tiles: FromClause) -> ColumnElement[Any]:
    buckets: dict[Any, Any] = {
        literal_column(str(grain.number)): grain.bucket_of(Call.started_at) for grain in GRAINS
    }
    return case(buckets, value=tiles.c.grain, else_=Call.started_at)


def _rollups(source: Source, tiles: FromClause) -> Select[Any]:
    columns = call_rollups.c
    keys: list[ColumnElement[Any]] = []
    if source.has_steps:
        keys.append(func.coalesce(tiles.c.bucket, columns.bucket, type_=DateTime()).label("bucket"))
    keys += [columns[dimension.name] for dimension in source.dimensions]
    in_tile = and_(
        columns.grain == tiles.c.grain,
        columns.bucket >= tiles.c.start,
        columns.bucket < tiles.c.end,
    )
    return (
        select(*keys, *(columns[measure.name] for measure in source.measures))
        .select_from(tiles)
        .join(call_rollups, in_tile)
        .where(in_scope(columns.assistant_id))
    )
