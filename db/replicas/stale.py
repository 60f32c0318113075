"""Why a replica does not answer."""

from call_analytics.db.errors import DatabaseUnavailable


class Stale(DatabaseUnavailable):
    """What a replica has is too old, or nobody knows how old it is."""
