"""Tiles as a table that a statement joins with; part of the dialect seam.

A statement is the same for any number of tiles: they are its parameters.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

import orjson
from sqlalchemy import (
    ColumnElement,
    DateTime,
    FromClause,
    Integer,
    SmallInteger,
    String,
    bindparam,
    column,
    func,
    literal_column,
    select,
    true,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import TypeEngine

from call_analytics.db.figures.tiles import Tile

Columns = Any
"""The columns of a table, by their names."""

TYPES: dict[str, TypeEngine[Any]] = {
    "bucket": DateTime(),
    "grain": SmallInteger(),
    "start": DateTime(),
    "end": DateTime(),
}
"""The columns of the table, which are those of a ``Tile``."""


class TileTables(Protocol):
    """One database's way to read parameters as a table."""

    def table(self, name: str) -> FromClause:
        """The table of the tiles that the parameters of this name hold."""
        ...

    def parameters(self, name: str, tiles: Sequence[Tile]) -> dict[str, Any]:
        """The parameters of this name, holding these tiles."""
        ...

    def values(self, name: str, type_: TypeEngine[Any]) -> FromClause:
        """The table of the values that the parameter of this name holds.

        Its columns are ``position``, which ascends, and ``value``.
        """
        ...

    def values_parameter(self, values: Sequence[Any]) -> Any:  # noqa: ANN401 - the driver's own
        """The parameter that holds these values."""
        ...

    def join(
        self, tiles: FromClause, columns: Sequence[Any], condition: ColumnElement[bool]
    ) -> tuple[FromClause, Columns]:
        """The rows of a table that meet a condition on it and on the tiles, and these columns.

        For each tile the index of the table is searched once, whatever the planner knows of it.
        """
        ...


class PostgreSQLTileTables:
    """An array for each column."""

    INFINITY = datetime.max  # noqa: DTZ901 - stored timestamps have no zone
    """The driver sends infinity for it."""

    def table(self, name: str) -> FromClause:
        arrays: list[Any] = [
            bindparam(f"{name}_{column_name}", type_=ARRAY(type_))
            for column_name, type_ in TYPES.items()
        ]
        columns: list[Any] = [column(column_name, type_) for column_name, type_ in TYPES.items()]
        return func.unnest(*arrays).table_valued(*columns, name=name).render_derived()

    def parameters(self, name: str, tiles: Sequence[Tile]) -> dict[str, Any]:
        return {
            f"{name}_bucket": [tile.bucket for tile in tiles],
            f"{name}_grain": [tile.grain for tile in tiles],
            f"{name}_start": [tile.start for tile in tiles],
            f"{name}_end": [tile.end or self.INFINITY for tile in tiles],
        }

    def values(self, name: str, type_: TypeEngine[Any]) -> FromClause:
        array = func.unnest(bindparam(name, type_=ARRAY(type_)))
        table = array.table_valued(column("value", type_), with_ordinality="position", name=name)
        return table.render_derived()

    def values_parameter(self, values: Sequence[Any]) -> Any:  # noqa: ANN401
        return list(values)

    def join(
        self, tiles: FromClause, columns: Sequence[Any], condition: ColumnElement[bool]
    ) -> tuple[FromClause, Columns]:
        # The planner does not take a subquery with an OFFSET apart.
        rows = select(*columns).where(condition).offset(literal_column("0")).lateral()
        return tiles.join(rows, true()), rows.c


class SQLiteTileTables:
    """An array of arrays in JSON. It is read once, and not again for each row that is joined."""

    END_OF_TIME = "~"
    """Comes after the text of every timestamp."""

    def table(self, name: str) -> FromClause:
        rows = func.json_each(bindparam(name, type_=String())).table_valued("value")
        values = (
            func.json_extract(rows.c.value, f"$[{number}]", type_=Integer())
            for number in range(len(TYPES))
        )
        columns: list[Any] = [
            type_coerce(value, type_).label(column_name)
            for value, (column_name, type_) in zip(values, TYPES.items(), strict=True)
        ]
        return select(*columns).cte(name).prefix_with("MATERIALIZED")

    def parameters(self, name: str, tiles: Sequence[Tile]) -> dict[str, Any]:
        rows = [
            (
                tile.bucket and _text(tile.bucket),
                tile.grain,
                _text(tile.start),
                self.END_OF_TIME if tile.end is None else _text(tile.end),
            )
            for tile in tiles
        ]
        return {name: orjson.dumps(rows).decode()}

    def values(self, name: str, type_: TypeEngine[Any]) -> FromClause:
        rows = func.json_each(bindparam(name, type_=String())).table_valued("key", "value")
        # A share stays the text that it is.
        value = type_coerce(rows.c.value, type_).label("value")
        return select(type_coerce(rows.c.key, Integer()).label("position"), value).subquery(name)

    def values_parameter(self, values: Sequence[Any]) -> Any:  # noqa: ANN401
        return orjson.dumps(values, default=str).decode()

    def join(
        self, tiles: FromClause, columns: Sequence[Any], condition: ColumnElement[bool]
    ) -> tuple[FromClause, Columns]:
        table = columns[0].table
        return tiles.join(table, condition), table.c


def _text(moment: datetime) -> str:
    return moment.isoformat(" ", "microseconds")


TILE_TABLES: dict[str, TileTables] = {
    "sqlite": SQLiteTileTables(),
    "postgresql": PostgreSQLTileTables(),
}
