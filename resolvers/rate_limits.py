"""How often: what a key, or an address that shows no valid key, may ask for in a while.

Counting is done by the ``limits`` library in fixed windows, in memory or in a Redis that several
processes share.
"""

import importlib
import logging
import math
from collections.abc import Sequence
from functools import lru_cache
from time import time
from typing import Any, NamedTuple

from cachetools import TLRUCache
from limits import (
    RateLimitItem,
    RateLimitItemPerDay,
    RateLimitItemPerHour,
    RateLimitItemPerMinute,
)
from limits.aio.storage import RedisStorage, Storage
from limits.aio.strategies import FixedWindowRateLimiter
from limits.errors import StorageError

from resolvers.errors import Allowance, RateLimited

MEMORY = "memory://"
REMEMBERED_COUNTERS = 100_000
REDIS_SECONDS = 1

logger = logging.getLogger("call_analytics")


class RateLimits(NamedTuple):
    """How many requests may be made in a while; None is any number."""

    per_minute: int | None = None
    per_hour: int | None = None
    per_day: int | None = None

    def overridden(self, column: object) -> "RateLimits":
        """These limits, with what a key's ``rate_limit`` column says instead of them."""
        own: dict[str, Any] = column if isinstance(column, dict) else {}
        given = (own.get(f"requests_{name}") for name in self._fields)
        return RateLimits(
            *(
                number if type(number) is int and number > 0 else default
                for number, default in zip(given, self, strict=True)
            )
        )


class RateLimiter:
    """Counts what is asked for, by whatever identifies who asks."""

    def __init__(self, storage_url: str) -> None:
        self._redis = None if storage_url == MEMORY else _redis_connections(storage_url)
        self._limiter = FixedWindowRateLimiter(
            BoundedMemoryStorage()
            if self._redis is None
            else RedisStorage(
                f"async+{storage_url}",
                implementation="redispy",
                connection_pool=self._redis,
                wrap_exceptions=True,
            )
        )

    async def close(self) -> None:
        """Close the connections to Redis."""
        if self._redis is not None:
            await self._redis.aclose()

    async def spend(
        self, limits: RateLimits, *identity: str | int, cost: int = 1
    ) -> Allowance | None:
        """Take a request's cost from each limit; returns what is left, None without a limit.

        Where the counters cannot be reached, nobody is refused: the log tells.

        Raises:
            RateLimited: where that is more than is left.
        """
        try:
            return await self._spend(limits, [str(part) for part in identity], cost)
        except StorageError as error:
            logger.warning("rate limits are not kept: %s", type(error.args[0]).__name__)
            return None

    async def _spend(
        self, limits: RateLimits, identity: Sequence[str], cost: int
    ) -> Allowance | None:
        tightest: Allowance | None = None
        for item in _items(limits):
            may_pass = await self._limiter.hit(item, *identity, cost=cost)
            reset_at, remaining = await self._limiter.get_window_stats(item, *identity)
            allowance = Allowance(
                limit=item.amount,
                window_seconds=item.get_expiry(),
                remaining=remaining if may_pass else 0,
                reset_seconds=max(1, math.ceil(reset_at - time())),
            )
            if not may_pass:
                raise RateLimited(allowance)
            if tightest is None or allowance.remaining < tightest.remaining:
                tightest = allowance
        return tightest


@lru_cache(maxsize=1024)
def _items(limits: RateLimits) -> tuple[RateLimitItem, ...]:
    kinds = (RateLimitItemPerMinute, RateLimitItemPerHour, RateLimitItemPerDay)
    return tuple(
        kind(amount) for kind, amount in zip(kinds, limits, strict=True) if amount is not None
    )


def _redis_connections(url: str) -> Any:  # noqa: ANN401 - of a package that may not be here
    """Connections to a Redis that is not waited for long: a request waits meanwhile."""
    asyncio_redis = importlib.import_module("redis.asyncio")
    return asyncio_redis.ConnectionPool.from_url(
        url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS
    )


class Counter(NamedTuple):
    """What was spent, and when (in seconds since 1970) that is forgotten."""

    spent: int
    expires_at: float


class BoundedMemoryStorage(Storage):
    """Counters in this process.

    The library's own sweeps all counters after each request, so that whoever comes from many
    addresses makes every request slow; and it keeps as many as there are. Here one costs the same
    however many there are, and the least used go when there are too many.
    """

    STORAGE_SCHEME = None

    def __init__(self) -> None:
        super().__init__()
        self._counters: TLRUCache[str, Counter] = TLRUCache(
            REMEMBERED_COUNTERS, ttu=lambda _key, counter, _now: counter.expires_at, timer=time
        )

    @property
    def base_exceptions(self) -> type[Exception]:
        """Nothing fails here."""
        return StorageError

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count ``amount`` more; returns the sum of the window."""
        spent, expires_at = self._counters.get(key, Counter(0, time() + expiry))
        self._counters[key] = Counter(spent + amount, expires_at)
        return spent + amount

    async def get(self, key: str) -> int:
        """The sum of the window."""
        return self._counters.get(key, Counter(0, 0)).spent

    async def get_expiry(self, key: str) -> float:
        """When the window ends, in seconds since 1970."""
        return self._counters.get(key, Counter(0, time())).expires_at

    async def check(self) -> bool:
        """Whether counting is possible."""
        return True

    async def reset(self) -> int:
        """Forget all counters."""
        count = len(self._counters)
        self._counters.clear()
        return count

    async def clear(self, key: str) -> None:
        """Forget a counter."""
        self._counters.pop(key, None)
