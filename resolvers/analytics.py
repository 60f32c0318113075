"""The room's front door: what GraphQL and REST both ask."""

from datetime import datetime

from db.engine import Database
from db.figure_reader import FigureReader
from resolvers.authenticate import Principal
from resolvers.call_analytics import Selection, call_analytics
from resolvers.report import Report
from resolvers.window import Period


class Analytics:
    """The analytics of one database. One of these serves all requests of a process."""

    def __init__(self, database: Database, *, may_use_rollups: bool) -> None:
        self._reader = FigureReader(database, may_use_rollups=may_use_rollups)

    async def report(
        self, principal: Principal, period: Period, selection: Selection, *, now: datetime
    ) -> Report:
        """The selected figures of the principal's organization; see ``call_analytics``.

        Raises:
            Unavailable: where the database cannot answer.
        """
        return await call_analytics(principal, period, selection, now=now, reader=self._reader)
