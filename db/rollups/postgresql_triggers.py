"""Rollups on PostgreSQL.

The functions of the triggers act for the role that turned rollups on, so that writers of ``calls``
need no privilege on them. So everything in them is named with its schema, nothing is found through
a search path, no other role may execute them, and they refuse every table but ``calls`` itself.

A function does not make a write fail. Where it cannot do its work it notes why, and the write goes
on: rollups with such a note are not read. A note is a row of its own, so that no writer waits for
another to make one.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Dialect, Insert, Select, insert, literal_column

from call_analytics.db.catalogs import Relation
from call_analytics.db.dialects import is_instant
from call_analytics.db.figures.measures import MEASURES, amounts_of_one_call
from call_analytics.db.rollups.grains import STORED_GRAINS
from call_analytics.db.rollups.layout import SUMS, WATCHED, call_rollups

EVENTS = ("insert", "update", "delete", "truncate")
_NAMES = ", ".join(f"'call_rollups_{event}'" for event in EVENTS)

# Besides notes: the triggers are on this table and no other, and its rows are written as its own.
_READINESS = f"""
(SELECT is_ready AND calls = 'calls'::regclass FROM call_rollups_state)
AND NOT EXISTS (SELECT FROM call_rollups_failures)
AND {len(EVENTS)} = (
    SELECT count(*) FROM pg_trigger WHERE tgrelid = 'calls'::regclass
    AND tgenabled IN ('O', 'A') AND tgname IN ({_NAMES})
)
AND NOT EXISTS (SELECT FROM pg_inherits
                WHERE inhrelid = 'calls'::regclass OR inhparent = 'calls'::regclass)
"""

_DIAGNOSIS = f"""
SELECT CASE
    WHEN EXISTS (SELECT FROM call_rollups_failures) THEN 'FAILED'
    WHEN {_READINESS} THEN 'READY'
    WHEN is_ready THEN 'DETACHED'
    ELSE 'FILLING'
END, (SELECT reason FROM call_rollups_failures LIMIT 1)
FROM call_rollups_state
"""

# Owners may have given others more than that on whatever they make, by default privileges.
_PRIVILEGES = """
DO $$ DECLARE
    home CONSTANT regnamespace := {schema_text};
    tables CONSTANT name[] := ARRAY['call_rollups', 'call_rollups_state', 'call_rollups_failures'];
    held record;
BEGIN
    FOR held IN
        SELECT 'TABLE ' || pg_class.oid::regclass AS thing, acl.grantee
        FROM pg_class, aclexplode(relacl) AS acl
        WHERE relnamespace = home AND relname = ANY (tables) AND acl.grantee <> relowner
        UNION
        SELECT 'FUNCTION ' || pg_proc.oid::regprocedure, acl.grantee
        FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) AS acl
        WHERE pronamespace = home AND proname IN ({functions}) AND acl.grantee <> proowner
    LOOP
        EXECUTE format('REVOKE ALL ON %s FROM %s', held.thing,
                       CASE held.grantee WHEN 0 THEN 'PUBLIC' ELSE held.grantee::regrole::text END);
    END LOOP;
    FOR held IN  -- who may read the calls may read their sums
        SELECT DISTINCT summed.oid::regclass AS thing, acl.grantee
        FROM pg_class AS read, aclexplode(read.relacl) AS acl, pg_class AS summed
        WHERE read.relnamespace = home AND read.relname = 'calls' AND acl.privilege_type = 'SELECT'
        AND summed.relnamespace = home AND summed.relname = ANY (tables)
    LOOP
        EXECUTE format('GRANT SELECT ON %s TO %s', held.thing,
                       CASE held.grantee WHEN 0 THEN 'PUBLIC' ELSE held.grantee::regrole::text END);
    END LOOP;
END $$
"""

_COMPACTION = f"""
WITH merge_lock AS MATERIALIZED (
    SELECT pg_try_advisory_xact_lock(hashtext('call_rollups compact')) AS is_held
), waiting AS (
    SELECT DISTINCT assistant_id, grain, bucket
    FROM (
        SELECT assistant_id, grain, bucket FROM call_rollups
        WHERE NOT is_merged AND (SELECT is_held FROM merge_lock) LIMIT :rows
    ) AS first_rows
), gone AS (
    DELETE FROM call_rollups AS old USING waiting
    WHERE old.assistant_id = waiting.assistant_id
      AND old.grain = waiting.grain AND old.bucket = waiting.bucket
    RETURNING old.*
), merged AS (
    INSERT INTO call_rollups (assistant_id, grain, bucket, {SUMS}, is_merged)
    SELECT assistant_id, grain, bucket, {", ".join(f"sum({measure})" for measure in MEASURES)}, true
    FROM gone
    GROUP BY assistant_id, grain, bucket
    HAVING {" OR ".join(f"sum({measure}) <> 0" for measure in MEASURES)}
)
SELECT count(*) FROM gone
"""

# The sign is wide, for the negative of the smallest integer is none.
_INSERTED = f"SELECT 1::bigint AS sign, {WATCHED} FROM new_rows"
_DELETED = f"SELECT -1::bigint AS sign, {WATCHED} FROM old_rows"

# The table is recognised by what every snapshot shows: by its id, for its name may change, and by
# its name, for a restored copy has another id. OTHERS is not a cancelled query, which ends as it
# should. One note is enough: it goes when the triggers do, and so after all transactions that have
# seen it.
_FUNCTION = """
CREATE FUNCTION {schema}.call_rollups_{event}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
AS $$
DECLARE
    failures regclass;
BEGIN
    IF TG_RELID <> {calls} AND TG_RELID IS DISTINCT FROM to_regclass({schema_text} || '.calls') THEN
        RAISE insufficient_privilege USING MESSAGE = 'only triggers of the table calls may do this';
    END IF;
    BEGIN
        {body};
    EXCEPTION WHEN OTHERS THEN
        IF SQLSTATE LIKE '40%' THEN
            RAISE;  -- a deadlock, or a transaction that must be run again
        END IF;
        failures := to_regclass({schema_text} || '.call_rollups_failures');
        IF failures IS NULL THEN  -- the schema has a new name
            SELECT pg_class.oid INTO failures
            FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid
            JOIN pg_class ON relnamespace = pronamespace AND relname = 'call_rollups_failures'
            WHERE tgrelid = TG_RELID AND tgname = TG_NAME;
        END IF;
        IF failures IS NOT NULL THEN  -- where it has been dropped, rollups are not read either
            EXECUTE format('INSERT INTO %1$s SELECT $1 WHERE NOT EXISTS (SELECT FROM %1$s)',
                           failures) USING SQLERRM;
        END IF;
    END;
    RETURN NULL;
END
$$
"""


class PostgreSQLTriggers:
    """There are many writers at a time, so each appends its own rows and waits for no other."""

    tables: Sequence[str] = ("call_rollups", "call_rollups_state", "call_rollups_failures")
    readiness = _READINESS
    diagnosis = _DIAGNOSIS
    lock_timeout: str | None = "SET LOCAL lock_timeout = '250ms'"
    fill_lock: str | None = (
        "SELECT pg_try_advisory_xact_lock(hashtext('call_rollups fill')), "
        "set_config('idle_in_transaction_session_timeout', '0', true)"
    )
    permission: str | None = (
        "SELECT has_table_privilege('call_rollups', 'INSERT') "
        "AND has_table_privilege('call_rollups', 'DELETE')"
    )
    compaction: str | None = _COMPACTION
    compaction_lock: str | None = "SELECT pg_advisory_xact_lock(hashtext('call_rollups compact'))"
    waiting: str | None = "SELECT count(*) FROM call_rollups WHERE NOT is_merged"

    def addition(self, rows: Select[Any]) -> Insert:
        return insert(call_rollups).from_select(list(rows.selected_columns.keys()), rows)

    def creation(self, dialect: Dialect, calls: Relation) -> list[str]:
        schema = calls.schema
        columns = ", ".join(f"{measure} bigint NOT NULL" for measure in MEASURES)
        schema_text = _literal(schema)
        old, new = "OLD TABLE AS old_rows", "NEW TABLE AS new_rows"
        changed = f"{_INSERTED} UNION ALL {_DELETED}"
        return [
            f"""
            CREATE TABLE {schema}.call_rollups (
                assistant_id bigint NOT NULL,
                grain smallint NOT NULL,
                bucket timestamp NOT NULL,
                {columns},
                is_merged boolean NOT NULL DEFAULT false
            )
            """,
            f"""
            CREATE INDEX ix_call_rollups_key
            ON {schema}.call_rollups (assistant_id, grain, bucket) INCLUDE ({SUMS})
            """,
            f"""
            CREATE INDEX ix_call_rollups_waiting
            ON {schema}.call_rollups (assistant_id, grain, bucket) WHERE NOT is_merged
            """,
            f"""
            CREATE TABLE {schema}.call_rollups_state (
                is_ready boolean NOT NULL,
                calls regclass NOT NULL
            )
            """,
            f"""
            INSERT INTO {schema}.call_rollups_state
            VALUES (false, ({schema_text} || '.calls')::regclass)
            """,
            f"CREATE TABLE {schema}.call_rollups_failures (reason text NOT NULL)",
            # Taken at once with the right strength; the triggers below need it.
            f"LOCK TABLE {schema}.calls IN SHARE ROW EXCLUSIVE MODE",
            *_trigger(calls, "insert", _addition(dialect, schema, _INSERTED), new),
            *_trigger(calls, "delete", _addition(dialect, schema, _DELETED), old),
            *_trigger(calls, "update", _addition(dialect, schema, changed), f"{old} {new}"),
            # What it removes no snapshot shows any more; DELETE would leave some of that behind.
            *_trigger(calls, "truncate", f"TRUNCATE {schema}.call_rollups"),
            _PRIVILEGES.format(schema_text=schema_text, functions=_NAMES),
        ]

    def removal(self) -> list[str]:
        return [
            # With their triggers, wherever those are: calls may have another name now.
            *(f"DROP FUNCTION IF EXISTS call_rollups_{event}() CASCADE" for event in EVENTS),
            "DROP TABLE IF EXISTS call_rollups",
            "DROP TABLE IF EXISTS call_rollups_state",
            "DROP TABLE IF EXISTS call_rollups_failures",
        ]


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _trigger(calls: Relation, event: str, body: str, transition_tables: str = "") -> list[str]:
    schema = calls.schema
    referencing = transition_tables and f"REFERENCING {transition_tables}"
    return [
        _FUNCTION.format(
            schema=schema, schema_text=_literal(schema), calls=calls.oid, event=event, body=body
        ),
        f"""
        CREATE TRIGGER call_rollups_{event} AFTER {event.upper()} ON {schema}.calls {referencing}
        FOR EACH STATEMENT EXECUTE FUNCTION {schema}.call_rollups_{event}()
        """,
    ]


def _addition(dialect: Dialect, schema: str, changed_rows: str) -> str:
    sums = [f"sum(sign * {amount})" for amount in amounts_of_one_call(dialect)]
    moment: ColumnElement[object] = literal_column("started_at")
    grains = ", ".join(
        f"({grain.number}::smallint, {grain.bucket_of(moment).compile(dialect=dialect)})"
        for grain in reversed(STORED_GRAINS)
    )
    return f"""
            INSERT INTO {schema}.call_rollups (assistant_id, grain, bucket, {SUMS})
            SELECT assistant_id, grain, bucket, {", ".join(sums)}
            FROM ({changed_rows}) AS changed
            CROSS JOIN LATERAL (VALUES {grains}) AS g (grain, bucket)
            WHERE assistant_id IS NOT NULL AND {is_instant(moment).compile(dialect=dialect)}
            GROUP BY assistant_id, grain, bucket
            HAVING {" OR ".join(f"{sum_} <> 0" for sum_ in sums)}
    """
