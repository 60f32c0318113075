"""Organizations: what each says of itself."""

from typing import NamedTuple

from sqlalchemy import func, literal_column, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from call_analytics.db.models import Assistant, Organization
from call_analytics.db.tenant import ORGANIZATION


class StoredAssistant(NamedTuple):
    """An assistant of an organization."""

    id: int
    name: str
    is_active: bool


class StoredOrganization(NamedTuple):
    """An organization."""

    id: int
    name: str
    assistants: tuple[StoredAssistant, ...]
    """Ascending by id; none where they were not asked for."""


async def read_organization(
    connection: AsyncConnection, organization_id: int, *, with_assistants: bool
) -> StoredOrganization | None:
    """An organization, in one statement; None where there is none."""
    name = func.coalesce(Organization.name, literal_column("''")).label("organization_name")
    statement = select(name).where(Organization.id == ORGANIZATION)
    if with_assistants:
        statement = (
            statement.add_columns(
                Assistant.id,
                func.coalesce(Assistant.name, literal_column("''")).label("name"),
                func.coalesce(Assistant.is_active, true()).label("is_active"),
            )
            .outerjoin(Assistant, Assistant.organization_id == Organization.id)
            .order_by(Assistant.id)
        )
    rows = (await connection.execute(statement, {"organization_id": organization_id})).all()
    if not rows:
        return None
    assistants = (
        tuple(
            StoredAssistant(row.id, row.name, row.is_active) for row in rows if row.id is not None
        )
        if with_assistants
        else ()
    )
    return StoredOrganization(organization_id, rows[0].organization_name, assistants)
