"""Organizations, and the user in each to whom the service's own additions belong."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Integer,
    Row,
    Select,
    func,
    insert,
    literal_column,
    select,
    true,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from call_analytics.db.errors import OperatorError
from call_analytics.db.models import Assistant, Call, Organization, User, UserApiKey
from call_analytics.db.names import name_problem
from call_analytics.db.tenant import in_scope, tenancy_of

SERVICE_USER_NAME = "Call Analytics"


class OrganizationListing(NamedTuple):
    """An organization as ``organizations list`` shows it."""

    organization_id: int
    slug: str
    name: str
    assistants: int
    calls: int
    keys: int
    """Revoked ones as well."""


async def list_organizations(connection: AsyncConnection) -> list[OrganizationListing]:
    """All organizations, by their slug."""
    rows = (await connection.execute(_listings().order_by(Organization.slug))).all()
    return await _with_calls(connection, rows, true())


async def organization_named(connection: AsyncConnection, name_or_id: str) -> OrganizationListing:
    """The one organization whose slug, name or id this is.

    Raises:
        OperatorError: where there is none, or more than one; the message lists those.
    """
    rows = await connection.execute(
        select(Organization.id, Organization.slug, Organization.name).order_by(Organization.slug)
    )
    found = [(id_, slug) for id_, slug, name in rows if name_or_id in (str(id_), slug, name)]
    if len(found) > 1:
        listed = ", ".join(f"{slug} with the id {id_}" for id_, slug in found)
        raise OperatorError(f"{name_or_id!r} is not one organization only: {listed}")
    if not found:
        raise OperatorError(
            f"there is no organization {name_or_id!r}; see: call-analytics organizations list"
        )
    is_it = Organization.id == found[0][0]
    its = (await connection.execute(_listings().where(is_it))).all()
    (listing,) = await _with_calls(connection, its, is_it)
    return listing


def _listings() -> "Select[tuple[int, str, str, int, int, int]]":
    """Organizations, whose calls are not counted."""
    assistants = (
        select(func.count())
        .select_from(Assistant)
        .where(Assistant.organization_id == Organization.id)
    )
    keys = (
        select(func.count())
        .select_from(UserApiKey)
        .join(User, User.id == UserApiKey.user_id)
        .where(User.organization_id == Organization.id)
    )
    return select(
        Organization.id,
        Organization.slug,
        Organization.name,
        assistants.scalar_subquery(),
        literal_column("0", Integer),
        keys.scalar_subquery(),
    )


async def _with_calls(
    connection: AsyncConnection, rows: Sequence[Row[Any]], condition: ColumnElement[bool]
) -> list[OrganizationListing]:
    """The same with it, which is counted in a statement that a Citus cluster can divide."""
    tenancy = await connection.run_sync(tenancy_of)
    counting = (
        select(Organization.id, func.count())
        .join(Call, in_scope(Call, tenancy, Organization.id))
        .where(condition)
        .group_by(Organization.id)
    )
    calls = dict((await connection.execute(counting)).all())
    listings = map(OrganizationListing._make, rows)
    return [one._replace(calls=calls.get(one.organization_id, 0)) for one in listings]


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


def require_name(text: str) -> None:
    """Refuse a text that cannot name an organization.

    Raises:
        OperatorError: saying why.
    """
    problem = name_problem(text, Organization.name.type.length)
    if problem is not None:
        raise OperatorError(f"the organization's name {problem}: {text!r:.80}")


async def create_organization(connection: AsyncConnection, slug: str, name: str) -> int:
    """Add an organization and return its id.

    Raises:
        OperatorError: where its slug or name is no name.
    """
    for text in (slug, name):
        require_name(text)
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
