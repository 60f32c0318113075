"""A statement that is compiled once, and sent as text from then on.

SQLAlchemy's own memory of compiled statements saves the compiling, but not looking for the
statement, nor for the types of its parameters and columns, each time that it is run.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import CompoundSelect, Dialect, Select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine

Convert = Callable[[Any], Any]


class PreparedSelect:
    """A SELECT of one dialect, ready to be sent."""

    def __init__(self, statement: Select[Any] | CompoundSelect[Any], dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self._sql = str(compiled)
        types: Mapping[str, TypeEngine[Any]] = {
            name: parameter.type for name, parameter in compiled.binds.items()
        }
        self._parameters: list[tuple[str, Convert | None]] = [
            (name, types[name].dialect_impl(dialect).bind_processor(dialect))
            for name in compiled.positiontup or ()
        ]
        self._constants: dict[str, Any] = compiled.params
        """The values that the statement brings along; None for its parameters."""
        columns = statement.selected_columns
        # The columns have names of ours, which are identifiers.
        self._row: Any = namedtuple("Row", columns.keys())  # type: ignore[misc]
        self._converted: list[tuple[int, Convert]] = [
            (number, convert)
            for number, column in enumerate(columns)
            if (convert := column.type.dialect_impl(dialect).result_processor(dialect, None))
        ]

    async def rows(self, connection: AsyncConnection, parameters: dict[str, Any]) -> list[Any]:
        """The rows, as named tuples, for these parameters."""
        given = self._constants | parameters
        values = tuple(
            given[name] if convert is None else convert(given[name])
            for name, convert in self._parameters
        )
        result = await connection.exec_driver_sql(self._sql, values)
        rows = result.all()
        if not self._converted:
            return list(map(self._row._make, rows))
        return [self._row._make(self._values(row)) for row in rows]

    def _values(self, row: Any) -> list[Any]:  # noqa: ANN401 - a row of the driver
        values = list(row)
        for number, convert in self._converted:
            values[number] = convert(values[number])
        return values
