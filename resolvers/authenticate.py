"""Who asks: from an API key to the organization whose figures it opens."""

from collections.abc import Awaitable, Callable
from time import monotonic
from typing import NamedTuple, TypeAlias

from cachetools import TTLCache

from db.engine import Database
from db.keys import find_key_owner, hash_key
from resolvers.errors import Unauthenticated, unavailability_told

CACHED_KEYS = 10_000


class Principal(NamedTuple):
    """Who asks: a key, and the organization that it may see and no other."""

    key_id: int
    organization_id: int


Authenticate: TypeAlias = Callable[[str | None], Awaitable[Principal]]
"""Turns the key of a request (None where it has none) into its principal.

Raises:
    Unauthenticated: where the key is missing, unknown or revoked, or its user or organization is
        not active; nothing tells which.
    Unavailable: where the database cannot say.
"""


def authenticator(database: Database, *, cache_seconds: float) -> Authenticate:
    """An ``Authenticate`` that believes a key it found valid for up to ``cache_seconds``.

    Only valid keys are remembered, by their hash, so a new key works at once and nobody can fill
    the memory with invented ones.
    """
    known: TTLCache[str, Principal] = TTLCache(CACHED_KEYS, ttl=cache_seconds, timer=monotonic)

    async def authenticate(key: str | None) -> Principal:
        if key is None:
            raise Unauthenticated
        key_hash = hash_key(key)
        principal = known.get(key_hash)
        if principal is None:
            with unavailability_told():
                owner = await find_key_owner(key_hash, database=database)
            if owner is None:
                raise Unauthenticated
            principal = known[key_hash] = Principal(owner.key_id, owner.organization_id)
        return principal

    return authenticate
