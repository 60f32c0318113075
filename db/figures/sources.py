"""Sources: the calls of the window, summed up by time and by dimensions.

A source is a common table expression with a row for each of its keys: the bucket where it has
steps, and its dimensions. It adds up rollups and calls, each read by its tiles.
"""

from collections.abc import Sequence
from enum import Enum, auto
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    FromClause,
    Select,
    and_,
    case,
    func,
    literal_column,
    select,
    type_coerce,
    union_all,
)
from sqlalchemy.sql.elements import Label
from sqlalchemy.sql.selectable import CTE

from call_analytics.db.figures.measures import Measure, is_averaged, sums_of_calls, total_of
from call_analytics.db.figures.query import AVERAGED_DURATION, Dimension
from call_analytics.db.figures.tile_tables import TILE_TABLES, Columns, TileTables
from call_analytics.db.functions import among, hour_of_week, is_within
from call_analytics.db.models import Call
from call_analytics.db.rollups.grains import GRAINS
from call_analytics.db.rollups.layout import assistant_sums, organization_sums, rollup_log
from call_analytics.db.shape import Shape
from call_analytics.db.tenant import ORGANIZATION, Tenancy, in_scope

ASSISTANT_IDS = "assistant_ids"
"""The name of the parameter that holds the assistants whose calls count."""


class Buckets(Enum):
    """How a source divides time."""

    NONE = auto()
    OF_TIME = auto()
    OF_WEEK = auto()
    """The hours of the week."""


class Source(NamedTuple):
    """What the statement depends on; the tiles are parameters."""

    number: int
    buckets: Buckets
    dimensions: tuple[Dimension, ...]
    measures: tuple[Measure, ...]
    shape: Shape
    use_rollups: bool
    is_narrowed: bool
    """Whether only the calls of some assistants count."""
    only_averaged: bool
    """Whether only calls that an average counts do. Their durations are its only dimension."""

    @property
    def has_steps(self) -> bool:
        """Whether its rows have buckets."""
        return self.buckets is not Buckets.NONE

    @property
    def keys(self) -> list[str]:
        """The names of its columns that no two of its rows have the same values in."""
        return names_of_keys(self.dimensions, has_steps=self.has_steps)

    @property
    def tiles_of_calls(self) -> str:
        """The name of the parameters that hold them."""
        return f"call_tiles_{self.number}"

    @property
    def tiles_of_rollups(self) -> str:
        """The name of the parameters that hold them."""
        return f"rollup_tiles_{self.number}"


def names_of_keys(dimensions: Sequence[Dimension], *, has_steps: bool) -> list[str]:
    """The names of the columns of what is divided by steps and dimensions."""
    names = [dimension.name for dimension in dimensions]
    return ["bucket", *names] if has_steps else names


def summed(source: Source, dialect: str) -> CTE:
    """The source as a common table expression."""
    tables = TILE_TABLES[dialect]
    name = f"source_{source.number}"
    calls = _calls(source, tables)
    if not source.use_rollups:
        return _once(calls, name)
    tiles = tables.table(source.tiles_of_rollups)
    stored = _sums(source, tables, tiles), _log(source, tables, tiles)
    all_parts = union_all(calls, *stored).subquery()
    keys = [all_parts.c[key] for key in source.keys]
    sums = [total_of(all_parts.c[measure.name]).label(measure.name) for measure in source.measures]
    return _once(select(*keys, *sums).group_by(*keys), name)


def _once(rows: Select[Any], name: str) -> CTE:
    """A common table expression that is read once, also where a subquery asks it for each row."""
    return rows.cte(name).prefix_with("MATERIALIZED")


def _asked_ids(source: Source, tables: TileTables) -> Select[tuple[int]] | None:
    """The assistants whose calls count; None where that is all of the organization."""
    if not source.is_narrowed:
        return None
    return select(tables.values(ASSISTANT_IDS, BigInteger()).c.value)


def _calls(source: Source, tables: TileTables) -> Select[Any]:
    """The calls in the tiles, summed up."""
    tiles = tables.table(source.tiles_of_calls)
    calls = Call.__table__
    condition = and_(
        in_scope(calls.c, source.shape.tenancy, among_ids=_asked_ids(source, tables)),
        is_within(calls.c.started_at, tiles.c.start, tiles.c.end),
    )
    if source.only_averaged:
        condition &= is_averaged(calls.c.status, calls.c.duration)
    needed = [calls.c.started_at, calls.c.assistant_id, calls.c.status, calls.c.duration]
    rows, columns = tables.join(tiles, needed, condition)
    keys = _buckets(source, tiles, columns.started_at)
    if source.only_averaged:
        keys.append(columns.duration.label(AVERAGED_DURATION.name))
    else:
        keys += [its.of_call(columns).label(its.name) for its in source.dimensions]
    sums = sums_of_calls(source.measures, columns.status, columns.duration)
    return select(*keys, *sums).select_from(rows).group_by(*keys)


def _sums(source: Source, tables: TileTables, tiles: FromClause) -> Select[Any]:
    """The sums in the tiles: those of the organization, or of its assistants."""
    asked = _asked_ids(source, tables)
    by_assistant = source.dimensions or asked is not None
    table = assistant_sums if by_assistant else organization_sums
    condition = and_(
        table.c.organization_id == ORGANIZATION,
        table.c.grain == tiles.c.grain,
        table.c.bucket >= tiles.c.start,
        table.c.bucket < tiles.c.end,
    )
    if asked is not None:
        condition &= among(table.c.assistant_id, asked.scalar_subquery())
    rows, columns = tables.join(tiles, list(table.c), condition)
    # Where rows are their own buckets, they are rows of the grain that their buckets have.
    keys = _buckets(source, tiles, columns.bucket, itself=columns.bucket)
    return _stored(source, keys, rows, columns)


def _log(source: Source, tables: TileTables, tiles: FromClause) -> Select[Any]:
    """What is not folded yet, in the same tiles."""
    table = rollup_log
    tenancy = Tenancy.BY_ORGANIZATION if source.shape.placement.keys_log else Tenancy.BY_ASSISTANT
    condition = and_(
        in_scope(table.c, tenancy, among_ids=_asked_ids(source, tables)),
        table.c.bucket >= tiles.c.start,
        table.c.bucket < tiles.c.end,
    )
    keys = _buckets(source, tiles, table.c.bucket)
    return _stored(source, keys, tiles.join(table, condition), table.c)


def _stored(
    source: Source, keys: Sequence[ColumnElement[Any]], rows: FromClause, columns: Columns
) -> Select[Any]:
    dimensions = [columns[dimension.name] for dimension in source.dimensions]
    sums = [columns[measure.name] for measure in source.measures]
    return select(*keys, *dimensions, *sums).select_from(rows)


def _buckets(
    source: Source, tiles: FromClause, moment: Columns, itself: Columns | None = None
) -> list[Label[Any]]:
    """The bucket of a timestamp that is in a tile, where the source has buckets.

    ``itself`` is the bucket where the timestamp, and not the tile, makes it.
    """
    if not source.has_steps:
        return []
    if itself is None:
        grains: dict[Any, Any] = {
            literal_column(str(grain.number)): grain.bucket_of(moment) for grain in GRAINS
        }
        itself = case(grains, value=tiles.c.grain, else_=moment)
    if source.buckets is Buckets.OF_TIME:
        return [func.coalesce(tiles.c.bucket, itself, type_=DateTime()).label("bucket")]
    by_week = hour_of_week(moment, tiles.c.bucket)
    bucket = case((tiles.c.bucket.is_(None), itself), else_=by_week)
    return [type_coerce(bucket, DateTime()).label("bucket")]
