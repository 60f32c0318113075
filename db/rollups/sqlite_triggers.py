"""Rollups on SQLite.

A trigger here cannot catch an error, so what makes it fail makes the write fail. Little can: every
column takes any value, and a column that a trigger names cannot be dropped.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, Dialect, literal_column

from call_analytics.db.catalogs import Relation
from call_analytics.db.figures.measures import MEASURES, amounts_of_one_call
from call_analytics.db.functions import is_instant
from call_analytics.db.placement import Placement
from call_analytics.db.rollups.grains import QUARTER_HOUR
from call_analytics.db.rollups.layout import (
    COLUMNS,
    LAYOUT,
    OLD_TABLES,
    SUMS,
    WATCHED,
    columns_of,
)

TRIGGERS = {
    "call_rollups_insert": "INSERT ON calls",
    "call_rollups_update": f"UPDATE OF {WATCHED} ON calls",
    "call_rollups_delete": "DELETE ON calls",
    "assistant_rollups_update": "UPDATE OF id, organization_id ON assistants",
    "assistant_rollups_delete": "DELETE ON assistants",
}
"""What each trigger comes after."""

_NAMES = ", ".join(f"'{name}'" for name in TRIGGERS)

_READINESS = f"""
SELECT is_ready AND layout = {LAYOUT} AND {len(TRIGGERS)} = (
    SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name IN ({_NAMES})
    AND tbl_name IN ('calls', 'assistants')
) FROM call_rollups_state
"""

_DIAGNOSIS = f"""
SELECT CASE WHEN layout <> {LAYOUT} THEN 'OUTDATED' WHEN ({_READINESS}) THEN 'READY'
    WHEN is_ready THEN 'DETACHED' ELSE 'FILLING' END, NULL
FROM call_rollups_state
"""

_LEFT = """
    INSERT INTO call_rollups_moves (organization_id, assistant_id)
    SELECT OLD.organization_id, OLD.id WHERE OLD.organization_id IS NOT NULL
"""


class SQLiteTriggers:
    """There is one writer at a time."""

    lock_timeout: str | None = None
    fill_lock: str | None = None
    folding_locks: Sequence[str] = ()
    lacking_to_create: str | None = None
    lacking_to_read: str | None = None
    lacking_to_fold: str | None = None
    readers_that_cannot_fold: str | None = None

    def tables(self, placement: Placement) -> Mapping[str, Sequence[str]]:
        return columns_of(placement)

    def readiness(self, placement: Placement) -> str:
        del placement  # there is one
        return _READINESS

    def diagnosis(self, placement: Placement) -> str:
        del placement
        return _DIAGNOSIS

    def failure(self, placement: Placement) -> str | None:
        del placement
        return None

    def creation(
        self, dialect: Dialect, watched: Mapping[str, Relation], placement: Placement
    ) -> list[str]:
        del watched, placement  # there are no others of these names
        sums = ", ".join(f"{measure} BIGINT NOT NULL" for measure in MEASURES)
        added, removed = _appending(dialect, "NEW", "+"), _appending(dialect, "OLD", "-")
        bodies = {
            "call_rollups_insert": added,
            "call_rollups_update": f"{removed} {added}",
            "call_rollups_delete": removed,
            "assistant_rollups_update": f"{_LEFT} AND (OLD.id IS NOT NEW.id "
            "OR OLD.organization_id IS NOT NEW.organization_id);",
            "assistant_rollups_delete": f"{_LEFT};",
        }
        return [
            f"""
            CREATE TABLE call_rollups_log (
                id INTEGER PRIMARY KEY,
                assistant_id INTEGER NOT NULL,
                bucket DATETIME NOT NULL,
                {sums}
            )
            """,
            "CREATE INDEX ix_call_rollups_log_key ON call_rollups_log (assistant_id, bucket)",
            f"""
            CREATE TABLE call_rollups_assistants (
                organization_id INTEGER NOT NULL,
                grain SMALLINT NOT NULL,
                bucket DATETIME NOT NULL,
                assistant_id INTEGER NOT NULL,
                {sums},
                PRIMARY KEY (organization_id, grain, bucket, assistant_id)
            ) WITHOUT ROWID
            """,
            """
            CREATE INDEX ix_call_rollups_assistants_assistant
            ON call_rollups_assistants (assistant_id)
            """,
            f"""
            CREATE TABLE call_rollups_organizations (
                organization_id INTEGER NOT NULL,
                grain SMALLINT NOT NULL,
                bucket DATETIME NOT NULL,
                {sums},
                PRIMARY KEY (organization_id, grain, bucket)
            ) WITHOUT ROWID
            """,
            """
            CREATE TABLE call_rollups_moves (
                organization_id INTEGER NOT NULL,
                assistant_id INTEGER NOT NULL
            )
            """,
            "CREATE TABLE call_rollups_state (is_ready BOOLEAN NOT NULL, layout INTEGER NOT NULL)",
            f"INSERT INTO call_rollups_state VALUES (0, {LAYOUT})",
            *(
                f"CREATE TRIGGER {name} AFTER {event} BEGIN {bodies[name]} END"
                for name, event in TRIGGERS.items()
            ),
        ]

    def removal(self, placement: Placement) -> list[str]:
        del placement
        return [
            *(f"DROP TRIGGER IF EXISTS {name}" for name in TRIGGERS),
            *(f"DROP TABLE IF EXISTS {table}" for table in (*COLUMNS, *OLD_TABLES)),
        ]


def _appending(dialect: Dialect, row: str, sign: str) -> str:
    values = ", ".join(f"{sign}({amount})" for amount in amounts_of_one_call(dialect, f"{row}."))
    moment: ColumnElement[object] = literal_column(f"{row}.started_at")
    return f"""
        INSERT INTO call_rollups_log (assistant_id, bucket, {SUMS})
        SELECT {row}.assistant_id, {QUARTER_HOUR.bucket_of(moment).compile(dialect=dialect)},
            {values}
        WHERE {row}.assistant_id IS NOT NULL AND {is_instant(moment).compile(dialect=dialect)};
    """
