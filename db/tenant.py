"""The tenant predicate: the one place that says which calls are an organization's.

Databases differ here and nowhere else. See ``Tenancy``.
"""

from enum import Enum
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, and_, bindparam, select
from sqlalchemy.orm import InstrumentedAttribute

from call_analytics.db.catalogs import catalog_of
from call_analytics.db.functions import among
from call_analytics.db.models import Assistant, Organization

ORGANIZATION = bindparam("organization_id", type_=BigInteger)
"""The organization that asks: the parameter of every statement that reads figures."""


class Tenancy(Enum):
    """How a database says whose a call is."""

    BY_ORGANIZATION = "organization"
    """Each call has its organization: in a managed database."""
    BY_ASSISTANT = "assistant"
    """Each call has an assistant, who has an organization: in every database, and the only way in
    an attached one, or in one that an older release left."""


def in_scope(
    rows: Any,  # noqa: ANN401 - the columns of a table
    tenancy: Tenancy,
    organization_id: ColumnElement[Any] | InstrumentedAttribute[int] = ORGANIZATION,
    *,
    among_ids: Select[tuple[int]] | None = None,
) -> ColumnElement[Any]:
    """Whether a row belongs to an organization; its assistant may be inactive.

    ``rows`` are the columns of a table that has ``assistant_id``, and ``organization_id`` where
    that is the tenancy. Where ids are given, only rows of these assistants do.
    """
    if tenancy is Tenancy.BY_ORGANIZATION:
        is_its: ColumnElement[Any] = rows.organization_id == organization_id
        if among_ids is None:
            return is_its
        return and_(is_its, among(rows.assistant_id, among_ids.scalar_subquery()))
    assistants = select(Assistant.id).where(Assistant.organization_id == organization_id)
    if among_ids is not None:
        assistants = assistants.where(among(Assistant.id, among_ids.scalar_subquery()))
    return among(rows.assistant_id, assistants.correlate_except(Assistant).scalar_subquery())


def is_of_assistant(
    rows: Any,  # noqa: ANN401 - the columns of a table
    tenancy: Tenancy,
    assistant_id: ColumnElement[int],
) -> ColumnElement[Any]:
    """Whether a row belongs to an assistant."""
    is_its: ColumnElement[Any] = rows.assistant_id == assistant_id
    if tenancy is Tenancy.BY_ASSISTANT:
        return is_its
    organization = select(Assistant.organization_id).where(Assistant.id == assistant_id)
    return and_(rows.organization_id == organization.scalar_subquery(), is_its)


def is_of_anybody(
    rows: Any,  # noqa: ANN401 - the columns of a table
    tenancy: Tenancy,
) -> ColumnElement[Any]:
    """Whether a row belongs to any organization; indexes lead to those that do."""
    if tenancy is Tenancy.BY_ORGANIZATION:
        return among(rows.organization_id, select(Organization.id).scalar_subquery())
    return among(rows.assistant_id, select(Assistant.id).scalar_subquery())


def tenancy_of(connection: Connection) -> Tenancy:
    """What calls have in this database."""
    is_keyed = catalog_of(connection).are_keyed(connection)
    return Tenancy.BY_ORGANIZATION if is_keyed else Tenancy.BY_ASSISTANT
