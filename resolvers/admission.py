"""Who may come in, and how often: a request on its way from the door to its answer.

What can be decided without the database is decided first, so that nobody makes it work by asking
too often or for nonsense.
"""

import ipaddress

from resolvers.authenticate import Authenticator, Principal
from resolvers.errors import Allowance, RateLimited, Unauthenticated
from resolvers.rate_limits import RateLimiter, RateLimits

IPV6_NETWORK_BITS = 64
"""What a provider hands to one customer."""


class Admission:
    """Lets requests in, each within the limits of its key or, without one, of its address."""

    def __init__(
        self,
        authenticator: Authenticator,
        *,
        key_limiter: RateLimiter,
        address_limiter: RateLimiter,
        address_limits: RateLimits,
    ) -> None:
        self._authenticator = authenticator
        self._key_limiter = key_limiter
        self._address_limiter = address_limiter
        self._address_limits = address_limits

    async def arrive(self, key: str | None, address: str) -> "Visit":
        """Let a request in as far as the first look goes; the database is not asked.

        Raises:
            RateLimited: where its key or address has no request left.
        """
        visit = Visit(self, key, address)
        if key is not None:
            visit.principal = self._authenticator.remembered(key)
        # Who comes regularly must not be kept out by strangers that share the address.
        if visit.principal is None and not (key and self._authenticator.is_regular(key)):
            visit.allowance = await self.spend_as_stranger(address, cost=0)
            if visit.allowance is not None and visit.allowance.remaining == 0:
                raise RateLimited(visit.allowance)
        await visit.spend(1)
        return visit

    async def identify(self, key: str | None) -> Principal:
        """See ``Authenticator.authenticate``."""
        return await self._authenticator.authenticate(key)

    async def spend_as(self, principal: Principal, *, cost: int) -> Allowance | None:
        """Take a cost from what the principal's key may ask for."""
        return await self._key_limiter.spend(
            principal.rate_limits, "key", principal.key_id, cost=cost
        )

    async def spend_as_stranger(self, address: str, *, cost: int) -> Allowance | None:
        """Take a cost from what an address may ask for that shows no valid key."""
        return await self._address_limiter.spend(
            self._address_limits, "address", _network(address), cost=cost
        )


class Visit:
    """One request that was let in."""

    def __init__(self, admission: Admission, key: str | None, address: str) -> None:
        self._admission = admission
        self._key = key
        self._address = address
        self._owed = 0
        self.principal: Principal | None = None
        """Who asks, as far as is known."""
        self.allowance: Allowance | None = None
        """What is left to who asks."""

    async def spend(self, cost: int) -> None:
        """Take a cost from the visitor; while a key is not looked up, it is owed.

        Raises:
            RateLimited: where that is more than is left.
        """
        if self.principal is not None:
            self.allowance = await self._admission.spend_as(self.principal, cost=cost)
        elif self._key is None:
            self.allowance = await self._admission.spend_as_stranger(self._address, cost=cost)
        else:
            self._owed += cost

    async def turn_away(self, cost: int) -> None:
        """Take a cost from a visitor who asked for nonsense, whoever it is."""
        if self.principal is None:
            self._key = None
        await self._settle(cost)

    async def identify(self) -> Principal:
        """Who asks.

        Raises:
            Unauthenticated, Unavailable: see ``Authenticator.authenticate``.
            RateLimited: where the key has no request left.
        """
        if self.principal is None:
            try:
                self.principal = await self._admission.identify(self._key)
            except Unauthenticated:
                if self._key is not None:
                    await self.turn_away(0)
                raise
            await self._settle(0)
        return self.principal

    async def _settle(self, cost: int) -> None:
        owed, self._owed = self._owed, 0
        await self.spend(owed + cost)


def _network(address: str) -> str:
    """The address, or the network of an IPv6 address: its host part is anybody's to choose."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((parsed, IPV6_NETWORK_BITS), strict=False))
    return address
