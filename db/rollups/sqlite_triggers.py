"""Rollups on SQLite.

A trigger here cannot catch an error, so what makes it fail makes the write fail. Little can: every
column takes any value, and a column that a trigger names cannot be dropped.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Dialect, Insert, Select, literal_column
from sqlalchemy.dialects import sqlite

from call_analytics.db.catalogs import Relation
from call_analytics.db.dialects import is_instant
from call_analytics.db.figures.measures import MEASURES, amounts_of_one_call
from call_analytics.db.rollups.grains import STORED_GRAINS
from call_analytics.db.rollups.layout import SUMS, WATCHED, call_rollups

_READINESS = """
SELECT is_ready AND 3 = (
    SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'calls'
    AND name IN ('call_rollups_insert', 'call_rollups_update', 'call_rollups_delete')
) FROM call_rollups_state
"""


class SQLiteTriggers:
    """There is one writer at a time, so each key has one row and is always compact."""

    tables: Sequence[str] = ("call_rollups", "call_rollups_state")
    readiness = _READINESS
    diagnosis = f"""
    SELECT CASE WHEN ({_READINESS}) THEN 'READY' WHEN is_ready THEN 'DETACHED' ELSE 'FILLING' END,
        NULL
    FROM call_rollups_state
    """
    lock_timeout: str | None = None
    fill_lock: str | None = None
    permission: str | None = None
    compaction: str | None = None
    compaction_lock: str | None = None
    waiting: str | None = None

    def addition(self, rows: Select[Any]) -> Insert:
        addition = sqlite.insert(call_rollups).from_select(list(rows.selected_columns.keys()), rows)
        columns = call_rollups.c
        return addition.on_conflict_do_update(
            index_elements=["assistant_id", "grain", "bucket"],
            set_={
                measure.name: columns[measure.name] + addition.excluded[measure.name]
                for measure in MEASURES
            },
        )

    def creation(self, dialect: Dialect, calls: Relation) -> list[str]:
        del calls  # there is no other of that name
        columns = ", ".join(f"{measure} BIGINT NOT NULL" for measure in MEASURES)
        return [
            f"""
            CREATE TABLE call_rollups (
                assistant_id INTEGER NOT NULL,
                grain SMALLINT NOT NULL,
                bucket DATETIME NOT NULL,
                {columns},
                PRIMARY KEY (assistant_id, grain, bucket)
            ) WITHOUT ROWID
            """,
            "CREATE TABLE call_rollups_state (is_ready BOOLEAN NOT NULL)",
            "INSERT INTO call_rollups_state VALUES (0)",
            _trigger("insert", "INSERT", _addition(dialect, "NEW", "+")),
            _trigger("delete", "DELETE", _addition(dialect, "OLD", "-")),
            _trigger(
                "update",
                f"UPDATE OF {WATCHED}",
                _addition(dialect, "OLD", "-"),
                _addition(dialect, "NEW", "+"),
            ),
        ]

    def removal(self) -> list[str]:
        return [
            "DROP TRIGGER IF EXISTS call_rollups_insert",
            "DROP TRIGGER IF EXISTS call_rollups_update",
            "DROP TRIGGER IF EXISTS call_rollups_delete",
            "DROP TABLE IF EXISTS call_rollups",
            "DROP TABLE IF EXISTS call_rollups_state",
        ]


def _trigger(name: str, event: str, *additions: str) -> str:
    body = "\n".join(additions)
    return f"CREATE TRIGGER call_rollups_{name} AFTER {event} ON calls BEGIN\n{body}\nEND"


def _addition(dialect: Dialect, row: str, sign: str) -> str:
    values = ", ".join(f"{sign}({amount})" for amount in amounts_of_one_call(dialect, f"{row}."))
    sums = ", ".join(f"{measure} = {measure} + excluded.{measure}" for measure in MEASURES)
    moment: ColumnElement[object] = literal_column(f"{row}.started_at")
    counts = is_instant(moment).compile(dialect=dialect)
    additions = []
    for grain in reversed(STORED_GRAINS):
        bucket = grain.bucket_of(moment).compile(dialect=dialect)
        additions.append(
            f"""
            INSERT INTO call_rollups (assistant_id, grain, bucket, {SUMS})
            SELECT {row}.assistant_id, {grain.number}, {bucket}, {values}
            WHERE {row}.assistant_id IS NOT NULL AND {counts}
            ON CONFLICT (assistant_id, grain, bucket) DO UPDATE SET {sums};
            """
        )
    return "".join(additions)
