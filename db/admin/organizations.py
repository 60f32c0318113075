"""Organizations, and the user in each to whom the service's own additions belong."""

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from call_analytics.db.errors import OperatorError
from call_analytics.db.models import Organization, User

SERVICE_USER_NAME = "Call Analytics"


async def organization_slugs(connection: AsyncConnection) -> list[str]:
    """The slugs of all organizations, in alphabetical order."""
    return list(await connection.scalars(select(Organization.slug).order_by(Organization.slug)))


async def find_organization(connection: AsyncConnection, slug: str) -> int:
    """The id of the organization with this slug.

    Raises:
        OperatorError: where there is none; the message lists those there are.
    """
    found = await connection.scalar(select(Organization.id).where(Organization.slug == slug))
    if found is not None:
        return found
    known = ", ".join(await organization_slugs(connection)) or "none yet"
    raise OperatorError(f"there is no organization {slug!r} (there are: {known})")


async def create_organization(connection: AsyncConnection, slug: str, name: str) -> int:
    """Add an organization and return its id."""
    result = await connection.execute(
        insert(Organization).values(slug=slug, name=name).returning(Organization.id)
    )
    return result.scalar_one()


async def service_user_id(connection: AsyncConnection, organization_id: int) -> int:
    """The id of the organization's user who owns what the service adds; made where missing."""
    found = await connection.scalar(
        select(User.id)
        .where(User.organization_id == organization_id, User.full_name == SERVICE_USER_NAME)
        .order_by(User.id)
        .limit(1)
    )
    if found is not None:
        return found
    result = await connection.execute(
        insert(User)
        .values(
            organization_id=organization_id,
            email=f"call-analytics@organization-{organization_id}.invalid",
            full_name=SERVICE_USER_NAME,
        )
        .returning(User.id)
    )
    return result.scalar_one()
