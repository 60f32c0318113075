"""Who may come in, and how often: a request on its way from the door to its answer.

A request is counted as it comes, before anything is read of it, and before the database is asked
for its key: nobody makes the service work by asking too often or for nonsense.
"""

from call_analytics.access.addresses import networks_of
from call_analytics.access.authenticate import Authenticator, KeyRateLimits, KnownKey, Principal
from call_analytics.access.counters import Quota, RedisCounters
from call_analytics.access.rate_limits import RateLimiter, RateLimits
from call_analytics.db.engine import Database
from call_analytics.resolvers.errors import Allowance, Unauthenticated

MEMORY = "memory://"
SUBNETS_OF_A_SITE = 16
"""How many times what one /64 network may ask for, its /48 may."""


class Admission:
    """Lets requests in, each within the limits of its key or, without one, of its address.

    ``key_limits`` are those of keys that have none of their own, ``address_limits`` those of
    whoever shows no valid key. Counters are in memory, or in the Redis at ``rate_limit_storage``.
    """

    def __init__(
        self,
        database: Database,
        *,
        key_cache_seconds: float,
        key_limits: RateLimits,
        key_rate_limits: KeyRateLimits,
        address_limits: RateLimits,
        rate_limit_storage: str,
    ) -> None:
        self._authenticator = Authenticator(
            database,
            cache_seconds=key_cache_seconds,
            default_limits=key_limits,
            key_rate_limits=key_rate_limits,
        )
        self.address_limits = address_limits
        self._shared = None if rate_limit_storage == MEMORY else RedisCounters(rate_limit_storage)
        # Counters of their own, so that many addresses cannot push out those of keys.
        self._keys = RateLimiter(self._shared)
        self._addresses = RateLimiter(self._shared)

    async def close(self) -> None:
        """Close what was opened here; the database is its opener's."""
        if self._shared is not None:
            await self._shared.close()

    async def arrive(self, key: str | None, address: str) -> "Visit":
        """Count a request, and let it in; the database is not asked.

        A key that was valid within the last hour pays for itself, even where it must be looked up
        again: strangers who share its address cannot keep it out. Any other pays as a stranger.

        Raises:
            RateLimited: where its key or address has no request left.
        """
        known = self._authenticator.known(key) if key is not None else None
        visit = Visit(self, key, address, known)
        await visit.spend(1)
        return visit

    async def authenticate(self, key: str | None) -> Principal:
        """See ``Authenticator.authenticate``."""
        return await self._authenticator.authenticate(key)

    async def spend(self, payer: Principal | None, address: str, cost: int) -> Allowance | None:
        """Take a cost from what a key, or else an address, may ask for; returns what is left."""
        if payer is not None:
            return await self._keys.spend(payer.rate_limits.quotas(f"key:{payer.key_id}"), cost)
        quotas: list[Quota] = []
        for network, times in zip(networks_of(address), (1, SUBNETS_OF_A_SITE), strict=False):
            quotas += self.address_limits.quotas(f"address:{network}", times=times)
        return await self._addresses.spend(quotas, cost)


class Visit:
    """One request that was let in. Its key pays for it or, while that is unknown, its address."""

    def __init__(
        self, admission: Admission, key: str | None, address: str, known: KnownKey | None
    ) -> None:
        self._admission = admission
        self._key = key
        self._address = address
        self._payer = known.principal if known else None
        self._principal = known.principal if known and known.is_fresh else None
        self.allowance: Allowance | None = None
        """What is left to who asks."""

    @property
    def rate_limits(self) -> RateLimits:
        """What who asks may ask for in a while."""
        return self._principal.rate_limits if self._principal else self._admission.address_limits

    async def spend(self, cost: int) -> None:
        """Take a cost, in requests, from who pays.

        Raises:
            RateLimited: where that is more than is left.
        """
        if cost:
            self.allowance = await self._admission.spend(self._payer, self._address, cost)

    async def identify(self) -> Principal:
        """Who asks.

        Raises:
            Unauthenticated, Unavailable: see ``Authenticator.authenticate``.
            RateLimited: where who asks has no request left.
        """
        if self._principal is None:
            try:
                self._principal = await self._admission.authenticate(self._key)
            except Unauthenticated:
                await self._pay_as(None)
                raise
            await self._pay_as(self._principal)
        return self._principal

    async def _pay_as(self, payer: Principal | None) -> None:
        """Let somebody else pay from now on, for this request too: it was not who it seemed."""
        changed = (self._payer is None) != (payer is None)
        self._payer = payer
        if changed:
            await self.spend(1)
