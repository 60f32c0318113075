"""Placement: where the calls of a managed database are, and their rollups beside them."""

from enum import Enum


class Placement(Enum):
    """In how many tables calls are; each table of the rollups is divided as they are."""

    TOGETHER = "one table"
    """In every attached database, too."""
    PARTITIONED = "partitions"
    """By a hash of the organization's id, in one database."""
    DISTRIBUTED = "shards"
    """The same, on the machines of a Citus cluster."""

    @property
    def keys_log(self) -> bool:
        """Whether rows of the rollups' log have their organization, as calls do.

        So the log, too, has all of an organization in one place. There an assistant that goes, or
        gets another organization, has had its calls deleted before, each noted under the
        organization it was of: nothing has to move.
        """
        return self is not Placement.TOGETHER
