"""The dialect seam: where statements and engines differ between SQLite and PostgreSQL.

Statements elsewhere are written once. Where the two databases need different SQL, a statement uses
an element of ``functions.py``, which is compiled for each; where they need different actions,
``backend_of`` returns the database's ``Backend``. Triggers are in ``rollups/``, catalogs in
``catalogs.py``, tiles as parameters in ``figures/tile_tables.py``.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import ceil
from types import MappingProxyType
from typing import Any, Protocol

import asyncpg
from sqlalchemy import Table, event, insert
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import ConnectionPoolEntry

from call_analytics.db.models import Base
from call_analytics.db.postgresql_sessions import is_lost, prepare_sessions
from call_analytics.db.sqlite_file import follow_file

BUSY_TIMEOUT_MS = 10_000
PREPARED_STATEMENTS = 24
"""Kept in each session: PostgreSQL needs up to five megabytes for the plan of one."""

# Undefined table or column, insufficient privilege, and a cached plan whose tables have changed.
POSTGRESQL_SCHEMA_CHANGES = {"42P01", "42703", "42501", "0A000"}


class Backend(Protocol):
    """One database's way of doing what SQL alone does not settle."""

    driver: str
    embedded: bool
    """Whether the database is a file of the service's own, which it creates as it needs."""

    create_index_online: str
    """The words that create an index while the table goes on being written."""

    upgrade_lock: str | None
    """The statement that takes the lock of the one process that may upgrade, until the end of its
    transaction; its value is false where another process has it. None where a transaction that
    writes is alone anyway."""

    one_snapshot: Mapping[str, Any]
    """Execution options with which all statements of a transaction see one snapshot."""

    driver_errors: tuple[type[Exception], ...]
    """What the driver raises by itself, where SQLAlchemy does not translate it."""

    def engine_options(
        self, *, read_only: bool, connect_timeout: float, statement_timeout: float | None
    ) -> dict[str, Any]:
        """Keyword arguments of ``create_async_engine``; times are in seconds."""
        ...

    def prepare(
        self, engine: AsyncEngine, *, read_only: bool, statement_timeout: float | None
    ) -> None:
        """Register what every new connection and transaction of the engine needs."""
        ...

    def is_schema_change(self, error: BaseException) -> bool:
        """Whether a statement failed because a table is missing, forbidden, or another now."""
        ...

    def is_lost_connection(self, error: BaseException) -> bool:
        """Whether a statement failed because its connection has ended."""
        ...

    def upsert(self, table: type[Base] | Table) -> sqlite.Insert | postgresql.Insert:
        """An INSERT that has ``on_conflict_do_update``."""
        ...

    async def bulk_insert(
        self, connection: AsyncConnection, table: Table, rows: Sequence[tuple[Any, ...]]
    ) -> None:
        """Insert many rows, each in the table's column order, by the fastest path there is.

        The connection must already have run a statement in the current transaction.
        """
        ...


class SQLiteBackend:
    """The embedded database: one file, many readers, one writer."""

    driver = "sqlite+aiosqlite"
    embedded = True
    create_index_online = "CREATE INDEX"
    upgrade_lock: str | None = None
    one_snapshot: Mapping[str, Any] = MappingProxyType({"is_one_snapshot": True})
    driver_errors: tuple[type[Exception], ...] = ()

    def engine_options(
        self, *, read_only: bool, connect_timeout: float, statement_timeout: float | None
    ) -> dict[str, Any]:
        del connect_timeout, statement_timeout  # a file answers at once, and cannot be timed out
        return {"isolation_level": "AUTOCOMMIT"} if read_only else {}

    def prepare(
        self, engine: AsyncEngine, *, read_only: bool, statement_timeout: float | None
    ) -> None:
        del statement_timeout

        @event.listens_for(engine.sync_engine, "connect")
        def set_up(
            connection: Any,  # noqa: ANN401 - the function is the driver's own
            _record: ConnectionPoolEntry,
        ) -> None:
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
            cursor.execute("PRAGMA journal_mode = WAL")  # readers never wait for the writer
            cursor.execute("PRAGMA synchronous = NORMAL")  # in WAL mode, safe against crashes
            cursor.execute("PRAGMA foreign_keys = ON")
            if read_only:
                cursor.execute("PRAGMA query_only = ON")
            cursor.close()
            connection.create_function("nearest_rank", 2, _nearest_rank, deterministic=True)

        follow_file(engine, must_exist=read_only)
        if read_only:
            # Each statement is a transaction, unless several are to see one snapshot.
            @event.listens_for(engine.sync_engine, "begin")
            def begin_snapshot(connection: Connection) -> None:
                if connection.get_execution_options().get("is_one_snapshot"):
                    connection.exec_driver_sql("BEGIN")

            return

        # A transaction that reads before it writes cannot wait for another writer half-way, so
        # each takes the write lock when it begins. The driver must not begin one of its own.
        @event.listens_for(engine.sync_engine, "connect")
        def leave_transactions_to_us(
            connection: Any,  # noqa: ANN401 - the attribute is the driver's own
            _record: ConnectionPoolEntry,
        ) -> None:
            connection.isolation_level = None

        @event.listens_for(engine.sync_engine, "begin")
        def begin_immediate(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    def is_schema_change(self, error: BaseException) -> bool:
        return str(error).startswith(("no such table", "no such column"))

    def is_lost_connection(self, error: BaseException) -> bool:
        del error
        return False  # a file is not at the other end of anything

    def upsert(self, table: type[Base] | Table) -> sqlite.Insert:
        return sqlite.insert(table)

    async def bulk_insert(
        self, connection: AsyncConnection, table: Table, rows: Sequence[tuple[Any, ...]]
    ) -> None:
        names = table.columns.keys()
        if rows:
            await connection.execute(
                insert(table), [dict(zip(names, row, strict=True)) for row in rows]
            )


def _nearest_rank(share: str, number: int | None) -> int | None:
    """``functions.nearest_rank``."""
    return None if number is None else ceil(Decimal(share) * number)


class PostgreSQLBackend:
    """A PostgreSQL server: ours, or the platform's."""

    driver = "postgresql+asyncpg"
    embedded = False
    create_index_online = "CREATE INDEX CONCURRENTLY"
    upgrade_lock: str | None = (
        "SELECT pg_try_advisory_xact_lock(hashtext('call_analytics upgrade'))"
    )
    one_snapshot: Mapping[str, Any] = MappingProxyType({"isolation_level": "REPEATABLE READ"})
    driver_errors: tuple[type[Exception], ...] = (asyncpg.PostgresError, asyncpg.InterfaceError)

    def engine_options(
        self, *, read_only: bool, connect_timeout: float, statement_timeout: float | None
    ) -> dict[str, Any]:
        connect_args: dict[str, Any] = {
            "timeout": connect_timeout,
            "prepared_statement_cache_size": PREPARED_STATEMENTS,
            # All that a pooler lets through; the rest is said in each session.
            "server_settings": {
                "application_name": "call-analytics",
                # Windows and days are UTC where the platform's timestamps carry a zone, too.
                "timezone": "UTC",
            },
        }
        options: dict[str, Any] = {
            "connect_args": connect_args,
            # What only reads can be done again where its connection was lost.
            "pool_pre_ping": not read_only,
        }
        if statement_timeout is not None:
            # Where the server itself hangs, its own timeout never fires; the client's does.
            connect_args["command_timeout"] = statement_timeout + 1
        if read_only:
            options["isolation_level"] = "AUTOCOMMIT"
        return options

    def prepare(
        self, engine: AsyncEngine, *, read_only: bool, statement_timeout: float | None
    ) -> None:
        settings = {"jit": "off"}  # compiling a statement takes longer than running any of ours
        if statement_timeout is not None:
            settings["statement_timeout"] = str(round(statement_timeout * 1000))
        if read_only:
            settings["default_transaction_read_only"] = "on"
            # Starting workers takes longer than nearly every answer, and others need them, too.
            settings["max_parallel_workers_per_gather"] = "0"
            # To plan an answer's statement takes as long as to run it, and its plan is the same for
            # all parameters.
            settings["plan_cache_mode"] = "force_generic_plan"
            # Every statement has its index, and few rows that lead to it; a planner with poor
            # statistics must not scan instead.
            settings |= dict.fromkeys(
                ("enable_seqscan", "enable_hashjoin", "enable_mergejoin"), "off"
            )
        prepare_sessions(engine, settings, read_only=read_only)

    def is_schema_change(self, error: BaseException) -> bool:
        return getattr(error, "sqlstate", None) in POSTGRESQL_SCHEMA_CHANGES

    def is_lost_connection(self, error: BaseException) -> bool:
        return is_lost(error)

    def upsert(self, table: type[Base] | Table) -> postgresql.Insert:
        return postgresql.insert(table)

    async def bulk_insert(
        self, connection: AsyncConnection, table: Table, rows: Sequence[tuple[Any, ...]]
    ) -> None:
        raw = await connection.get_raw_connection()
        assert raw.driver_connection is not None
        await raw.driver_connection.copy_records_to_table(
            table.name, records=rows, columns=table.columns.keys()
        )


BACKENDS: dict[str, Backend] = {"sqlite": SQLiteBackend(), "postgresql": PostgreSQLBackend()}


def backend_of(dialect: Dialect) -> Backend:
    """The backend that belongs to a connection's dialect."""
    return BACKENDS[dialect.name]
