"""Rate limits: how many requests a key, or an address without a valid key, may make."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from call_analytics.access.counters import MemoryCounters, Quota, RedisCounters
from call_analytics.access.errors import Allowance, RateLimited

WINDOWS_SECONDS = (60, 3_600, 86_400)


class RateLimits(NamedTuple):
    """How many requests may be made in a minute, an hour and a day; None is any number."""

    per_minute: int | None = None
    per_hour: int | None = None
    per_day: int | None = None

    def overridden(self, column: object) -> "RateLimits":
        """These limits, except where a key's ``rate_limit`` column has another."""
        own: dict[str, Any] = column if isinstance(column, dict) else {}
        given = (own.get(f"requests_{name}") for name in self._fields)
        return RateLimits(
            *(
                number if type(number) is int and number > 0 else default
                for number, default in zip(given, self, strict=True)
            )
        )

    def quotas(self, whose: str, *, times: int = 1) -> tuple[Quota, ...]:
        """These limits, or a multiple of them, as quotas of a key or an address."""
        return tuple(
            Quota(whose, times * limit, seconds)
            for limit, seconds in zip(self, WINDOWS_SECONDS, strict=True)
            if limit is not None
        )


class RateLimiter:
    """Counts requests in a shared Redis, or in this process."""

    def __init__(self, shared: RedisCounters | None = None) -> None:
        self._shared = shared
        self._own = MemoryCounters()

    async def spend(self, quotas: Sequence[Quota], cost: int = 1) -> Allowance | None:
        """Take a request's cost from each quota. Returns what is left, or None without a quota.

        While the shared counters do not answer, this process counts alone.

        Raises:
            RateLimited: where less than the cost is left.
        """
        if not quotas:
            return None
        counts = await self._shared.spend(quotas, cost) if self._shared else None
        if counts is None:
            counts = self._own.spend(quotas, cost)
        # Counting ends at the first quota that is used up, so there may be fewer counts.
        allowances = [
            Allowance(
                limit=quota.limit,
                window_seconds=quota.window_seconds,
                remaining=max(0, quota.limit - count.spent),
                reset_seconds=max(1, math.ceil(count.seconds_left)),
            )
            for quota, count in zip(quotas, counts, strict=False)
        ]
        if counts[-1].spent > quotas[len(counts) - 1].limit:
            raise RateLimited(allowances[-1])
        return min(allowances, key=lambda allowance: allowance.remaining)
