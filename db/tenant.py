"""The tenant predicate: the one place that says which calls are an organization's."""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, bindparam, select
from sqlalchemy.orm import InstrumentedAttribute

from call_analytics.db.functions import among
from call_analytics.db.models import Assistant

ORGANIZATION = bindparam("organization_id", type_=BigInteger)
"""The organization that asks: the parameter of every statement that reads figures."""


def in_scope(
    assistant_id: ColumnElement[int] | InstrumentedAttribute[int],
    among_ids: Select[tuple[int]] | None = None,
) -> ColumnElement[Any]:
    """Whether a row belongs to ``:organization_id``, by its assistant, who may be inactive.

    Where ids are given, only rows of these assistants do.
    """
    assistants = select(Assistant.id).where(Assistant.organization_id == ORGANIZATION)
    if among_ids is not None:
        assistants = assistants.where(among(Assistant.id, among_ids.scalar_subquery()))
    return among(assistant_id, assistants.scalar_subquery())
