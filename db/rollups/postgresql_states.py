"""What state the rollups are in on PostgreSQL, in SQL."""

from collections.abc import Sequence

from call_analytics.db.placement import Placement
from call_analytics.db.rollups.layout import LAYOUT

PARTITIONS_OF_CALLS = "SELECT inhrelid FROM pg_inherits WHERE inhparent = 'calls'::regclass"


class States:
    """The statements about the triggers of these names on ``calls`` and on ``assistants``."""

    def __init__(self, of_calls: Sequence[str], of_assistants: Sequence[str]) -> None:
        together = f"""{_IS_MARKED}
AND {_are_there(of_calls, "= 'calls'::regclass")}
AND {_are_there(of_assistants, "= 'assistants'::regclass")}
AND NOT EXISTS (SELECT FROM pg_inherits
                WHERE inhrelid IN ('calls'::regclass, 'assistants'::regclass)
                OR inhparent IN ('calls'::regclass, 'assistants'::regclass))
"""
        tree = f"IN (SELECT 'calls'::regclass UNION ALL {PARTITIONS_OF_CALLS})"
        # The log still has as many partitions as calls had. One that has gone lacks its triggers,
        # and so does one that has come.
        parts = "(SELECT 1 + count(*) FROM pg_inherits "
        parts += "WHERE inhparent = 'call_rollups_log'::regclass)"
        partitioned = f"""{_IS_MARKED}
AND {_are_there(of_calls, tree, times=parts)}
AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = 'calls'::regclass)
"""
        self.readiness = {
            Placement.TOGETHER: together,
            Placement.PARTITIONED: partitioned,
            Placement.DISTRIBUTED: _READINESS_OF_ONE,
        }
        self.diagnosis = {
            placement: _DIAGNOSIS.format(layout=LAYOUT, readiness=readiness)
            for placement, readiness in self.readiness.items()
        } | {
            Placement.DISTRIBUTED: _DISTRIBUTED_DIAGNOSIS.format(
                layout=LAYOUT, are_there=_are_there(of_calls, "= 'calls'::regclass")
            )
        }


# Besides notes: the triggers are on these tables and no others, whose rows are written as their
# own.
_IS_MARKED = f"""
(SELECT is_ready AND layout = {LAYOUT} AND calls = 'calls'::regclass
 AND assistants = 'assistants'::regclass FROM call_rollups_state)
AND NOT EXISTS (SELECT FROM call_rollups_failures)"""

_DIAGNOSIS = """
SELECT CASE
    WHEN layout <> {layout} THEN 'OUTDATED'
    WHEN EXISTS (SELECT FROM call_rollups_failures) THEN 'FAILED'
    WHEN {readiness} THEN 'READY'
    WHEN is_ready THEN 'DETACHED'
    ELSE 'FILLING'
END, (SELECT reason FROM call_rollups_failures LIMIT 1)
FROM call_rollups_state
"""


# Part of the one task of an answer, so it asks no catalog: numbers of tables differ by machine.
_READINESS_OF_ONE = f"""
(SELECT is_ready AND layout = {LAYOUT} FROM call_rollups_state)
AND NOT EXISTS (SELECT FROM call_rollups_failures WHERE organization_id = {{organization}})
"""

# Of this machine only, so that it is known while another is dead.
_DISTRIBUTED_DIAGNOSIS = """
SELECT CASE
    WHEN layout <> {layout} THEN 'OUTDATED'
    WHEN is_ready AND are_there THEN 'READY'
    WHEN is_ready THEN 'DETACHED'
    ELSE 'FILLING'
END, NULL
FROM call_rollups_state CROSS JOIN (SELECT {are_there} AS are_there) AS triggers
"""

FAILURE = "SELECT reason FROM call_rollups_failures LIMIT 1"


def _are_there(triggers: Sequence[str], tables: str, times: str = "1") -> str:
    names = ", ".join(f"'{name}'" for name in triggers)
    return f"""{len(triggers)} * {times} = (
    SELECT count(*) FROM pg_trigger WHERE tgrelid {tables}
    AND tgenabled IN ('O', 'A') AND tgname IN ({names})
)"""
