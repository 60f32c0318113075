"""The shape of a database: what statements about its calls depend on, besides its dialect."""

from typing import NamedTuple

from sqlalchemy import Connection

from call_analytics.db.catalogs import placement_of
from call_analytics.db.placement import Placement
from call_analytics.db.tenant import Tenancy, tenancy_of


class Shape(NamedTuple):
    """Whose calls are, and where."""

    tenancy: Tenancy
    placement: Placement


def shape_of(connection: Connection) -> Shape:
    """The shape of this database."""
    return Shape(tenancy_of(connection), placement_of(connection))
