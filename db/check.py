"""What an operator should know of a database before it serves: what is missing, what is slow."""

from typing import NamedTuple

from sqlalchemy import Connection, inspect, select
from sqlalchemy.engine.interfaces import ReflectedIndex
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from db.dialects import backend_of
from db.migrate import DatabaseState, database_state
from db.models import Base


class Finding(NamedTuple):
    """Something an operator should do, and how."""

    problem: str
    remedy: str
    """The exact command or SQL statement."""


class NeededIndex(NamedTuple):
    """An index without which a statement reads more than its own rows."""

    name: str
    table: str
    leading: tuple[str, ...]
    """Columns that the index must begin with, in this order."""
    carried: tuple[str, ...]
    """Columns that it must have besides, anywhere."""


NEEDED_INDEXES = (
    NeededIndex(
        "ix_calls_analytics", "calls", ("assistant_id", "started_at"), ("status", "duration")
    ),
    NeededIndex("ix_assistants_organization_id", "assistants", ("organization_id",), ()),
    NeededIndex("ix_user_api_keys_key_hash", "user_api_keys", ("key_hash",), ()),
)

STATES = {
    DatabaseState.EMPTY: Finding("the database has no tables", "call-analytics db upgrade"),
    DatabaseState.OUTDATED: Finding(
        "the tables are of an older release", "call-analytics db upgrade"
    ),
    DatabaseState.NEWER: Finding(
        "the tables are of a newer release", "install the release that made them"
    ),
}


async def check_database(connection: AsyncConnection) -> tuple[DatabaseState, list[Finding]]:
    """What the database is, and what should be done about it.

    The connection must not be in a transaction of its own, for what is forbidden is found by
    trying.
    """
    state = await database_state(connection)
    if state in STATES:
        return state, [STATES[state]]
    findings = await connection.run_sync(_missing)
    if not findings:
        findings = await _unreadable(connection)
        findings += await connection.run_sync(_missing_indexes)
    return state, findings


def _missing(connection: Connection) -> list[Finding]:
    inspector = inspect(connection)
    present = set(inspector.get_table_names())
    findings = []
    for name, table in Base.metadata.tables.items():
        columns = (
            {column["name"] for column in inspector.get_columns(name)} if name in present else set()
        )
        missing = [column.name for column in table.columns if column.name not in columns]
        if name not in present:
            findings.append(Finding(f"there is no table {name}", "point the service elsewhere"))
        elif missing:
            findings.append(
                Finding(
                    f"table {name} has no column {', '.join(missing)}",
                    "point the service at a database with the platform's schema",
                )
            )
    return findings


async def _unreadable(connection: AsyncConnection) -> list[Finding]:
    findings = []
    for name, table in Base.metadata.tables.items():
        try:
            await connection.execute(select(table).limit(0))
        except DBAPIError:
            user = connection.engine.url.username
            findings.append(
                Finding(f"table {name} cannot be read", f"GRANT SELECT ON {name} TO {user};")
            )
    return findings


def _missing_indexes(connection: Connection) -> list[Finding]:
    inspector = inspect(connection)
    create = backend_of(connection.dialect).create_index_online
    findings = []
    for needed in NEEDED_INDEXES:
        present = inspector.get_indexes(needed.table)
        unique = [
            tuple(constraint["column_names"])
            for constraint in inspector.get_unique_constraints(needed.table)
        ]
        if any(_serves(index, needed) for index in present) or needed.leading in unique:
            continue
        columns = ", ".join(needed.leading + needed.carried)
        findings.append(
            Finding(
                f"table {needed.table} has no index {needed.name}, so answers are slow",
                f"{create} {needed.name} ON {needed.table} ({columns});",
            )
        )
    return findings


def _serves(index: ReflectedIndex, needed: NeededIndex) -> bool:
    options = index.get("dialect_options", {})
    if options.get("postgresql_invalid") or options.get("postgresql_where"):
        return False
    keys = index["column_names"]
    carried = {*keys, *options.get("postgresql_include", [])}
    return tuple(keys[: len(needed.leading)]) == needed.leading and carried >= set(needed.carried)
