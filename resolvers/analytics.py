"""The room's front door: what GraphQL and REST both ask."""

import logging
from datetime import datetime

from call_analytics.access.authenticate import Principal
from call_analytics.db.engine import Database
from call_analytics.db.figures.reader import FigureReader
from call_analytics.resolvers.call_analytics import Selection, call_analytics
from call_analytics.resolvers.errors import AnalyticsError, Overloaded, Unavailable
from call_analytics.resolvers.report import Report
from call_analytics.resolvers.window import Period

logger = logging.getLogger("call_analytics")


class Analytics:
    """The analytics of one database. One of these serves all requests of a process."""

    def __init__(self, database: Database, *, may_use_rollups: bool) -> None:
        self._database = database
        self._reader = FigureReader(database, may_use_rollups=may_use_rollups)

    def given_up(self, seconds: float, *, wait_seconds: float) -> AnalyticsError:
        """What to tell a client whose request took so long; the log hears why, where that is known.

        ``wait_seconds`` of the time it waited for a database connection. Where that is most of it,
        the service is short of connections, and the database is not to blame.
        """
        waited = wait_seconds > seconds / 2
        reason = f": {self._database.shortage()}" if waited else ""
        logger.warning("a request was given up after %g seconds%s", seconds, reason)
        return Overloaded() if waited else Unavailable()

    async def report(
        self, principal: Principal, period: Period, selection: Selection, *, now: datetime
    ) -> Report:
        """The selected figures of the principal's organization; see ``call_analytics``.

        Raises:
            Unavailable: where the database cannot answer.
        """
        return await call_analytics(principal, period, selection, now=now, reader=self._reader)
