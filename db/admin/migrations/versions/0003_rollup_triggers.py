"""Rollups that nobody can forge, and that make no write fail.

The functions of the triggers were open to everybody. What they have summed so far is summed anew,
without the timestamps that never count. Rollups that are off stay off.
"""

from alembic import op
from sqlalchemy import Connection, inspect

revision = "0003"
down_revision = "0002"

KEY = "assistant_id, grain, bucket"


def amounts(row: str) -> dict[str, str]:
    """What one call adds to each sum."""
    duration = f"coalesce({row}duration, 0)"
    return {
        "calls": "1",
        "completed": f"CASE WHEN ({row}status = 'completed') THEN 1 ELSE 0 END",
        "failed": f"CASE WHEN ({row}status = 'failed') THEN 1 ELSE 0 END",
        "ongoing": f"CASE WHEN ({row}status = 'ongoing') THEN 1 ELSE 0 END",
        "duration": duration,
        "completed_duration": f"CASE WHEN ({row}status = 'completed') THEN {duration} ELSE 0 END",
        "completed_timed": f"CASE WHEN ({row}status = 'completed' AND {row}duration != 0) "
        "THEN 1 ELSE 0 END",
    }


SUMS = ", ".join(amounts(""))


def fill(hour: str, day: str, counts: str) -> list[str]:
    """Sum all calls."""
    sums = ", ".join(f"sum({amount})" for amount in amounts("").values())
    return [
        "DELETE FROM call_rollups",
        *(
            f"""
            INSERT INTO call_rollups ({KEY}, {SUMS})
            SELECT assistant_id, {grain}, {bucket}, {sums} FROM calls
            WHERE {counts} GROUP BY assistant_id, {bucket}
            """
            for grain, bucket in ((1, hour), (24, day))
        ),
        "UPDATE call_rollups_state SET is_ready = true",
    ]


def sqlite_hour(moment: str) -> str:
    """The bucket of an hour."""
    return f"(substr({moment}, 1, 13) || ':00:00.000000')"


def sqlite_day(moment: str) -> str:
    """The bucket of a day."""
    return f"(substr({moment}, 1, 10) || ' 00:00:00.000000')"


def sqlite_counts(moment: str) -> str:
    """Whether a timestamp counts."""
    fraction = "[0-9]" * 6
    return (
        f"({moment} GLOB '????-??-?? ??:??:??.{fraction}' AND +{moment} >= '0001' "
        f"AND datetime(substr({moment}, 1, 19), '+0 days') = substr({moment}, 1, 19))"
    )


def sqlite_addition(row: str, sign: str) -> str:
    """Add a call to its hour and its day, or take it away."""
    moment = f"{row}.started_at"
    values = ", ".join(f"{sign}({amount})" for amount in amounts(f"{row}.").values())
    updates = ", ".join(f"{name} = {name} + excluded.{name}" for name in amounts(""))
    return " ".join(
        f"""
        INSERT INTO call_rollups ({KEY}, {SUMS})
        SELECT {row}.assistant_id, {grain}, {bucket}, {values}
        WHERE {row}.assistant_id IS NOT NULL AND {sqlite_counts(moment)}
        ON CONFLICT ({KEY}) DO UPDATE SET {updates};
        """
        for grain, bucket in ((1, sqlite_hour(moment)), (24, sqlite_day(moment)))
    )


def sqlite() -> list[str]:
    """The statements for SQLite."""
    added, removed = sqlite_addition("NEW", "+"), sqlite_addition("OLD", "-")
    watched = "assistant_id, started_at, status, duration"
    triggers = {
        "insert": f"INSERT ON calls BEGIN {added} END",
        "delete": f"DELETE ON calls BEGIN {removed} END",
        "update": f"UPDATE OF {watched} ON calls BEGIN {removed} {added} END",
    }
    moment = "started_at"
    return [
        *(f"DROP TRIGGER IF EXISTS call_rollups_{event}" for event in triggers),
        *(f"CREATE TRIGGER call_rollups_{name} AFTER {rest}" for name, rest in triggers.items()),
        *fill(sqlite_hour(moment), sqlite_day(moment), sqlite_counts(moment)),
    ]


POSTGRESQL_COUNTS = (
    "(started_at >= TIMESTAMP '0001-01-01' AND started_at < TIMESTAMP '10000-01-01')"
)
POSTGRESQL_HOUR = "CAST(date_trunc('hour', started_at) AS TIMESTAMP)"
POSTGRESQL_DAY = "CAST(date_trunc('day', started_at) AS TIMESTAMP)"

FUNCTION = """
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


def postgresql_addition(schema: str, changed: str) -> str:
    """Append what a statement changed."""
    sums = [f"sum(sign * {amount})" for amount in amounts("").values()]
    return f"""
        INSERT INTO {schema}.call_rollups ({KEY}, {SUMS})
        SELECT {KEY}, {", ".join(sums)}
        FROM ({changed}) AS changed
        CROSS JOIN LATERAL (
            VALUES (1::smallint, {POSTGRESQL_HOUR}), (24::smallint, {POSTGRESQL_DAY})
        ) AS g (grain, bucket)
        WHERE assistant_id IS NOT NULL AND {POSTGRESQL_COUNTS}
        GROUP BY {KEY}
        HAVING {" OR ".join(f"{sum_} <> 0" for sum_ in sums)}
    """


PRIVILEGES = """
DO $$ DECLARE
    home CONSTANT regnamespace := {schema_text};
    tables CONSTANT name[] := ARRAY['call_rollups', 'call_rollups_state', 'call_rollups_failures'];
    functions CONSTANT name[] := ARRAY['call_rollups_insert', 'call_rollups_update',
                                       'call_rollups_delete', 'call_rollups_truncate'];
    held record;
BEGIN
    FOR held IN
        SELECT 'TABLE ' || pg_class.oid::regclass AS thing, acl.grantee
        FROM pg_class, aclexplode(relacl) AS acl
        WHERE relnamespace = home AND relname = ANY (tables) AND acl.grantee <> relowner
        AND NOT (relname = 'call_rollups' AND acl.grantee <> 0)
        UNION
        SELECT 'FUNCTION ' || pg_proc.oid::regprocedure, acl.grantee
        FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) AS acl
        WHERE pronamespace = home AND proname = ANY (functions) AND acl.grantee <> proowner
    LOOP
        EXECUTE format('REVOKE ALL ON %s FROM %s', held.thing,
                       CASE held.grantee WHEN 0 THEN 'PUBLIC' ELSE held.grantee::regrole::text END);
    END LOOP;
    FOR held IN
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


def postgresql(schema: str, calls: int) -> list[str]:
    """The statements for PostgreSQL."""
    schema_text = "'" + schema.replace("'", "''") + "'"
    columns = "assistant_id, started_at, status, duration"
    inserted = f"SELECT 1::bigint AS sign, {columns} FROM new_rows"
    deleted = f"SELECT -1::bigint AS sign, {columns} FROM old_rows"
    old, new = "OLD TABLE AS old_rows", "NEW TABLE AS new_rows"
    triggers = {
        "insert": (postgresql_addition(schema, inserted), f"REFERENCING {new}"),
        "delete": (postgresql_addition(schema, deleted), f"REFERENCING {old}"),
        "update": (
            postgresql_addition(schema, f"{inserted} UNION ALL {deleted}"),
            f"REFERENCING {old} {new}",
        ),
        "truncate": (f"TRUNCATE {schema}.call_rollups", ""),
    }
    statements = [
        f"LOCK TABLE {schema}.calls IN SHARE ROW EXCLUSIVE MODE",
        *fill(POSTGRESQL_HOUR, POSTGRESQL_DAY, POSTGRESQL_COUNTS),
        f"ALTER TABLE {schema}.call_rollups ALTER assistant_id TYPE bigint",
        f"""
        ALTER TABLE {schema}.call_rollups_state
        ADD calls regclass NOT NULL DEFAULT ({schema_text} || '.calls')::regclass
        """,
        f"ALTER TABLE {schema}.call_rollups_state ALTER calls DROP DEFAULT",
        f"CREATE TABLE {schema}.call_rollups_failures (reason text NOT NULL)",
    ]
    for event, (body, referencing) in triggers.items():
        statements += [
            f"DROP FUNCTION IF EXISTS {schema}.call_rollups_{event}() CASCADE",
            FUNCTION.format(
                schema=schema, schema_text=schema_text, calls=calls, event=event, body=body
            ),
            f"""
            CREATE TRIGGER call_rollups_{event} AFTER {event.upper()} ON {schema}.calls
            {referencing}
            FOR EACH STATEMENT EXECUTE FUNCTION {schema}.call_rollups_{event}()
            """,
        ]
    return [*statements, PRIVILEGES.format(schema_text=schema_text)]


def upgrade() -> None:
    """Apply this revision."""
    connection = op.get_bind()
    if not inspect(connection).has_table("call_rollups"):
        return
    for statement in statements_for(connection):
        connection.exec_driver_sql(statement)


def statements_for(connection: Connection) -> list[str]:
    """The statements of a connection's database."""
    if connection.dialect.name == "sqlite":
        return sqlite()
    schema, calls = connection.exec_driver_sql(
        "SELECT quote_ident(nspname), pg_class.oid "
        "FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace "
        "WHERE pg_class.oid = 'calls'::regclass"
    ).one()
    return postgresql(schema, calls)
