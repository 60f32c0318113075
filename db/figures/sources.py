"""Sources: the calls of the window, summed up by time and by dimensions.

A source is a common table expression with a row for each of its keys: the bucket where it has
steps, and its dimensions. It adds up rollups and calls, each read by its tiles.
"""

from collections.abc import Sequence
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
from call_analytics.db.figures.tile_tables import TILE_TABLES, Columns, TileTables
from call_analytics.db.functions import is_instant
from call_analytics.db.models import Call
from call_analytics.db.rollups.grains import GRAINS
from call_analytics.db.rollups.layout import assistant_sums, organization_sums, rollup_log
from call_analytics.db.tenant import ORGANIZATION, Tenancy, in_scope


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


def summed(source: Source, dialect: str, tenancy: Tenancy, *, use_rollups: bool) -> CTE:
    """The source as a common table expression."""
    tables = TILE_TABLES[dialect]
    name = f"source_{source.number}"
    calls = _calls(source, tables, tenancy)
    if not use_rollups:
        return calls.cte(name)
    tiles = tables.table(source.tiles_of_rollups)
    all_parts = union_all(calls, _sums(source, tables, tiles), _log(source, tiles)).subquery()
    keys = [all_parts.c[key] for key in _names_of_keys(source)]
    sums = [total_of(all_parts.c[measure.name]).label(measure.name) for measure in source.measures]
    return select(*keys, *sums).group_by(*keys).cte(name)


def _names_of_keys(source: Source) -> list[str]:
    names = [dimension.name for dimension in source.dimensions]
    return ["bucket", *names] if source.has_steps else names


def _calls(source: Source, tables: TileTables, tenancy: Tenancy) -> Select[Any]:
    """The calls in the tiles, summed up."""
    tiles = tables.table(source.tiles_of_calls)
    calls = Call.__table__
    started_at = calls.c.started_at
    condition = and_(
        in_scope(calls.c, tenancy),
        started_at >= tiles.c.start,
        started_at < tiles.c.end,
        is_instant(started_at),
    )
    rows, columns = tables.join(tiles, calls, condition)
    keys = [_bucket(tiles, columns.started_at)] if source.has_steps else []
    keys += [dimension.of_call(columns).label(dimension.name) for dimension in source.dimensions]
    sums = sums_of_calls(source.measures, columns.status, columns.duration)
    return select(*keys, *sums).select_from(rows).group_by(*keys)


def _sums(source: Source, tables: TileTables, tiles: FromClause) -> Select[Any]:
    """The sums in the tiles: those of the organization, or of its assistants."""
    table = assistant_sums if source.dimensions else organization_sums
    condition = and_(
        table.c.organization_id == ORGANIZATION,
        table.c.grain == tiles.c.grain,
        table.c.bucket >= tiles.c.start,
        table.c.bucket < tiles.c.end,
    )
    rows, columns = tables.join(tiles, table, condition)
    bucket = func.coalesce(tiles.c.bucket, columns.bucket, type_=DateTime()).label("bucket")
    return _stored(source, [bucket] if source.has_steps else [], rows, columns)


def _log(source: Source, tiles: FromClause) -> Select[Any]:
    """What is not folded yet, in the same tiles."""
    table = rollup_log
    condition = and_(
        in_scope(table.c, Tenancy.BY_ASSISTANT),  # of whom it knows nothing else
        table.c.bucket >= tiles.c.start,
        table.c.bucket < tiles.c.end,
    )
    keys = [_bucket(tiles, table.c.bucket)] if source.has_steps else []
    return _stored(source, keys, tiles.join(table, condition), table.c)


def _stored(
    source: Source, keys: Sequence[ColumnElement[Any]], rows: FromClause, columns: Columns
) -> Select[Any]:
    dimensions = [columns[dimension.name] for dimension in source.dimensions]
    sums = [columns[measure.name] for measure in source.measures]
    return select(*keys, *dimensions, *sums).select_from(rows)


def _bucket(tiles: FromClause, moment: Any) -> Label[Any]:  # noqa: ANN401 - of two tables
    """The bucket of a timestamp that is in a tile."""
    grains: dict[Any, Any] = {
        literal_column(str(grain.number)): grain.bucket_of(moment) for grain in GRAINS
    }
    by_grain = case(grains, value=tiles.c.grain, else_=moment)
    return func.coalesce(tiles.c.bucket, by_grain, type_=DateTime()).label("bucket")
