"""What an operator should know of a database before it serves: what is missing, what is slow."""

from typing import NamedTuple

from sqlalchemy import Connection, func, inspect, literal_column, not_, select
from sqlalchemy.engine.interfaces import ReflectedIndex

from call_analytics.db.admin.migrate import DatabaseState, database_state
from call_analytics.db.admin.obstacles import Finding, barriers, misfits, refused_connection
from call_analytics.db.catalogs import catalog_of, unwatchable
from call_analytics.db.dialects import backend_of
from call_analytics.db.engine import Database, connect
from call_analytics.db.functions import is_instant
from call_analytics.db.models import Assistant, Call
from call_analytics.db.rollups.state import RollupState, rollup_condition
from call_analytics.db.tenant import Tenancy, is_of_anybody, tenancy_of


class NeededIndex(NamedTuple):
    """An index without which a statement reads more than its own rows."""

    name: str
    table: str
    leading: tuple[str, ...]
    """Columns that the index must begin with, in this order."""
    carried: tuple[str, ...]
    """Columns that it must have besides, anywhere."""


CALL_INDEXES = {
    Tenancy.BY_ORGANIZATION: (
        NeededIndex(
            "ix_calls_organization_started",
            "calls",
            ("organization_id", "started_at", "id"),
            ("assistant_id", "status", "duration"),
        ),
        NeededIndex(
            "ix_calls_organization_assistant",
            "calls",
            ("organization_id", "assistant_id", "started_at"),
            (),
        ),
    ),
    Tenancy.BY_ASSISTANT: (
        NeededIndex(
            "ix_calls_analytics", "calls", ("assistant_id", "started_at"), ("status", "duration")
        ),
    ),
}
OTHER_INDEXES = (
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


LARGEST_GRAPHQL_INT = 2**31 - 1
CREATE_INDEX = "CREATE INDEX"
"""A partitioned table knows no other way."""


async def check_database(database: Database) -> tuple[DatabaseState, list[Finding]]:
    """What the database is, and what should be done about it.

    Raises:
        DatabaseUnavailable: where it does not answer.
    """
    refusal = await refused_connection(database)
    if refusal is not None:
        return DatabaseState.HIDDEN, [refusal]
    async with connect(database) as connection:
        state = await database_state(connection)
        if state in STATES:
            return state, [STATES[state]]
        findings = await connection.run_sync(misfits)
        if findings:
            return state, findings
        barred = await connection.run_sync(barriers)
        findings = barred + await connection.run_sync(_missing_indexes)
        if barred:
            return state, findings
        findings += await connection.run_sync(_odd_rows)
    return state, findings + await _unread_rollups(database)


def _odd_rows(connection: Connection) -> list[Finding]:
    """Rows that do not count, or that not every answer can hold."""
    findings = []
    odd = (
        is_of_anybody(Call, tenancy_of(connection))
        & Call.started_at.is_not(None)
        & not_(is_instant(Call.started_at))
    )
    count = connection.scalar(select(func.count()).select_from(Call).where(odd))
    if count:
        listing = select(Call.id, Call.started_at).where(odd).compile(dialect=connection.dialect)
        findings.append(
            Finding(
                f"started_at of {count:,} calls is no time of the years 1 to 9999 "
                "in the form that the service writes, so they never count",
                f"{' '.join(str(listing).split())};",
            )
        )
    large = Assistant.id > literal_column(str(LARGEST_GRAPHQL_INT))
    count = connection.scalar(select(func.count()).select_from(Assistant).where(large))
    if count:
        findings.append(
            Finding(
                f"the ids of {count:,} assistants exceed {LARGEST_GRAPHQL_INT}, the largest Int of "
                "GraphQL, so assistantId cannot be told there",
                "ask for topAssistants without assistantId, or over REST",
            )
        )
    return findings


async def _unread_rollups(database: Database) -> list[Finding]:
    condition = await rollup_condition(database)
    if condition.finding is None:
        return []
    if condition.state is RollupState.DETACHED:
        async with connect(database) as connection:
            reason = await connection.run_sync(unwatchable)
        if reason is not None:
            problem = f"the rollups' triggers do not see every write of the table {reason}"
            return [Finding(f"{problem}; they are not read", "call-analytics rollups disable")]
    return [condition.finding]


def _missing_indexes(connection: Connection) -> list[Finding]:
    inspector = inspect(connection)
    create_online = backend_of(connection.dialect).create_index_online
    partitioned = {
        relation.name
        for relation in catalog_of(connection).relations(connection)
        if relation.is_visible and relation.kind == "partitioned table"
    }
    findings = []
    for needed in (*CALL_INDEXES[tenancy_of(connection)], *OTHER_INDEXES):
        present = inspector.get_indexes(needed.table)
        unique = [
            tuple(constraint["column_names"])
            for constraint in inspector.get_unique_constraints(needed.table)
        ]
        if any(_serves(index, needed) for index in present) or any(
            columns[: len(needed.leading)] == needed.leading for columns in unique
        ):
            continue
        columns = ", ".join(needed.leading + needed.carried)
        create = CREATE_INDEX if needed.table in partitioned else create_online
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
