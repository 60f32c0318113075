"""Admission: which requests are answered, how many at once, and for how long."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import Request

from call_analytics.access.errors import RateLimited, TooManyExports, Unauthenticated
from call_analytics.access.requester import Requester
from call_analytics.resolvers.errors import ExpectedError, Overloaded, Unavailable
from call_analytics.web.bearer import bearer_key
from call_analytics.web.limits import RequestLimits
from call_analytics.web.state import State

logger = logging.getLogger("call_analytics")


class Admission:
    """Admits requests to one process, and writes the headers of their answers.

    ``retry_after_seconds`` is the ``Retry-After`` where no rate limit says it. ``max_age_seconds``
    is how long a client may keep an answer; 0 is not at all.
    """

    def __init__(
        self, limits: RequestLimits, *, retry_after_seconds: int, max_age_seconds: int
    ) -> None:
        self._limits = limits
        self._retry_after_seconds = retry_after_seconds
        self._max_age_seconds = max_age_seconds
        self._running = 0
        self.begun = 0
        """How many requests have begun to be answered."""

    async def requester(self, request: Request[State], *, cost: int = 1) -> Requester:
        """The sender of a request, who is charged for it first: as for so many requests.

        Raises:
            RateLimited: where the key or the address has no request left.
        """
        address = request.client.host if request.client else ""
        requester = Requester(request.state["access"], bearer_key(request.headers), address)
        await requester.charge(cost)
        return requester

    @asynccontextmanager
    async def answering(self, request: Request[State]) -> AsyncIterator[None]:
        """The time in which a request is answered.

        Raises:
            Overloaded: where too many requests are running, or where the request took too long
                and waited for a database connection most of the time.
            Unavailable: where it took too long for another reason.
        """
        seconds = self._limits.request_timeout_seconds
        if self._running >= self._limits.max_concurrent_requests:
            raise Overloaded
        self._running += 1
        self.begun += 1
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError:
            if request.state["record"].wait_seconds() <= seconds / 2:
                logger.warning("a request was given up after %g seconds", seconds)
                raise Unavailable from None
            shortage = request.state["analytics"].shortage()
            logger.warning("a request was given up after %g seconds: %s", seconds, shortage)
            raise Overloaded from None
        finally:
            self._running -= 1

    def headers(
        self, requester: Requester | None, error: ExpectedError | None = None
    ) -> dict[str, str]:
        """The headers of an answer: what is left of the rate limit, and when to ask again."""
        headers = {}
        allowance = requester.allowance if requester else None
        if isinstance(error, RateLimited):
            allowance = error.allowance
            headers["Retry-After"] = str(allowance.reset_seconds)
        elif isinstance(error, Overloaded | TooManyExports | Unavailable):
            headers["Retry-After"] = str(self._retry_after_seconds)
        elif isinstance(error, Unauthenticated):
            headers["WWW-Authenticate"] = "Bearer"
        if allowance is not None:
            # https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
            window = f'"{allowance.window_seconds}s"'
            headers["RateLimit-Policy"] = (
                f"{window};q={allowance.limit};w={allowance.window_seconds}"
            )
            headers["RateLimit"] = f"{window};r={allowance.remaining};t={allowance.reset_seconds}"
        return headers

    def cache_control(self, *, is_good: bool) -> str:
        """``Cache-Control``: only the client may keep an answer, and only one without errors."""
        if is_good and self._max_age_seconds:
            return f"private, max-age={self._max_age_seconds}"
        return "private, no-store"
