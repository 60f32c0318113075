"""The room's front door: what GraphQL and REST both ask."""

import logging
from datetime import datetime

from db.engine import Database
from db.figure_reader import FigureReader
from resolvers.admission import Admission, Visit
from resolvers.authenticate import Authenticator, Principal
from resolvers.call_analytics import Selection, call_analytics
from resolvers.errors import AnalyticsError, Overloaded, Unavailable
from resolvers.rate_limits import RateLimiter, RateLimits
from resolvers.report import Report
from resolvers.window import Period

logger = logging.getLogger("call_analytics")


class Analytics:
    """The analytics of one database. One of these serves all requests of a process.

    ``key_limits`` are those of keys that have none of their own, ``address_limits`` those of
    whoever shows no valid key. Counters are in memory, or in the Redis at ``rate_limit_storage``.
    """

    def __init__(
        self,
        database: Database,
        *,
        key_cache_seconds: float,
        key_limits: RateLimits,
        address_limits: RateLimits,
        rate_limit_storage: str,
        may_use_rollups: bool,
    ) -> None:
        self.address_limits = address_limits
        self._database = database
        self._reader = FigureReader(database, may_use_rollups=may_use_rollups)
        # Counters of their own, so that many addresses cannot push out those of keys.
        self._key_limiter = RateLimiter(rate_limit_storage)
        self._address_limiter = RateLimiter(rate_limit_storage)
        self._admission = Admission(
            Authenticator(database, cache_seconds=key_cache_seconds, default_limits=key_limits),
            key_limiter=self._key_limiter,
            address_limiter=self._address_limiter,
            address_limits=address_limits,
        )

    async def close(self) -> None:
        """Close what was opened here; the database is its opener's."""
        await self._key_limiter.close()
        await self._address_limiter.close()

    async def arrive(self, key: str | None, address: str) -> Visit:
        """Let a request in; see ``Admission.arrive``.

        Raises:
            RateLimited: where its key or address has no request left.
        """
        return await self._admission.arrive(key, address)

    def given_up(self, seconds: float) -> AnalyticsError:
        """What to tell a client whose request took so long; the log hears why, where that is known.

        A request that is given up has left its connection. Where none is free all the same, it is
        for others that it had to wait.
        """
        shortage = self._database.shortage()
        reason = f": {shortage}" if shortage else ""
        logger.warning("a request was given up after %g seconds%s", seconds, reason)
        return Overloaded() if shortage else Unavailable()

    async def report(
        self, principal: Principal, period: Period, selection: Selection, *, now: datetime
    ) -> Report:
        """The selected figures of the principal's organization; see ``call_analytics``.

        Raises:
            Unavailable: where the database cannot answer.
        """
        return await call_analytics(principal, period, selection, now=now, reader=self._reader)
