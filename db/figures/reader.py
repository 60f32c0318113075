"""Reading figures from what is there: rollups where the database has them, the calls elsewhere."""

from collections.abc import Sequence
from time import monotonic
from typing import cast

from call_analytics.db.engine import Database, connect
from call_analytics.db.errors import DatabaseChanged
from call_analytics.db.figures.groups import FigureRow, Figures, GroupMeasures, Scope
from call_analytics.db.figures.statement import figures_statement
from call_analytics.db.figures.tiles import tile_edges
from call_analytics.db.rollups.state import RollupState, rollup_state

LOOK_AGAIN_SECONDS = 30


async def read_figures(
    scope: Scope,
    measures: GroupMeasures,
    *,
    database: Database,
    use_rollups: bool,
    assistant_limit: int = 0,
) -> Figures:
    """Compute measures of the scope's calls, in one statement and so in one snapshot.

    There are at most ``assistant_limit`` assistants.

    Raises:
        DatabaseChanged: where a table is not there, or not to be read; or rollups were to be used
            and are not ready.
        DatabaseUnavailable: where the database cannot answer.
    """
    async with connect(database) as connection:
        result = await connection.execute(
            figures_statement(measures, use_rollups=use_rollups),
            {
                "organization_id": scope.organization_id,
                **tile_edges(scope.since),
                "assistant_limit": assistant_limit,
            },
        )
        # The rows of a result are tuples with the names of their columns: those of a FigureRow.
        rows = cast("Sequence[FigureRow]", result.all())
    if use_rollups:
        readiness, *rows = rows
        if not readiness.calls:
            raise DatabaseChanged("rollups are not ready")
    return Figures(rows, from_rollups=use_rollups)


class FigureReader:
    """Reads the figures of one database.

    It remembers whether rollups were ready when it last looked. Nothing that is remembered can
    make an answer wrong: the statement that reads rollups returns, from its own snapshot, whether
    they are ready, and where they are not, or have gone, the calls are read instead. A reader that
    may not use rollups always reads the calls.
    """

    def __init__(self, database: Database, *, may_use_rollups: bool = True) -> None:
        self._database = database
        self._may_use_rollups = may_use_rollups
        self._use_rollups = False
        self._look_again_at = 0.0

    async def read(
        self, scope: Scope, measures: GroupMeasures, *, assistant_limit: int = 0
    ) -> Figures:
        """Compute measures of the scope's calls; see ``read_figures``.

        Raises:
            DatabaseUnavailable: where the database cannot answer.
        """
        try:
            return await self._read(scope, measures, assistant_limit)
        except DatabaseChanged:
            self._use_rollups = False
            self.look_again()
            return await self._read(scope, measures, assistant_limit)

    def look_again(self) -> None:
        """Where rollups were not ready, look at the next read whether they are, and not later."""
        self._look_again_at = 0.0

    async def _read(self, scope: Scope, measures: GroupMeasures, assistant_limit: int) -> Figures:
        await self._look()
        return await read_figures(
            scope,
            measures,
            database=self._database,
            use_rollups=self._use_rollups,
            assistant_limit=assistant_limit,
        )

    async def _look(self) -> None:
        if not self._may_use_rollups or self._use_rollups or monotonic() < self._look_again_at:
            return
        try:
            self._use_rollups = await rollup_state(self._database) is RollupState.READY
        except DatabaseChanged:  # they are there, but not for this role
            self._use_rollups = False
        self._look_again_at = monotonic() + LOOK_AGAIN_SECONDS
