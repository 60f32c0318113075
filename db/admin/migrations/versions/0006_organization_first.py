"""Calls that are keyed by their organization.

Calls get the organization of their assistant, ids of 64 bits, a SID that is unique within its
organization, and indexes that begin with the organization.

On PostgreSQL calls go on being read and written meanwhile. Each step commits. A step that needs a
strong lock gives up soon where it must wait for it, for a waiting one blocks all that come after
it, and is tried again. Each step may be taken twice, so what was cut short goes on. SQLite copies
the table, in one transaction.

Rollups append to their log with less work, and have one index less there, on PostgreSQL; their sums
stay. The statements are in files, with a line ``--`` between two of them.
"""

import time
from pathlib import Path

from alembic import op
from alembic.util import CommandError
from sqlalchemy import Connection, inspect
from sqlalchemy.exc import DBAPIError

revision = "0006"
down_revision = "0005"

BATCH = 2_000
"""Calls in one transaction."""

LOCK_ATTEMPTS = 240
LOCK_PAUSE_SECONDS = 0.25

# Whoever is writing a call fills it in, so nobody waits for anybody here.
FILL = """
UPDATE calls SET organization_id = NULL
WHERE id IN (SELECT id FROM calls WHERE id > {after} AND id <= {last} AND organization_id IS NULL
             FOR NO KEY UPDATE SKIP LOCKED)
"""
LAST_OF_BATCH = """
SELECT max(id) FROM (SELECT id FROM calls WHERE id > {after} ORDER BY id LIMIT {batch}) AS batch
"""
IS_DONE = """
SELECT attnotnull FROM pg_attribute
WHERE attrelid = 'calls'::regclass AND attname = 'organization_id'
"""
ORPHANS = "SELECT count(*) FROM calls WHERE assistant_id NOT IN (SELECT id FROM assistants)"


def upgrade() -> None:
    """Apply this revision."""
    if op.get_bind().dialect.name == "sqlite":
        _upgrade_sqlite(op.get_bind())
        return
    with op.get_context().autocommit_block():
        _upgrade_postgresql(op.get_bind())


def _upgrade_sqlite(connection: Connection) -> None:
    _refuse_orphans(connection)
    # The first statement looks at the triggers that go with the old table.
    layout, *triggers = (
        _statements("0006_rollup_layout.sqlite.sql") if _rolls_up(connection) else [""]
    )
    calls = _statements("0006_organization_first.sqlite.sql")
    for statement in filter(None, [layout, *calls, *triggers]):
        connection.exec_driver_sql(statement)


def _upgrade_postgresql(connection: Connection) -> None:
    schema, calls = connection.exec_driver_sql(
        "SELECT quote_ident(nspname), calls.oid FROM pg_class AS calls "
        "JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE calls.oid = 'calls'::regclass"
    ).one()
    is_done = connection.exec_driver_sql(IS_DONE).scalar()
    statements = [] if is_done else _statements("0006_organization_first.postgresql.sql")
    if _rolls_up(connection):
        statements += _statements("0006_rollup_layout.postgresql.sql")
    for statement in statements:
        if statement == "FILL":
            _fill(connection)
        else:
            named = statement.replace("{schema}", schema).replace("{calls}", str(calls))
            _without_queueing(connection, named)


def _rolls_up(connection: Connection) -> bool:
    found = inspect(connection)
    return found.has_table("call_rollups_log") and found.has_table("call_rollups_state")


def _statements(name: str) -> list[str]:
    return Path(__file__).with_name(name).read_text().strip().split("\n--\n")


def _refuse_orphans(connection: Connection) -> None:
    """Other programs may have left calls behind: SQLite looks at references where it is told to."""
    count = connection.exec_driver_sql(ORPHANS).scalar_one()
    if count:
        raise CommandError(
            f"{count:,} calls belong to assistants that are not there; delete them, and try again: "
            "DELETE FROM calls WHERE assistant_id NOT IN (SELECT id FROM assistants);"
        )


def _fill(connection: Connection) -> None:
    """Give each call the organization of its assistant."""
    after = -(2**31) - 1
    while True:
        batch = LAST_OF_BATCH.format(after=after, batch=BATCH)
        last = connection.exec_driver_sql(batch).scalar()
        if last is None:
            return
        connection.exec_driver_sql(FILL.format(after=after, last=last))
        after = last


def _without_queueing(connection: Connection, statement: str) -> None:
    for _ in range(LOCK_ATTEMPTS):
        try:
            connection.exec_driver_sql(statement)
        except DBAPIError as error:
            if "lock timeout" not in str(error.orig):
                raise
            time.sleep(LOCK_PAUSE_SECONDS)
        else:
            return
    raise CommandError(
        "a transaction has been using the table calls all the time; end it, and try again"
    )
