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
from sqlalchemy.sql.elements import Label
from sqlalchemy.sql.selectable import CTE

from call_analytics.db.figures.measures import Measure, sums_of_calls, total_of
from call_analytics.db.figures.query import Dimension
from call_analytics.db.figures.tile_tables import TILE_TABLES
from call_analytics.db.functions import is_instant
from call_analytics.db.models import Call
from call_analytics.db.rollups.grains import GRAINS
from call_analytics.db.rollups.layout import assistant_sums, organization_sums, rollup_log
from call_analytics.db.tenant import ORGANIZATION, in_scope


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
    tiles = tables.table(source.tiles_of_rollups)
    all_parts = union_all(calls, _sums(source, tiles), _log(source, tiles)).subquery()
    keys = [all_parts.c[key] for key in _names_of_keys(source)]
    sums = [total_of(all_parts.c[measure.name]).label(measure.name) for measure in source.measures]
    return select(*keys, *sums).group_by(*keys).cte(name)


def _names_of_keys(source: Source) -> list[str]:
    names = [dimension.name for dimension in source.dimensions]
    return ["bucket", *names] if source.has_steps else names


def _calls(source: Source, tiles: FromClause) -> Select[Any]:
    keys: list[ColumnElement[Any]] = []
    if source.has_steps:
        keys.append(_bucket(tiles, Call.started_at))
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


def _bucket(tiles: FromClause, moment: Any) -> Label[Any]:  # noqa: ANN401 - of two tables
    """The bucket of a timestamp that is in a tile."""
    grains: dict[Any, Any] = {
        literal_column(str(grain.number)): grain.bucket_of(moment) for grain in GRAINS
    }
    by_grain = case(grains, value=tiles.c.grain, else_=moment)
    return func.coalesce(tiles.c.bucket, by_grain, type_=DateTime()).label("bucket")


def _sums(source: Source, tiles: FromClause) -> Select[Any]:
    """The sums in the tiles: those of the organization, or of its assistants."""
    columns = (assistant_sums if source.dimensions else organization_sums).c
    in_tile = and_(
        columns.grain == tiles.c.grain,
        columns.bucket >= tiles.c.start,
        columns.bucket < tiles.c.end,
    )
    keys: list[ColumnElement[Any]] = []
    if source.has_steps:
        keys.append(func.coalesce(tiles.c.bucket, columns.bucket, type_=DateTime()).label("bucket"))
    keys += [columns[dimension.name] for dimension in source.dimensions]
    return (
        select(*keys, *(columns[measure.name] for measure in source.measures))
        .select_from(tiles)
        .join(columns.grain.table, in_tile)
        .where(columns.organization_id == ORGANIZATION)
    )


def _log(source: Source, tiles: FromClause) -> Select[Any]:
    """What is not folded yet, in the same tiles."""
    columns = rollup_log.c
    in_tile = and_(columns.bucket >= tiles.c.start, columns.bucket < tiles.c.end)
    keys: list[ColumnElement[Any]] = []
    if source.has_steps:
        keys.append(_bucket(tiles, columns.bucket))
    keys += [columns[dimension.name] for dimension in source.dimensions]
    return (
        select(*keys, *(columns[measure.name] for measure in source.measures))
        .select_from(tiles)
        .join(rollup_log, in_tile)
        .where(in_scope(columns.assistant_id))
    )
