"""Removing an organization with all that is its own."""

from collections.abc import Callable

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from call_analytics.db.admin.migrate import require_managed
from call_analytics.db.admin.organizations import OrganizationListing
from call_analytics.db.errors import OperatorError
from call_analytics.db.models import Assistant, Call, Organization, User, UserApiKey
from call_analytics.db.rollups.removal import have_rollups, lock_rollups, remove_rollups_of


async def remove_organization(
    connection: AsyncConnection,
    organization: OrganizationListing,
    on_progress: Callable[[int], None],
) -> OrganizationListing:
    """Remove an organization, its users and their keys, its assistants, their calls and rollups.

    All of it happens in the current transaction, so either everything goes or nothing.
    ``on_progress`` hears how many calls are removed. Returns what was removed.

    Raises:
        OperatorError: where the database is not a managed one, the organization is gone, or another
            process is changing the rollups.
    """
    await require_managed(connection)
    organization_id = organization.organization_id
    # In the order in which an import locks them; no call can be added to a locked assistant.
    own = select(Organization.id).where(Organization.id == organization_id)
    if await connection.scalar(own.with_for_update()) is None:
        raise OperatorError("the organization has been removed")
    assistants = await connection.scalars(
        select(Assistant.id)
        .where(Assistant.organization_id == organization_id)
        .order_by(Assistant.id)
        .with_for_update()
    )
    assistant_ids = list(assistants)
    are_rolled_up = await have_rollups(connection)
    if are_rolled_up:
        await lock_rollups(connection)
    calls = 0
    for assistant_id in assistant_ids:
        removed = await connection.execute(delete(Call).where(Call.assistant_id == assistant_id))
        calls += removed.rowcount
        on_progress(calls)
    if are_rolled_up:  # the triggers have just added to them
        await remove_rollups_of(connection, assistant_ids)
    users = select(User.id).where(User.organization_id == organization_id)
    keys = await connection.execute(delete(UserApiKey).where(UserApiKey.user_id.in_(users)))
    await connection.execute(delete(Assistant).where(Assistant.organization_id == organization_id))
    await connection.execute(delete(User).where(User.organization_id == organization_id))
    await connection.execute(delete(Organization).where(Organization.id == organization_id))
    return organization._replace(assistants=len(assistant_ids), calls=calls, keys=keys.rowcount)
