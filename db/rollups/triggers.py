"""The tables and triggers of the rollups, in each database's own words.

The other half of the dialect seam: trigger bodies are programs that no common language describes.
What they sum is not repeated there; it is rendered from ``db.figures.measures``.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from sqlalchemy import Dialect, Insert, Select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from call_analytics.db.catalogs import Relation
from call_analytics.db.rollups.postgresql_triggers import PostgreSQLTriggers
from call_analytics.db.rollups.sqlite_triggers import SQLiteTriggers


class Triggers(Protocol):
    """One database's rollup tables and triggers."""

    tables: Sequence[str]
    """The tables of which each must be there."""

    readiness: str
    """The condition under which rollups may be read: they hold all calls. It is part of the
    statement that reads them, and so seen in the same snapshot."""

    diagnosis: str
    """The statement that tells a ``RollupState`` by its name, and why, where that is known. It has
    no row where the state has been deleted."""

    def creation(self, dialect: Dialect, calls: Relation) -> list[str]:
        """The statements that create them, empty and not ready, where ``calls`` is."""
        ...

    def removal(self) -> list[str]:
        """The statements that remove every trace of them."""
        ...

    def addition(self, rows: Select[Any]) -> Insert:
        """The statement that adds rows to the rollups."""
        ...

    patience: str | None
    """The statement after which the transaction does not queue for a lock that writers hold: who
    queues makes every later writer wait behind."""

    exclusion: str | None
    """The statement that tells whether, until the end of its transaction, this process alone may
    fill or repair; that may be long."""

    permission: str | None
    """The statement that tells whether this role may compact; None where there is no question."""

    compaction: str | None
    """The statement that merges the keys of the first ``:rows`` rows that wait for it, and tells
    how many rows it merged; None where keys never have more than one row."""

    waiting: str | None
    """The statement that counts the rows that wait; None where none ever does."""


TRIGGERS: dict[str, Triggers] = {"sqlite": SQLiteTriggers(), "postgresql": PostgreSQLTriggers()}


class are_rolled_up(FunctionElement[Any]):  # noqa: N801 - reads as the SQL operator it is
    """Whether the rollups hold all calls, and so may be read."""

    inherit_cache = True


@compiles(are_rolled_up)
def _are_rolled_up(_element: are_rolled_up, compiler: SQLCompiler, **_kwargs: Any) -> str:
    return f"({TRIGGERS[compiler.dialect.name].readiness})"
