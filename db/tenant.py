"""The tenant predicate: the one place that says which calls are an organization's."""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, bindparam, select
from sqlalchemy.orm import InstrumentedAttribute

from call_analytics.db.functions import among
from call_analytics.db.models import Assistant

ORGANIZATION = bindparam("organization_id", type_=BigInteger)
"""The organization that asks: the parameter of every statement that reads figures."""


def in_scope(assistant_id: ColumnElement[int] | InstrumentedAttribute[int]) -> ColumnElement[Any]:
    """Whether a row belongs to ``:organization_id``, by its assistant, who may be inactive."""
    assistants = select(Assistant.id).where(Assistant.organization_id == ORGANIZATION)
    return among(assistant_id, assistants.scalar_subquery())
