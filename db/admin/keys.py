"""API keys: made, listed, revoked and found by their hash. The key itself is never stored."""

import hashlib
import secrets
import string
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, insert, null, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from call_analytics.db.admin.organizations import find_organization, service_user_id
from call_analytics.db.catalogs import catalog_of
from call_analytics.db.errors import OperatorError
from call_analytics.db.models import Organization, User, UserApiKey

KEY_PREFIX = "burki_"
KEY_ALPHABET = string.ascii_lowercase + string.digits
KEY_LENGTH = 32
SHOWN_PREFIX_LENGTH = 12


class KeyOwner(NamedTuple):
    """What a valid key opens."""

    key_id: int
    organization_id: int
    rate_limit: dict[str, Any] | None
    """What the key's column says; the service that made the key knows what it means."""


class KeyListing(NamedTuple):
    """A key as ``keys list`` shows it."""

    key_id: int
    prefix: str
    name: str
    organization_slug: str
    is_active: bool
    created_at: datetime | None
    """None where it is not known, as is the next."""
    last_used_at: datetime | None


_FIND_KEY_OWNER = (
    select(UserApiKey.id, User.organization_id, UserApiKey.rate_limit)
    .join(User, User.id == UserApiKey.user_id)
    .join(Organization, Organization.id == User.organization_id)
    .where(
        UserApiKey.key_hash == bindparam("key_hash"),
        UserApiKey.is_active,
        User.is_active,
        Organization.is_active,
    )
)


def hash_key(key: str) -> str:
    """The stored form of a key: SHA-256 of all of it, in lower-case hex."""
    return hashlib.sha256(key.encode()).hexdigest()


def generate_key() -> str:
    """A new random key: ``burki_`` and 32 characters of ``[a-z0-9]``."""
    return KEY_PREFIX + "".join(secrets.choice(KEY_ALPHABET) for _ in range(KEY_LENGTH))


async def key_owner(connection: AsyncConnection, key_hash: str) -> KeyOwner | None:
    """The owner of a key whose key, user and organization are all active, or None."""
    row = (await connection.execute(_FIND_KEY_OWNER, {"key_hash": key_hash})).first()
    return None if row is None else KeyOwner._make(row)


async def create_key(connection: AsyncConnection, organization_slug: str, name: str) -> str:
    """Make a key for an organization and return it: the only time it is seen.

    Raises:
        OperatorError: where there is no such organization.
    """
    organization_id = await find_organization(connection, organization_slug)
    key = generate_key()
    await connection.execute(
        insert(UserApiKey).values(
            user_id=await service_user_id(connection, organization_id),
            name=name,
            key_hash=hash_key(key),
            key_prefix=f"{key[:SHOWN_PREFIX_LENGTH]}...",
        )
    )
    return key


async def list_keys(connection: AsyncConnection) -> list[KeyListing]:
    """All keys, by organization and age."""
    relations = await connection.run_sync(lambda sync: catalog_of(sync).relations(sync))
    readable = next(
        relation.readable
        for relation in relations
        if relation.name == UserApiKey.__tablename__ and relation.is_visible
    )
    dates = [
        column if column.name in readable else null()
        for column in (UserApiKey.created_at, UserApiKey.last_used_at)
    ]
    rows = await connection.execute(
        select(
            UserApiKey.id,
            UserApiKey.key_prefix,
            UserApiKey.name,
            Organization.slug,
            UserApiKey.is_active,
            *dates,
        )
        .join(User, User.id == UserApiKey.user_id)
        .join(Organization, Organization.id == User.organization_id)
        .order_by(Organization.slug, UserApiKey.id)
    )
    return [KeyListing._make(row) for row in rows]


async def revoke_key(connection: AsyncConnection, key_id: int) -> KeyListing:
    """Make a key invalid for good.

    Raises:
        OperatorError: where there is no such key.
    """
    for listing in await list_keys(connection):
        if listing.key_id == key_id:
            await connection.execute(
                update(UserApiKey).where(UserApiKey.id == key_id).values(is_active=False)
            )
            return listing
    raise OperatorError(f"there is no key {key_id}; see: call-analytics keys list")
