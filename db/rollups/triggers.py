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
    """The statement whose row is the name of a ``RollupState``, and the reason where known. It
    has no row where the state has been deleted."""

    def creation(self, dialect: Dialect, calls: Relation) -> list[str]:
        """The statements that create them, empty and not ready, where ``calls`` is."""
        ...

    def removal(self) -> list[str]:
        """The statements that remove every trace of them."""
        ...

    def addition(self, rows: Select[Any]) -> Insert:
        """The statement that adds rows to the rollups."""
        ...

    lock_timeout: str | None
    """The statement that makes the transaction give up soon where it must wait for a lock: a
    waiting ALTER blocks every writer that comes after it."""

    fill_lock: str | None
    """The statement that takes the lock of the one process that may fill or repair, until the end
    of its transaction; its value is false where another process has the lock."""

    permission: str | None
    """The statement whose value is whether this role may compact; None where every role may."""

    compaction: str | None
    """The statement that merges the keys of the first ``:rows`` rows that wait for it. Its value
    is how many rows it merged; None where keys never have more than one row."""

    compaction_lock: str | None
    """The statement that, until the end of its transaction, keeps keys from being merged; it waits
    for whoever is merging some. None where there is no compaction."""

    waiting: str | None
    """The statement that counts the rows that wait; None where none ever does."""


TRIGGERS: dict[str, Triggers] = {"sqlite": SQLiteTriggers(), "postgresql": PostgreSQLTriggers()}


class are_rolled_up(FunctionElement[Any]):  # noqa: N801 - reads as the SQL operator it is
    """Whether the rollups hold all calls, and so may be read."""

    inherit_cache = True


@compiles(are_rolled_up)
def _are_rolled_up(_element: are_rolled_up, compiler: SQLCompiler, **_kwargs: Any) -> str:
    return f"({TRIGGERS[compiler.dialect.name].readiness})"
