"""The sender of a request: who it is, and whose rate limit pays for the request.

A request is charged when it comes, before it is read and before the database looks for its key. So
a client that asks too often, or sends nonsense, costs the service almost nothing.
"""

from call_analytics.access.addresses import networks_of
from call_analytics.access.authenticate import Authenticator, KeyRateLimits, Principal
from call_analytics.access.counters import Quota, RedisCounters
from call_analytics.access.errors import Allowance, Unauthenticated
from call_analytics.access.rate_limits import RateLimiter, RateLimits
from call_analytics.db.replicas.servers import Servers

MEMORY = "memory://"
SUBNETS_OF_A_SITE = 16
"""How many times the limit of a /64 network is the limit of its /48."""


class AccessControl:
    """The keys, and the counters of rate limits, of one server process.

    ``key_limits`` are for keys without limits. ``address_limits`` are for addresses whose requests
    have no valid key. Counters are in memory, or in the Redis at ``rate_limit_storage``.
    """

    def __init__(
        self,
        servers: Servers,
        *,
        key_cache_seconds: float,
        key_limits: RateLimits,
        key_rate_limits: KeyRateLimits,
        address_limits: RateLimits,
        rate_limit_storage: str,
    ) -> None:
        self.authenticator = Authenticator(
            servers,
            cache_seconds=key_cache_seconds,
            default_limits=key_limits,
            key_rate_limits=key_rate_limits,
        )
        self.address_limits = address_limits
        self._shared = None if rate_limit_storage == MEMORY else RedisCounters(rate_limit_storage)
        # Separate counters, so that many addresses cannot push out the counters of keys.
        self._keys = RateLimiter(self._shared)
        self._addresses = RateLimiter(self._shared)

    async def close(self) -> None:
        """Close the connections to Redis. The database is closed by the code that opened it."""
        if self._shared is not None:
            await self._shared.close()

    async def charge_key(self, principal: Principal, cost: int) -> Allowance | None:
        """Take a cost, in requests, from the limits of a key; returns what is left.

        Raises:
            RateLimited: where less than that is left.
        """
        quotas = principal.rate_limits.quotas(f"key:{principal.key_id}")
        return await self._keys.spend(quotas, cost)

    async def charge_address(self, address: str, cost: int) -> Allowance | None:
        """The same for the limits of an address."""
        quotas: list[Quota] = []
        for network, times in zip(networks_of(address), (1, SUBNETS_OF_A_SITE), strict=False):
            quotas += self.address_limits.quotas(f"address:{network}", times=times)
        return await self._addresses.spend(quotas, cost)


class Requester:
    """The sender of one request, known by the key and the address that came with it.

    A key that was valid within the last hour pays for the request, also where it must be looked up
    again. So other clients at its address cannot use up its limit. Without such a key the address
    pays.
    """

    def __init__(self, access: AccessControl, key: str | None, address: str) -> None:
        self._access = access
        self._key = key
        self._address = address
        known = access.authenticator.known(key) if key is not None else None
        self._payer = known.principal if known else None
        self._principal = known.principal if known and known.is_fresh else None
        self._charged = 0
        self.allowance: Allowance | None = None
        """What is left for the requester; None before anything was counted."""

    @property
    def rate_limits(self) -> RateLimits:
        """The rate limits that hold for the requester."""
        return self._principal.rate_limits if self._principal else self._access.address_limits

    async def charge(self, cost: int) -> None:
        """Take a cost, in requests, from the rate limits of the key or the address.

        Raises:
            RateLimited: where less than that is left.
        """
        if not cost:
            return
        self._charged += cost
        if self._payer is not None:
            self.allowance = await self._access.charge_key(self._payer, cost)
        else:
            self.allowance = await self._access.charge_address(self._address, cost)

    async def identify(self) -> Principal:
        """The key and organization of the requester.

        Raises:
            Unauthenticated, Unavailable, Overloaded: see ``Authenticator.authenticate``.
            RateLimited: where the key is found, and has no request left.
        """
        if self._principal is None:
            try:
                self._principal = await self._access.authenticator.authenticate(self._key)
            except Unauthenticated:
                await self._change_payer(None)
                raise
            await self._change_payer(self._principal)
        return self._principal

    async def _change_payer(self, payer: Principal | None) -> None:
        """Charge this request to the key instead of the address, or the other way round."""
        has_changed = (self._payer is None) != (payer is None)
        self._payer = payer
        if has_changed:
            charged, self._charged = self._charged, 0
            await self.charge(charged)
