"""Managed databases: what a database is, and how ours is brought to the newest schema."""

from enum import Enum
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from call_analytics.db.admin.obstacles import hidden_schema, obstacles, refused_connection
from call_analytics.db.dialects import backend_of
from call_analytics.db.engine import Database, connect, transaction
from call_analytics.db.errors import OperatorError
from call_analytics.db.models import VERSION_TABLE, Base

NEWER_DATABASE = "the database is newer than this release; install the release that made it"


class DatabaseState(Enum):
    """What the service finds in a database."""

    EMPTY = "empty"
    MANAGED = "managed"
    """Ours, and up to date."""
    OUTDATED = "outdated"
    """Ours, of an older release."""
    NEWER = "newer than this release"
    """Ours, of a release that this one does not know."""
    ATTACHED = "attached"
    """The platform's own tables: read, never migrated, never written."""
    INCOMPLETE = "incomplete"
    """Somebody's, with some of the tables missing."""
    HIDDEN = "hidden from this role"
    """Somebody's, with none of the tables in sight, or not open to the role at all."""


async def database_state(connection: AsyncConnection) -> DatabaseState:
    """What a database is, judged by its tables."""
    return await connection.run_sync(_state)


async def require_managed(connection: AsyncConnection) -> None:
    """Refuse to write to a database that is not ours.

    Raises:
        OperatorError: where the database is not a managed one at the newest revision.
    """
    state = await database_state(connection)
    if state is DatabaseState.ATTACHED:
        raise OperatorError("this is the platform's own database; the service only reads it")
    if state is DatabaseState.NEWER:
        raise OperatorError(NEWER_DATABASE)
    if state in (DatabaseState.EMPTY, DatabaseState.OUTDATED):
        raise OperatorError(f"the database is {state.value}; run first: call-analytics db upgrade")
    if state is not DatabaseState.MANAGED:
        raise OperatorError(f"the database is {state.value}; see: call-analytics db check")


async def require_tables(connection: AsyncConnection) -> None:
    """Refuse to read a database that is neither ours nor one that we are attached to.

    Raises:
        OperatorError: where its tables are not there, or not at the newest revision.
    """
    if await database_state(connection) is not DatabaseState.ATTACHED:
        await require_managed(connection)


async def prepare_to_serve(database: Database) -> DatabaseState:
    """Make sure that a database can be served; an embedded one is brought to the newest revision.

    Another of ours that is of an older release is served, too: its calls are read, and its rollups
    once it has been upgraded.

    Raises:
        OperatorError: where it cannot be served; the message says what to do.
        DatabaseUnavailable: where it does not answer.
    """
    if backend_of(database.dialect).embedded:
        await upgrade(database)
        async with connect(database) as connection:
            return await database_state(connection)
    refusal = await refused_connection(database)
    if refusal is not None:
        raise OperatorError(refusal.line)
    async with connect(database) as connection:
        state = await database_state(connection)
        if state in (DatabaseState.EMPTY, DatabaseState.NEWER):
            raise OperatorError(
                f"the database is {state.value}; see: call-analytics db check, "
                "and for a database of its own: call-analytics db upgrade"
            )
        findings = await connection.run_sync(obstacles)
    if findings:
        raise OperatorError(findings[0].line)
    return state


async def upgrade(database: Database) -> None:
    """Create the tables, or bring them to the newest revision; nothing where they are.

    On PostgreSQL a revision may commit several times, so that none keeps a lock for long. Cut short
    at any point, it goes on when it is called again.

    Raises:
        OperatorError: where the tables there are not ours to change, another process is changing
            them, or a revision cannot be applied; the message says what to do.
    """
    lock = backend_of(database.dialect).upgrade_lock
    async with transaction(database) as connection:
        await _require_ours(connection)
        if lock is None:
            await _upgrade(connection)
            return
        # A session's lock would be left behind in one that a pooler has lent.
        if not await connection.scalar(text(lock)):
            raise OperatorError(
                "another process is upgrading the database; try again when it has ended"
            )
        # This leaves no snapshot, for which CREATE INDEX CONCURRENTLY would wait.
        await connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        async with connect(database) as unlocked:
            await _upgrade(unlocked)


async def _require_ours(connection: AsyncConnection) -> None:
    state = await database_state(connection)
    if state in (DatabaseState.ATTACHED, DatabaseState.INCOMPLETE):
        raise OperatorError(
            "the database has tables that this service did not create, and it leaves them alone; "
            "see: call-analytics db check"
        )
    if state is DatabaseState.NEWER:
        raise OperatorError(NEWER_DATABASE)


async def _upgrade(connection: AsyncConnection) -> None:
    def run(sync: Connection) -> None:
        config = _config()
        config.attributes["connection"] = sync
        command.upgrade(config, "head")

    try:
        await connection.run_sync(run)
    except CommandError as error:
        raise OperatorError(str(error)) from error


def _state(connection: Connection) -> DatabaseState:
    present = set(inspect(connection).get_table_names())
    if VERSION_TABLE in present:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        current = context.get_current_revision()
        scripts = ScriptDirectory.from_config(_config())
        if current == scripts.get_current_head():
            return DatabaseState.MANAGED
        known = {None, *(script.revision for script in scripts.walk_revisions())}
        return DatabaseState.OUTDATED if current in known else DatabaseState.NEWER
    ours = set(Base.metadata.tables)
    if ours <= present:
        return DatabaseState.ATTACHED
    if ours & present:
        return DatabaseState.INCOMPLETE
    return DatabaseState.HIDDEN if hidden_schema(connection) else DatabaseState.EMPTY


def _config() -> Config:
    config = Config()
    scripts = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", scripts.replace("%", "%%"))
    return config
