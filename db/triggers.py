"""The tables and triggers of the rollups, in each database's own words.

The other half of the dialect seam: trigger bodies are programs that no common language describes.
What they sum is not repeated here; it is rendered from ``db.measures``.
"""

from typing import Any, Protocol

from sqlalchemy import ColumnElement, Dialect, Insert, Select, insert, literal_column
from sqlalchemy.dialects import sqlite

from db.measures import OF_ONE_CALL, Measure
from db.rollups import GRAINS, call_rollups

MEASURES = ", ".join(Measure)
WATCHED = "assistant_id, started_at, status, duration"
"""The columns of a call that its rollups depend on."""


class Triggers(Protocol):
    """One database's rollup tables and triggers."""

    def creation(self, dialect: Dialect, schema: str) -> list[str]:
        """The statements that create them, empty and not ready."""
        ...

    def removal(self) -> list[str]:
        """The statements that remove every trace of them."""
        ...

    def addition(self, rows: Select[Any]) -> Insert:
        """The statement that adds rows to the rollups."""
        ...

    patience: str | None
    """The statement after which the transaction does not queue for a lock that writers hold: who
    queues makes every later writer wait behind."""

    exclusion: str | None
    """The statement that tells whether, until the end of its transaction, this process alone may
    fill or repair; that may be long."""

    permission: str | None
    """The statement that tells whether this role may compact; None where there is no question."""

    compaction: str | None
    """The statement that merges the keys of the first ``:rows`` rows that wait for it, and tells
    how many rows it merged; None where keys never have more than one row."""

    waiting: str | None
    """The statement that counts the rows that wait; None where none ever does."""


class SQLiteTriggers:
    """There is one writer at a time, so each key has one row and is always compact."""

    patience: str | None = None
    exclusion: str | None = None
    permission: str | None = None
    compaction: str | None = None
    waiting: str | None = None

    def addition(self, rows: Select[Any]) -> Insert:
        addition = sqlite.insert(call_rollups).from_select(list(rows.selected_columns.keys()), rows)
        columns = call_rollups.c
        return addition.on_conflict_do_update(
            index_elements=["assistant_id", "grain", "bucket"],
            set_={measure: columns[measure] + addition.excluded[measure] for measure in Measure},
        )

    def creation(self, dialect: Dialect, schema: str) -> list[str]:
        del schema  # a file has but one
        columns = ", ".join(f"{measure} BIGINT NOT NULL" for measure in Measure)
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
            _sqlite_trigger("insert", "INSERT", _sqlite_addition(dialect, "NEW", "+")),
            _sqlite_trigger("delete", "DELETE", _sqlite_addition(dialect, "OLD", "-")),
            _sqlite_trigger(
                "update",
                f"UPDATE OF {WATCHED}",
                _sqlite_addition(dialect, "OLD", "-"),
                _sqlite_addition(dialect, "NEW", "+"),
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


def _sqlite_trigger(name: str, event: str, *additions: str) -> str:
    body = "\n".join(additions)
    return f"CREATE TRIGGER call_rollups_{name} AFTER {event} ON calls BEGIN\n{body}\nEND"


def _sqlite_addition(dialect: Dialect, row: str, sign: str) -> str:
    values = ", ".join(f"{sign}({value})" for value in _values(dialect, f"{row}."))
    sums = ", ".join(f"{measure} = {measure} + excluded.{measure}" for measure in Measure)
    moment: ColumnElement[object] = literal_column(f"{row}.started_at")
    additions = []
    for grain, bucket_of in GRAINS:
        bucket = bucket_of(moment).compile(dialect=dialect)
        additions.append(
            f"""
            INSERT INTO call_rollups (assistant_id, grain, bucket, {MEASURES})
            SELECT {row}.assistant_id, {grain}, {bucket}, {values}
            WHERE {row}.started_at IS NOT NULL
            ON CONFLICT (assistant_id, grain, bucket) DO UPDATE SET {sums};
            """
        )
    return "".join(additions)


# The sign is wide, for the negative of the smallest integer is none.
_INSERTED = f"SELECT 1::bigint AS sign, {WATCHED} FROM new_rows"
_DELETED = f"SELECT -1::bigint AS sign, {WATCHED} FROM old_rows"

# Who may read the calls may read their sums.
_GRANTS = """
DO $$ DECLARE reader oid; BEGIN
    FOR reader IN
        SELECT DISTINCT acl.grantee FROM pg_class, aclexplode(relacl) AS acl
        WHERE pg_class.oid = 'calls'::regclass AND acl.privilege_type = 'SELECT'
    LOOP
        EXECUTE format('GRANT SELECT ON call_rollups, call_rollups_state TO %s',
                       CASE reader WHEN 0 THEN 'PUBLIC' ELSE reader::regrole::text END);
    END LOOP;
END $$
"""

_COMPACTION = f"""
WITH alone AS MATERIALIZED (
    SELECT pg_try_advisory_xact_lock(hashtext('call_rollups compact')) AS is_alone
), waiting AS (
    SELECT DISTINCT assistant_id, grain, bucket
    FROM (
        SELECT assistant_id, grain, bucket FROM call_rollups
        WHERE NOT is_merged AND (SELECT is_alone FROM alone) LIMIT :rows
    ) AS first_rows
), gone AS (
    DELETE FROM call_rollups AS old USING waiting
    WHERE old.assistant_id = waiting.assistant_id
      AND old.grain = waiting.grain AND old.bucket = waiting.bucket
    RETURNING old.*
), merged AS (
    INSERT INTO call_rollups (assistant_id, grain, bucket, {MEASURES}, is_merged)
    SELECT assistant_id, grain, bucket, {", ".join(f"sum({measure})" for measure in Measure)}, true
    FROM gone
    GROUP BY assistant_id, grain, bucket
    HAVING {" OR ".join(f"sum({measure}) <> 0" for measure in Measure)}
)
SELECT count(*) FROM gone
"""


class PostgreSQLTriggers:
    """There are many writers at a time, so each appends rows of its own and waits for nobody."""

    patience: str | None = "SET LOCAL lock_timeout = '250ms'"
    exclusion: str | None = (
        "SELECT pg_try_advisory_xact_lock(hashtext('call_rollups fill')), "
        "set_config('idle_in_transaction_session_timeout', '0', true)"
    )
    permission: str | None = (
        "SELECT has_table_privilege('call_rollups', 'INSERT') "
        "AND has_table_privilege('call_rollups', 'DELETE')"
    )
    compaction: str | None = _COMPACTION
    waiting: str | None = "SELECT count(*) FROM call_rollups WHERE NOT is_merged"

    def addition(self, rows: Select[Any]) -> Insert:
        return insert(call_rollups).from_select(list(rows.selected_columns.keys()), rows)

    def creation(self, dialect: Dialect, schema: str) -> list[str]:
        columns = ", ".join(f"{measure} bigint NOT NULL" for measure in Measure)
        return [
            f"""
            CREATE TABLE call_rollups (
                assistant_id integer NOT NULL,
                grain smallint NOT NULL,
                bucket timestamp NOT NULL,
                {columns},
                is_merged boolean NOT NULL DEFAULT false
            )
            """,
            (
                "CREATE INDEX ix_call_rollups_key ON call_rollups (assistant_id, grain, bucket) "
                f"INCLUDE ({MEASURES})"
            ),
            (
                "CREATE INDEX ix_call_rollups_waiting "
                "ON call_rollups (assistant_id, grain, bucket) WHERE NOT is_merged"
            ),
            "CREATE TABLE call_rollups_state (is_ready boolean NOT NULL)",
            "INSERT INTO call_rollups_state VALUES (false)",
            # Taken at once with the right strength; the triggers below need it.
            "LOCK TABLE calls IN SHARE ROW EXCLUSIVE MODE",
            *_postgresql_trigger(
                schema,
                "insert",
                _postgresql_addition(dialect, _INSERTED),
                "REFERENCING NEW TABLE AS new_rows",
            ),
            *_postgresql_trigger(
                schema,
                "delete",
                _postgresql_addition(dialect, _DELETED),
                "REFERENCING OLD TABLE AS old_rows",
            ),
            *_postgresql_trigger(
                schema,
                "update",
                _postgresql_addition(dialect, f"{_INSERTED} UNION ALL {_DELETED}"),
                "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
            ),
            # What it removes no snapshot shows any more; DELETE would leave some of that behind.
            *_postgresql_trigger(schema, "truncate", "TRUNCATE call_rollups"),
            _GRANTS,
        ]

    def removal(self) -> list[str]:
        events = ("insert", "update", "delete", "truncate")
        return [
            *(f"DROP TRIGGER IF EXISTS call_rollups_{event} ON calls" for event in events),
            "DROP TABLE IF EXISTS call_rollups_state",
            "DROP TABLE IF EXISTS call_rollups",
            *(f"DROP FUNCTION IF EXISTS call_rollups_{event}()" for event in events),
        ]


def _postgresql_trigger(
    schema: str, event: str, body: str, transition_tables: str = ""
) -> list[str]:
    # The function belongs to who enables rollups, so that writers of calls need no privilege on
    # them; its search path is fixed, so that none can divert it.
    return [
        f"""
        CREATE FUNCTION call_rollups_{event}() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp
        AS $$ BEGIN {body}; RETURN NULL; END $$
        """,
        f"""
        CREATE TRIGGER call_rollups_{event} AFTER {event.upper()} ON calls {transition_tables}
        FOR EACH STATEMENT EXECUTE FUNCTION call_rollups_{event}()
        """,
    ]


def _postgresql_addition(dialect: Dialect, changed_rows: str) -> str:
    values = _values(dialect, "")
    sums = [f"sum(sign * {value})" for value in values]
    moment: ColumnElement[object] = literal_column("started_at")
    buckets = [(grain, bucket_of(moment).compile(dialect=dialect)) for grain, bucket_of in GRAINS]
    grains = ", ".join(f"({grain}::smallint, {bucket})" for grain, bucket in buckets)
    return f"""
        INSERT INTO call_rollups (assistant_id, grain, bucket, {MEASURES})
        SELECT assistant_id, grain, bucket, {", ".join(sums)}
        FROM ({changed_rows}) AS changed CROSS JOIN LATERAL (VALUES {grains}) AS g (grain, bucket)
        WHERE started_at IS NOT NULL
        GROUP BY assistant_id, grain, bucket
        HAVING {" OR ".join(f"{sum_} <> 0" for sum_ in sums)}
    """


def _values(dialect: Dialect, prefix: str) -> list[str]:
    """What one call adds to each measure, in SQL."""
    status: ColumnElement[object] = literal_column(f"{prefix}status")
    duration: ColumnElement[object] = literal_column(f"{prefix}duration")
    return [
        str(OF_ONE_CALL[measure](status, duration).compile(dialect=dialect)) for measure in Measure
    ]


TRIGGERS: dict[str, Triggers] = {"sqlite": SQLiteTriggers(), "postgresql": PostgreSQLTriggers()}
