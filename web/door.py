"""The door that both endpoints have: who may come in, how many at once, and for how long."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import Request

from call_analytics.access.admission import Visit
from call_analytics.resolvers.errors import (
    AnalyticsError,
    Overloaded,
    RateLimited,
    Unauthenticated,
    Unavailable,
)
from call_analytics.schema.limits import Limits
from call_analytics.web.bearer import bearer_key
from call_analytics.web.state import State


class Door:
    """Lets requests into one process, and says in headers what they may expect.

    ``retry_after_seconds`` is what a 503 advises; ``max_age_seconds`` is how long a client may
    keep an answer, where 0 is not at all.
    """

    def __init__(self, limits: Limits, *, retry_after_seconds: int, max_age_seconds: int) -> None:
        self._limits = limits
        self._retry_after_seconds = retry_after_seconds
        self._max_age_seconds = max_age_seconds
        self._inside = 0

    async def arrive(self, request: Request[State]) -> Visit:
        """Count a request, before anything else is done for it.

        Raises:
            RateLimited: where its key or address has no request left.
        """
        address = request.client.host if request.client else ""
        admission = request.state["admission"]
        return await admission.arrive(bearer_key(request.headers), address)

    @asynccontextmanager
    async def inside(self, request: Request[State]) -> AsyncIterator[None]:
        """The time in which a request is answered.

        Raises:
            Overloaded: where too many are inside already, or it has waited for them too long.
            Unavailable: where it takes too long otherwise.
        """
        seconds = self._limits.request_timeout_seconds
        if self._inside >= self._limits.max_concurrent_requests:
            raise Overloaded
        self._inside += 1
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError:
            wait_seconds = request.state["record"].wait_seconds()
            raise request.state["analytics"].given_up(seconds, wait_seconds=wait_seconds) from None
        finally:
            self._inside -= 1

    def headers(self, visit: Visit | None, error: AnalyticsError | None = None) -> dict[str, str]:
        """The headers of an answer: what is left to the client, and when to come again."""
        headers = {}
        allowance = visit.allowance if visit else None
        if isinstance(error, RateLimited):
            allowance = error.allowance
            headers["Retry-After"] = str(allowance.reset_seconds)
        elif isinstance(error, Overloaded | Unavailable):
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
        """``Cache-Control`` of an answer: of nobody but its client, and only a good one."""
        if is_good and self._max_age_seconds:
            return f"private, max-age={self._max_age_seconds}"
        return "private, no-store"
