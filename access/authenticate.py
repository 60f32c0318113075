"""Authentication: from an API key to the organization whose figures it opens."""

from functools import partial
from time import monotonic
from typing import Literal, NamedTuple, TypeAlias

from cachetools import TTLCache

from call_analytics.access.errors import Unauthenticated
from call_analytics.access.rate_limits import RateLimits
from call_analytics.db.admin.keys import hash_key, key_owner
from call_analytics.db.admin.ownership import is_managed
from call_analytics.db.errors import expected_errors
from call_analytics.db.replicas.servers import REPLICA, Servers

KNOWN_KEYS = 10_000
KNOWN_SECONDS = 3_600

KeyRateLimits: TypeAlias = Literal["auto", "on", "off"]
"""Whether the limits that are stored with keys hold. ``auto``: only in a managed database."""


class Principal(NamedTuple):
    """The key that asks, and the one organization that it may see."""

    key_id: int
    organization_id: int
    rate_limits: RateLimits


class KnownKey(NamedTuple):
    """A key that was valid when it was last looked up."""

    principal: Principal
    is_fresh: bool
    """Whether the look-up is so recent that another one is not needed."""


class Authenticator:
    """Finds the principal of a request's key. A valid key stays valid for ``cache_seconds``.

    Only valid keys are remembered, by their hash. So a new key works at once, and invented keys
    take no memory. A replica may be too old to have it, so the primary is asked for those that are
    unknown there; that a key was revoked is known as late as a replica may be old.
    ``default_limits`` are for keys without limits.
    """

    def __init__(
        self,
        servers: Servers,
        *,
        cache_seconds: float,
        default_limits: RateLimits,
        key_rate_limits: KeyRateLimits = "auto",
    ) -> None:
        self._servers = servers
        self._cache_seconds = cache_seconds
        self._default_limits = default_limits
        # None until it is known: the database may not answer when the server starts.
        self._honours_key_limits = {"auto": None, "on": True, "off": False}[key_rate_limits]
        # The hash of each key, with its principal and the time of the look-up.
        self._known: TTLCache[str, tuple[Principal, float]] = TTLCache(
            KNOWN_KEYS, ttl=KNOWN_SECONDS, timer=monotonic
        )

    def known(self, key: str) -> KnownKey | None:
        """What is known of a key, if it was valid within the last hour.

        The database is not asked.
        """
        found = self._known.get(hash_key(key))
        if found is None:
            return None
        principal, looked_up_at = found
        return KnownKey(principal, monotonic() - looked_up_at < self._cache_seconds)

    async def authenticate(self, key: str | None) -> Principal:
        """The principal of a request's key. The key is None where the request has none.

        Raises:
            Unauthenticated: where the key is missing, unknown or revoked, or its user or
                organization is not active; the error does not say which.
            Unavailable, Overloaded: where the database cannot be asked.
        """
        if key is None:
            raise Unauthenticated
        known = self.known(key)
        return known.principal if known and known.is_fresh else await self._look_up(key)

    async def _look_up(self, key: str) -> Principal:
        key_hash = hash_key(key)
        find = partial(key_owner, key_hash=key_hash)
        with expected_errors():
            owner, origin = await self._servers.read(find)
            if owner is None and origin is not None and origin.server == REPLICA:
                owner, _ = await self._servers.primary.read(find)
            if owner is None:
                self._known.pop(key_hash, None)
                raise Unauthenticated
            limits = self._default_limits
            if owner.rate_limit and await self._honours():
                limits = limits.overridden(owner.rate_limit)
        principal = Principal(owner.key_id, owner.organization_id, limits)
        self._known[key_hash] = principal, monotonic()
        return principal

    async def _honours(self) -> bool:
        if self._honours_key_limits is None:
            self._honours_key_limits = (await self._servers.read(is_managed))[0]
        return self._honours_key_limits
