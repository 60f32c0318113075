"""Removing an organization with all that is its own."""

from collections.abc import Callable

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from call_analytics.db.admin.migrate import require_managed
from call_analytics.db.admin.organizations import OrganizationListing
from call_analytics.db.engine import Database, transaction
from call_analytics.db.errors import OperatorError
from call_analytics.db.models import Assistant, Call, Organization, User, UserApiKey

BATCH_CALLS = 10_000
"""Calls of one transaction, so that none is long."""


async def remove_organization(
    database: Database, organization: OrganizationListing, on_progress: Callable[[int], None]
) -> OrganizationListing:
    """Remove an organization, its users and their keys, its assistants and their calls.

    Keys go first, so that no client reads what is left; then the calls, in transactions of bounded
    length; and all the rest together with the last of them. Cut short at any point, it goes on
    when it is called again. ``on_progress`` gets the number of removed calls. What they have added
    to the rollups goes when these are folded. Returns what was removed.

    Raises:
        OperatorError: where the database is not a managed one, or the organization is gone.
    """
    organization_id = organization.organization_id
    keys = calls = 0
    while True:
        async with transaction(database) as connection:
            await require_managed(connection)
            assistant_ids = await _lock(connection, organization_id)
            keys += await _remove_keys(connection, organization_id)
            removed = await _remove_calls(connection, organization_id)
            is_last = removed < BATCH_CALLS
            if is_last:
                await _remove_rest(connection, organization_id)
        calls += removed
        on_progress(calls)
        if is_last:
            return organization._replace(assistants=len(assistant_ids), calls=calls, keys=keys)


async def _lock(connection: AsyncConnection, organization_id: int) -> list[int]:
    """Keep calls from being added until the transaction ends; returns the assistants.

    No call can be added to a locked assistant. The order is that of an import.
    """
    organization = select(Organization.id).where(Organization.id == organization_id)
    if await connection.scalar(organization.with_for_update()) is None:
        raise OperatorError("the organization has been removed")
    assistants = await connection.scalars(
        select(Assistant.id)
        .where(Assistant.organization_id == organization_id)
        .order_by(Assistant.id)
        .with_for_update()
    )
    return list(assistants)


async def _remove_keys(connection: AsyncConnection, organization_id: int) -> int:
    users = select(User.id).where(User.organization_id == organization_id)
    removed = await connection.execute(delete(UserApiKey).where(UserApiKey.user_id.in_(users)))
    return removed.rowcount


async def _remove_calls(connection: AsyncConnection, organization_id: int) -> int:
    """Remove as many calls as a transaction may; returns how many there were."""
    some = select(Call.id).where(Call.organization_id == organization_id).limit(BATCH_CALLS)
    is_its = Call.organization_id == organization_id  # ids alone do not lead to its partition
    removed = await connection.execute(delete(Call).where(is_its, Call.id.in_(some)))
    return removed.rowcount


async def _remove_rest(connection: AsyncConnection, organization_id: int) -> None:
    for model in (Assistant, User):
        await connection.execute(delete(model).where(model.organization_id == organization_id))
    await connection.execute(delete(Organization).where(Organization.id == organization_id))
