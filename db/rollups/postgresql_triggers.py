"""Rollups on PostgreSQL.

The functions of the triggers act for the role that turned rollups on, so that writers of ``calls``
need no privilege on them. So everything in them is named with its schema, nothing is found through
a search path, no other role may execute them, and they refuse every table but their own.

A function does not make a write fail. Where it cannot do its work it notes why, and the write goes
on: rollups with such a note are not read. A note is a row of its own, so that no writer waits for
another to make one.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Dialect, literal_column

from call_analytics.db.catalogs import Relation
from call_analytics.db.figures.measures import MEASURES, amounts_of_one_call
from call_analytics.db.functions import is_instant
from call_analytics.db.rollups.grains import QUARTER_HOUR
from call_analytics.db.rollups.layout import COLUMNS, FOLDED, LAYOUT, OLD_TABLES, SUMS, WATCHED
from call_analytics.db.rollups.postgresql_functions import FUNCTION
from call_analytics.db.rollups.postgresql_privileges import (
    PRIVILEGES,
    lacking_to_create,
    lacking_to_fold,
    lacking_to_read,
    readers_that_cannot_fold,
)

TABLES = {
    **COLUMNS,
    "call_rollups_state": (*COLUMNS["call_rollups_state"], "calls", "assistants"),
    "call_rollups_failures": ("reason",),
    "call_rollups_heartbeat": ("beat_at",),
}
EVENTS = {
    "calls": ("insert", "update", "delete", "truncate"),
    "assistants": ("update", "delete", "truncate"),
}
"""What is watched, of each table."""


class Watched(NamedTuple):
    """An event of a table that has a trigger."""

    table: str
    event: str

    @property
    def name(self) -> str:
        """The name of the trigger, and of its function."""
        return f"{'call' if self.table == 'calls' else 'assistant'}_rollups_{self.event}"


WATCHED_EVENTS = [Watched(table, event) for table, events in EVENTS.items() for event in events]
_FUNCTIONS = [event.name for event in WATCHED_EVENTS]
_FOLDED = [table.name for table in FOLDED]
_WRITTEN = (*_FOLDED, "call_rollups_heartbeat")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(_literal, names))


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _triggers_of(table: str) -> str:
    names = [watched.name for watched in WATCHED_EVENTS if watched.table == table]
    return f"""{len(names)} = (
    SELECT count(*) FROM pg_trigger WHERE tgrelid = '{table}'::regclass
    AND tgenabled IN ('O', 'A') AND tgname IN ({_listed(names)})
)"""


# Besides notes: the triggers are on these tables and no others, whose rows are written as their
# own.
_READINESS = f"""
(SELECT is_ready AND layout = {LAYOUT} AND calls = 'calls'::regclass
 AND assistants = 'assistants'::regclass FROM call_rollups_state)
AND NOT EXISTS (SELECT FROM call_rollups_failures)
AND {_triggers_of("calls")}
AND {_triggers_of("assistants")}
AND NOT EXISTS (SELECT FROM pg_inherits
                WHERE inhrelid IN ('calls'::regclass, 'assistants'::regclass)
                OR inhparent IN ('calls'::regclass, 'assistants'::regclass))
"""

_DIAGNOSIS = f"""
SELECT CASE
    WHEN layout <> {LAYOUT} THEN 'OUTDATED'
    WHEN EXISTS (SELECT FROM call_rollups_failures) THEN 'FAILED'
    WHEN {_READINESS} THEN 'READY'
    WHEN is_ready THEN 'DETACHED'
    ELSE 'FILLING'
END, (SELECT reason FROM call_rollups_failures LIMIT 1)
FROM call_rollups_state
"""

# The sign is wide, for the negative of the smallest integer is none.
_UPDATED = f"""(SELECT 1::bigint AS sign, {WATCHED} FROM new_rows
                  UNION ALL SELECT -1::bigint AS sign, {WATCHED} FROM old_rows) AS changed"""

# An UPDATE that names its columns has no transition tables, so each statement is looked at.
_LEFT = """
        INSERT INTO {schema}.call_rollups_moves (organization_id, assistant_id)
        SELECT organization_id, id FROM old_rows WHERE organization_id IS NOT NULL
"""
_STILL_THERE = " EXCEPT SELECT organization_id, id FROM new_rows"
_NOTHING_LEFT = "RAISE 'the table assistants was truncated'"

_OLD, _NEW = "OLD TABLE AS old_rows", "NEW TABLE AS new_rows"
_TRANSITION_TABLES = {
    "insert": f"REFERENCING {_NEW}",
    "update": f"REFERENCING {_OLD} {_NEW}",
    "delete": f"REFERENCING {_OLD}",
    "truncate": "",
}


class PostgreSQLTriggers:
    """There are many writers at a time, so each appends its own rows and waits for no other."""

    tables: Mapping[str, Sequence[str]] = TABLES
    readiness = _READINESS
    diagnosis = _DIAGNOSIS
    lock_timeout: str | None = "SET LOCAL lock_timeout = '250ms'"
    fill_lock: str | None = (
        "SELECT pg_try_advisory_xact_lock(hashtext('call_rollups fill')), "
        "set_config('idle_in_transaction_session_timeout', '0', true)"
    )
    # An advisory lock would come after the snapshot of the statement that takes it. The second lock
    # is not on the log, for VACUUM takes that lock too.
    folding_locks: Sequence[str] = (
        f"LOCK TABLE {', '.join(_FOLDED)} IN ROW EXCLUSIVE MODE",
        "LOCK TABLE call_rollups_moves IN SHARE UPDATE EXCLUSIVE MODE",
    )
    lacking_to_create: str | None = lacking_to_create(TABLES, _FUNCTIONS)
    lacking_to_read: str | None = lacking_to_read(TABLES)
    lacking_to_fold: str | None = lacking_to_fold(_WRITTEN)
    readers_that_cannot_fold: str | None = readers_that_cannot_fold(_WRITTEN)

    def creation(self, dialect: Dialect, watched: Mapping[str, Relation]) -> list[str]:
        calls, assistants = watched["calls"], watched["assistants"]
        schema = calls.schema
        sums = ", ".join(f"{measure} bigint NOT NULL" for measure in MEASURES)
        log = f"{schema}.call_rollups_log"
        bodies = {
            ("calls", "insert"): _appending(dialect, log, "new_rows", "sum({})"),
            ("calls", "update"): _appending(dialect, log, _UPDATED, "sum(sign * {})")
            + _having(dialect),
            ("calls", "delete"): _appending(dialect, log, "old_rows", "-sum({})"),
            # What it removes no snapshot shows any more; DELETE would leave some of that behind.
            # Readers lock these tables after ``calls``, too, so nobody waits for good.
            ("calls", "truncate"): f"""
                TRUNCATE {log}, {schema}.call_rollups_assistants,
                {schema}.call_rollups_organizations
            """,
            ("assistants", "update"): _LEFT.format(schema=schema) + _STILL_THERE,
            ("assistants", "delete"): _LEFT.format(schema=schema),
            ("assistants", "truncate"): _NOTHING_LEFT,
        }
        return [
            f"""
            CREATE TABLE {log} (
                id bigint GENERATED ALWAYS AS IDENTITY,
                assistant_id bigint NOT NULL,
                bucket timestamp NOT NULL,
                {sums}
            ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000)
            """,
            # Writers pay for every index, so there is no other.
            f"CREATE INDEX ix_call_rollups_log_key ON {log} (assistant_id, bucket)",
            f"""
            CREATE TABLE {schema}.call_rollups_assistants (
                organization_id bigint NOT NULL,
                grain smallint NOT NULL,
                bucket timestamp NOT NULL,
                assistant_id bigint NOT NULL,
                {sums},
                PRIMARY KEY (organization_id, grain, bucket, assistant_id)
            )
            """,
            f"""
            CREATE INDEX ix_call_rollups_assistants_assistant
            ON {schema}.call_rollups_assistants (assistant_id)
            """,
            f"""
            CREATE TABLE {schema}.call_rollups_organizations (
                organization_id bigint NOT NULL,
                grain smallint NOT NULL,
                bucket timestamp NOT NULL,
                {sums},
                PRIMARY KEY (organization_id, grain, bucket)
            )
            """,
            f"""
            CREATE TABLE {schema}.call_rollups_moves (
                organization_id bigint NOT NULL,
                assistant_id bigint NOT NULL
            )
            """,
            f"""
            CREATE TABLE {schema}.call_rollups_state (
                is_ready boolean NOT NULL,
                layout integer NOT NULL,
                calls regclass NOT NULL,
                assistants regclass NOT NULL
            )
            """,
            f"""
            INSERT INTO {schema}.call_rollups_state
            VALUES (false, {LAYOUT}, {_literal(_path(calls))}::regclass,
                    {_literal(_path(assistants))}::regclass)
            """,
            f"CREATE TABLE {schema}.call_rollups_failures (reason text NOT NULL)",
            f"CREATE TABLE {schema}.call_rollups_heartbeat (beat_at timestamptz NOT NULL)",
            f"INSERT INTO {schema}.call_rollups_heartbeat VALUES ('-infinity')",
            # A published table without a key takes no changes otherwise.
            *(
                f"ALTER TABLE {schema}.{table} REPLICA IDENTITY FULL"
                for table in (
                    *("call_rollups_log", "call_rollups_moves"),
                    *("call_rollups_state", "call_rollups_heartbeat"),
                )
            ),
            *(
                statement
                for event in WATCHED_EVENTS
                for statement in _trigger(event, schema, watched[event.table], bodies[event])
            ),
            PRIVILEGES.format(
                schema_text=_literal(schema), tables=_listed(TABLES), functions=_listed(_FUNCTIONS)
            ),
        ]

    def removal(self) -> list[str]:
        return [
            # With their triggers, wherever those are: their tables may have other names now.
            *(f"DROP FUNCTION IF EXISTS {name}() CASCADE" for name in _FUNCTIONS),
            *(f"DROP TABLE IF EXISTS {table}" for table in (*TABLES, *OLD_TABLES)),
        ]


def _path(relation: Relation) -> str:
    return f"{relation.schema}.{relation.name}"


def _trigger(event: Watched, schema: str, table: Relation, body: str) -> list[str]:
    function = FUNCTION.format(
        schema=schema,
        schema_text=_literal(schema),
        name=event.name,
        oid=table.oid,
        table=table.name,
        table_text=_literal(_path(table)),
        body=body,
    )
    return [
        function,
        f"""
        CREATE TRIGGER {event.name} AFTER {event.event.upper()} ON {_path(table)}
        {_TRANSITION_TABLES[event.event]}
        FOR EACH STATEMENT EXECUTE FUNCTION {schema}.{event.name}()
        """,
    ]


def _appending(dialect: Dialect, log: str, changed: str, total: str) -> str:
    """Append what a statement changed, given its rows and how an amount of a row is added up."""
    totals = map(total.format, amounts_of_one_call(dialect))
    moment: ColumnElement[object] = literal_column("started_at")
    bucket = QUARTER_HOUR.bucket_of(moment).compile(dialect=dialect)
    return f"""
            INSERT INTO {log} (assistant_id, bucket, {SUMS})
            SELECT assistant_id, {bucket}, {", ".join(totals)}
            FROM {changed}
            WHERE assistant_id IS NOT NULL AND {is_instant(moment).compile(dialect=dialect)}
            GROUP BY 1, 2
    """


def _having(dialect: Dialect) -> str:
    """Nothing is appended where an update changed nothing that counts."""
    amounts = amounts_of_one_call(dialect)
    return f"HAVING {' OR '.join(f'sum(sign * {amount}) <> 0' for amount in amounts)}"
