"""Sessions of PostgreSQL: its own, or those of a pooler that lends them for a transaction.

A pooler such as PgBouncer in transaction mode gives each transaction any session of the server that
is free. What was set or prepared in a session is then gone at the next transaction, and other
clients get it. So through a pooler nothing is set in a session: statements are not kept prepared,
and each statement of a reader has its own transaction, which sets what it needs.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import asyncpg
from sqlalchemy import event
from sqlalchemy.engine import Dialect, ExceptionContext
from sqlalchemy.engine.interfaces import DBAPICursor, ExecutionContext
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import ConnectionPoolEntry

from call_analytics.db.postgresql_hosts import connector

IS_POOLED = "is_pooled"
LOST = ("08", "57P")
"""How the SQLSTATE of an ended connection begins: the connection failed, the server stops it."""
NOTHING_PREPARED = {"statement_cache_size": 0, "prepared_statement_cache_size": 0}


def prepare_sessions(engine: AsyncEngine, settings: Mapping[str, str], *, read_only: bool) -> None:
    """Give an engine's sessions their settings, or a reader's statements, where sessions are lent.

    The sessions of a read-only engine must be in autocommit mode. Writers have transactions of
    their own, which through a pooler run with the server's settings.
    """
    expects_pooler = False
    connect = connector(engine.dialect)

    @event.listens_for(engine.sync_engine, "do_connect")
    def open_session(
        _dialect: Dialect,
        record: ConnectionPoolEntry,
        arguments: list[Any],
        options: dict[str, Any],
    ) -> Any:  # noqa: ANN401 - the driver's connection, as the event wants it
        nonlocal expects_pooler
        may_prepare = not expects_pooler
        if not may_prepare:
            options |= NOTHING_PREPARED
        connection: Any = connect(*arguments, **options)
        try:
            set_up = _set_up_if_direct(settings, seconds=options["timeout"])
            is_pooled = expects_pooler = not connection.run_async(set_up)
            if is_pooled and may_prepare:
                connection.close()
                connection = connect(*arguments, **options | NOTHING_PREPARED)
        except BaseException:
            connection.terminate()
            raise
        assert record.record_info is not None
        record.record_info[IS_POOLED] = is_pooled
        return connection

    @event.listens_for(engine.sync_engine, "handle_error")
    def leave_lost_connections(failure: ExceptionContext) -> None:
        # The server's last words come before the driver sees that the connection has ended.
        if is_lost(failure.original_exception):
            failure.is_disconnect = True

    if read_only:
        _run_in_transactions(engine, settings)


def is_lost(error: BaseException) -> bool:
    """Whether an error of the driver, or of SQLAlchemy's layer over it, says that a connection has
    ended.
    """
    state = getattr(error, "sqlstate", None)
    if state is not None:
        # What a server sends as a mere error is about another connection, as of Citus to a worker.
        severities = {getattr(one, "severity_en", None) for one in (error, error.__cause__)}
        return str(state).startswith(LOST) and "ERROR" not in severities
    return any(
        isinstance(one, ConnectionError)
        or (isinstance(one, asyncpg.InterfaceError) and "connection is closed" in str(one))
        for one in (error, error.__cause__)
    )


def _set_up_if_direct(
    settings: Mapping[str, str], *, seconds: float
) -> Callable[[Any], Awaitable[bool]]:
    """Give a session its settings, unless it is lent; returns whether it has them.

    A pooler gives its clients process numbers of its own, which are not those of the sessions.
    """

    async def set_up(connection: Any) -> bool:  # noqa: ANN401 - the driver's connection
        status = await connection.execute(
            f"SELECT set_config(name, {_VALUE}, false) FROM (VALUES {_values(settings)}) "  # noqa: S608
            f"AS settings (name, value) WHERE pg_backend_pid() = {connection.get_server_pid()}",
            timeout=seconds,
        )
        return bool(status == f"SELECT {len(settings)}")

    return set_up


# Citus must know the organization to find its machine, so a plan for any of them is none there.
_VALUE = (
    "CASE WHEN name = 'plan_cache_mode' AND EXISTS (SELECT FROM pg_extension "
    "WHERE extname = 'citus') THEN 'auto' ELSE value END"
)


def _values(settings: Mapping[str, str]) -> str:
    return ", ".join(f"('{name}', '{value}')" for name, value in settings.items())


def _run_in_transactions(engine: AsyncEngine, settings: Mapping[str, str]) -> None:
    local = "; ".join(f"SET LOCAL {name} = '{value}'" for name, value in settings.items())
    begin = f"BEGIN READ ONLY; {local}"  # one message, which may go to no more than one session

    @event.listens_for(engine.sync_engine, "do_execute")
    def execute(
        cursor: DBAPICursor,
        statement: str,
        parameters: Any,  # noqa: ANN401 - the event's
        context: ExecutionContext,
    ) -> bool:
        """Run a statement; returns whether that was done."""
        session: Any = context.root_connection.connection
        if not session.record_info[IS_POOLED]:
            return False
        try:
            session.run_async(lambda connection: connection.execute(begin))
            context.dialect.do_execute(cursor, statement, parameters, context)
            session.run_async(lambda connection: connection.execute("COMMIT"))
        except Exception as error:
            if not is_lost(error):  # SQLAlchemy hears of that, and removes all that are as old
                _end(context, was_refused=isinstance(error, context.dialect.loaded_dbapi.Error))
            raise
        return True


def _end(context: ExecutionContext, *, was_refused: bool) -> None:
    """End the transaction of a statement that failed."""
    session: Any = context.root_connection.connection
    if was_refused:
        with suppress(Exception):  # why the statement failed is what counts
            session.run_async(lambda connection: connection.execute("ROLLBACK"))
            return
    context.root_connection.invalidate()  # how far it went is not known
