"""Reading figures from what is there: rollups where the database has them, the calls elsewhere."""

from time import monotonic

from call_analytics.db.engine import Database
from call_analytics.db.errors import DatabaseChanged
from call_analytics.db.figures.statement import Figures, Scope, Wanted, read_figures
from call_analytics.db.rollups.state import RollupState, rollup_state

LOOK_AGAIN_SECONDS = 30


class FigureReader:
    """Reads the figures of one database.

    It remembers whether rollups were ready when it last looked. Nothing that is remembered can
    make an answer wrong: the statement that reads rollups tells, in its own snapshot, whether they
    are ready, and where they are not, or have gone, the calls are read instead. A reader that may
    not use rollups always reads the calls.
    """

    def __init__(self, database: Database, *, may_use_rollups: bool = True) -> None:
        self._database = database
        self._may_use_rollups = may_use_rollups
        self._use_rollups = False
        self._look_again_at = 0.0

    async def read(self, scope: Scope, wanted: Wanted, *, assistant_limit: int = 0) -> Figures:
        """The wanted figures of the scope; see ``db.figures.statement.read_figures``.

        Raises:
            DatabaseUnavailable: where the database cannot answer.
        """
        try:
            return await self._read(scope, wanted, assistant_limit)
        except DatabaseChanged:
            self._use_rollups = False
            self.look_again()
            return await self._read(scope, wanted, assistant_limit)

    def look_again(self) -> None:
        """Where rollups were not ready, look at the next read whether they are, and not later."""
        self._look_again_at = 0.0

    async def _read(self, scope: Scope, wanted: Wanted, assistant_limit: int) -> Figures:
        await self._look()
        return await read_figures(
            scope,
            wanted,
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
