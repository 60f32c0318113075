"""Who asks: from an API key to the organization whose figures it opens."""

from time import monotonic
from typing import NamedTuple

from cachetools import TTLCache

from db.engine import Database
from db.keys import find_key_owner, hash_key
from resolvers.errors import Unauthenticated, unavailability_told
from resolvers.rate_limits import RateLimits

CACHED_KEYS = 10_000
REGULAR_SECONDS = 3_600


class Principal(NamedTuple):
    """Who asks: a key, and the organization that it may see and no other."""

    key_id: int
    organization_id: int
    rate_limits: RateLimits


class Authenticator:
    """Turns the key of a request into its principal; believes one for up to ``cache_seconds``.

    Only valid keys are remembered, by their hash, so a new key works at once and nobody can fill
    the memory with invented ones. ``default_limits`` are those of keys that have none themselves.
    """

    def __init__(
        self, database: Database, *, cache_seconds: float, default_limits: RateLimits
    ) -> None:
        self._database = database
        self._default_limits = default_limits
        self._known: TTLCache[str, Principal] = TTLCache(
            CACHED_KEYS, ttl=cache_seconds, timer=monotonic
        )
        self._regulars: TTLCache[str, bool] = TTLCache(
            CACHED_KEYS, ttl=REGULAR_SECONDS, timer=monotonic
        )

    def remembered(self, key: str) -> Principal | None:
        """The principal of a key that was found valid just before; the database is not asked."""
        return self._known.get(hash_key(key))

    def is_regular(self, key: str) -> bool:
        """Whether a key was valid when it was last looked up, not long ago."""
        return hash_key(key) in self._regulars

    async def authenticate(self, key: str | None) -> Principal:
        """The principal of a request's key; None where it has none.

        Raises:
            Unauthenticated: where the key is missing, unknown or revoked, or its user or
                organization is not active; nothing tells which.
            Unavailable: where the database cannot say.
        """
        if key is None:
            raise Unauthenticated
        key_hash = hash_key(key)
        principal = self._known.get(key_hash)
        if principal is None:
            with unavailability_told():
                owner = await find_key_owner(key_hash, database=self._database)
            if owner is None:
                self._regulars.pop(key_hash, None)
                raise Unauthenticated
            self._regulars[key_hash] = True
            principal = self._known[key_hash] = Principal(
                owner.key_id,
                owner.organization_id,
                self._default_limits.overridden(owner.rate_limit),
            )
        return principal
