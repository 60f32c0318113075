"""The room's front door: what GraphQL and REST both ask."""

from datetime import datetime

from db.engine import Database
from db.figure_reader import FigureReader
from resolvers.authenticate import Principal, authenticator
from resolvers.call_analytics import Selection, call_analytics
from resolvers.report import Report
from resolvers.sharing import SharedReads
from resolvers.window import Period


class Analytics:
    """The analytics of one database. One of these serves all requests of a process."""

    def __init__(self, database: Database, *, key_cache_seconds: float) -> None:
        self._reader = FigureReader(database)
        self._authenticate = authenticator(database, cache_seconds=key_cache_seconds)
        self._shared = SharedReads[tuple[Principal, Period, Selection, datetime], Report]()

    async def authenticate(self, key: str | None) -> Principal:
        """The principal of a request's key; see ``resolvers.authenticate``.

        Raises:
            Unauthenticated: where there is no valid key.
            Unavailable: where the database cannot say.
        """
        return await self._authenticate(key)

    async def report(
        self, principal: Principal, period: Period, selection: Selection, *, now: datetime
    ) -> Report:
        """The selected figures of the principal's organization, from one statement.

        Requests that ask the same within one instant of the clock may share that statement.

        Raises:
            Unavailable: where the database cannot answer.
        """
        return await self._shared.read(
            (principal, period, selection, now),
            lambda: call_analytics(principal, period, selection, now=now, reader=self._reader),
        )
