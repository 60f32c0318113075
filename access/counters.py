"""Counters of requests in fixed windows, in this process or in a Redis that processes share.

No window depends on the time of day. So it does not matter when somebody sets the clock.
"""

import asyncio
import importlib
import logging
from collections.abc import Sequence
from time import monotonic
from typing import Any, NamedTuple

from cachetools import TLRUCache

REMEMBERED_COUNTERS = 100_000

logger = logging.getLogger("call_analytics")


class Quota(NamedTuple):
    """How many requests are allowed in a window."""

    whose: str
    limit: int
    window_seconds: int


class Count(NamedTuple):
    """How much of a quota is used."""

    spent: int
    seconds_left: float
    """Until the window ends."""


class MemoryCounters:
    """Counters in this process.

    The cost of counting does not depend on the number of counters. Where there are too many, the
    least recently used are removed.
    """

    def __init__(self) -> None:
        # For each quota: how much is used, and when its window ends.
        self._windows: TLRUCache[tuple[str, int], tuple[int, float]] = TLRUCache(
            REMEMBERED_COUNTERS, ttu=lambda _key, window, _now: window[1], timer=monotonic
        )

    def spend(self, quotas: Sequence[Quota], cost: int) -> list[Count]:
        """Take a cost from each quota in turn, and stop after the first that has too little left.

        Returns how much is used of each quota from which the cost was taken.
        """
        counts = []
        for quota in quotas:
            key = (quota.whose, quota.window_seconds)
            now = monotonic()
            spent, ends_at = self._windows.get(key, (0, now + quota.window_seconds))
            self._windows[key] = (spent + cost, ends_at)
            counts.append(Count(spent + cost, min(ends_at - now, quota.window_seconds)))
            if spent + cost > quota.limit:
                break
        return counts

    def __len__(self) -> int:
        """How many counters there are."""
        return len(self._windows)


_SPEND = """
local counts = {}
for number, key in ipairs(KEYS) do
  local limit, window = tonumber(ARGV[2 * number]), tonumber(ARGV[2 * number + 1])
  local left = redis.call("PTTL", key)
  -- More than a window is left where the clock of Redis was set back.
  if left <= 0 or left > window then
    redis.call("SET", key, 0, "PX", window)
    left = window
  end
  local spent = redis.call("INCRBY", key, ARGV[1])
  counts[number] = {spent, left}
  if spent > limit then break end
end
return counts
"""


class RedisCounters:
    """Counters in a Redis, which several processes share, behind a circuit breaker.

    After a count has failed, or has taken longer than ``answer_seconds``, no request waits for
    Redis. A task of its own tries Redis every ``probe_seconds``, until it counts again.
    """

    def __init__(
        self, url: str, *, answer_seconds: float = 1.0, probe_seconds: float = 1.0
    ) -> None:
        # These modules belong to an extra, which may not be installed.
        redis = importlib.import_module("redis.asyncio")
        retry = importlib.import_module("redis.asyncio.retry")
        backoff = importlib.import_module("redis.backoff")
        self._failures = (importlib.import_module("redis").RedisError, OSError, TimeoutError)
        self._redis: Any = redis.Redis.from_url(url, retry=retry.Retry(backoff.NoBackoff(), 0))
        self._spend = self._redis.register_script(_SPEND)
        self._answer_seconds = answer_seconds
        self._probe_seconds = probe_seconds
        self._probing: asyncio.Task[None] | None = None

    async def spend(self, quotas: Sequence[Quota], cost: int) -> list[Count] | None:
        """See ``MemoryCounters.spend``; None while Redis does not count."""
        if self._probing is not None:
            return None
        try:
            return await self._count(quotas, cost)
        except self._failures as error:
            if self._probing is None:
                logger.warning(
                    "Redis does not answer; each process counts rate limits for itself: %s",
                    type(error).__name__,
                )
                self._probing = asyncio.create_task(self._probe())
            return None

    async def close(self) -> None:
        """Close the connections."""
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.gather(self._probing, return_exceptions=True)
        await self._redis.aclose()

    async def _probe(self) -> None:
        """Wait until Redis counts again. A ping would not show it: a full Redis answers pings."""
        while True:
            await asyncio.sleep(self._probe_seconds)
            try:
                await self._count([Quota("probe", 1, 1)], 0)
            except self._failures:
                continue
            logger.warning("all processes count rate limits together again")
            self._probing = None
            return

    async def _count(self, quotas: Sequence[Quota], cost: int) -> list[Count]:
        keys = [f"call-analytics:{quota.whose}:{quota.window_seconds}" for quota in quotas]
        numbers = [
            number for quota in quotas for number in (quota.limit, 1000 * quota.window_seconds)
        ]
        # One bound for both: Redis has one for connecting and one for answering, which add up.
        async with asyncio.timeout(self._answer_seconds):
            counts = await self._spend(keys, [cost, *numbers])
        return [Count(spent, left / 1000) for spent, left in counts]
