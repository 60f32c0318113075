"""The tables and triggers of the rollups, in each database's own words.

The other half of the dialect seam: trigger bodies are programs that no common language describes.
What they sum is not repeated there; it is rendered from ``db.figures.measures``.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from call_analytics.db.catalogs import Relation
from call_analytics.db.placement import Placement
from call_analytics.db.rollups.postgresql_triggers import PostgreSQLTriggers
from call_analytics.db.rollups.sqlite_triggers import SQLiteTriggers


class Triggers(Protocol):
    """One database's rollup tables and triggers."""

    def tables(self, placement: Placement) -> Mapping[str, Sequence[str]]:
        """The tables, each with its columns."""
        ...

    def readiness(self, placement: Placement) -> str:
        """The condition under which rollups may be read: they hold all calls. It is part of the
        statement that reads them, and so seen in the same snapshot. Where they are distributed, it
        has a place ``{organization}``."""
        ...

    def diagnosis(self, placement: Placement) -> str:
        """The statement whose row is the name of a ``RollupState``, and the reason where known. It
        has no row where the state has been deleted."""
        ...

    def failure(self, placement: Placement) -> str | None:
        """The statement of a failure that was noted; None where the diagnosis knows of it."""
        ...

    def creation(
        self, dialect: Dialect, watched: Mapping[str, Relation], placement: Placement
    ) -> list[str]:
        """The statements that create them, empty and not ready; ``watched`` has ``calls`` and
        ``assistants``."""
        ...

    def removal(self, placement: Placement) -> list[str]:
        """The statements that remove every trace of them, and of those of earlier layouts."""
        ...

    lock_timeout: str | None
    """The statement that makes the transaction give up soon where it must wait for a lock: a
    waiting ALTER blocks every writer that comes after it."""

    fill_lock: str | None
    """The statement that takes the lock of the one process that may fill or repair, until the end
    of its transaction; its value is false where another process has the lock."""

    folding_locks: Sequence[str]
    """The statements that wait for the lock of the one process that may fold, until the end of its
    transaction, and take no snapshot; none where a transaction that writes is alone anyway."""

    lacking_to_create: str | None
    """The statement about what this role lacks to create the rollups: rows of a problem and its
    remedy. None, here and below, where a database has no roles."""

    lacking_to_read: str | None
    """The same of reading the rollups."""

    lacking_to_fold: str | None
    """The same of folding, by a role that may read."""

    readers_that_cannot_fold: str | None
    """The same of all others who were given the right to read."""


TRIGGERS: dict[str, Triggers] = {"sqlite": SQLiteTriggers(), "postgresql": PostgreSQLTriggers()}


class are_rolled_up(FunctionElement[Any]):  # noqa: N801 - reads as the SQL operator it is
    """Whether the rollups hold all calls, and so may be read."""

    inherit_cache = False  # the placement is no part of SQLAlchemy's own key

    def __init__(self, placement: Placement, organization_id: ColumnElement[int]) -> None:
        super().__init__(organization_id)
        self.placement = placement


@compiles(are_rolled_up)
def _are_rolled_up(element: are_rolled_up, compiler: SQLCompiler, **kwargs: Any) -> str:
    readiness = TRIGGERS[compiler.dialect.name].readiness(element.placement)
    if element.placement is Placement.DISTRIBUTED:
        organization = compiler.process(element.clauses, **kwargs)
        readiness = readiness.format(organization=organization)
    return f"({readiness})"
