"""Engines: the one place that opens databases."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import perf_counter
from typing import TypeVar

from sqlalchemy import literal, select
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from call_analytics.db.addresses import DatabaseUrl
from call_analytics.db.dialects import BACKENDS, backend_of
from call_analytics.db.errors import (
    ConnectionLost,
    ConnectionsInUse,
    DatabaseChanged,
    DatabaseUnavailable,
)
from call_analytics.db.observer import Observer, observe

Result = TypeVar("Result")


class Database(AsyncEngine):
    """A database that is open to be asked, over no more than ``pool_size`` connections at a time.

    A request that finds all of them in use waits, ``wait_timeout`` seconds at most. Those that wait
    are served in the order in which they came.
    """

    __slots__ = ("_free", "_observer", "_pool_size", "_wait_timeout", "requests")

    def __init__(
        self,
        sync_engine: Engine,
        *,
        pool_size: int,
        wait_timeout: float | None,
        observer: Observer | None,
    ) -> None:
        super().__init__(sync_engine)
        self._pool_size = pool_size
        self._wait_timeout = wait_timeout
        self._observer = observer
        self._free = asyncio.Semaphore(pool_size)
        self.requests = 0
        """How many have a connection or wait for one."""
        if observer is not None:
            observe(self, observer)

    def shortage(self) -> ConnectionsInUse:
        """The error of a request that waited for a connection in vain."""
        return ConnectionsInUse(self._pool_size)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """A connection of the pool.

        Raises:
            ConnectionsInUse: where none came free in time.
        """
        self.requests += 1
        try:
            if self._free.locked():
                await self._wait()
            else:
                await self._free.acquire()
            try:
                async with self.connect() as connection:
                    yield connection
            finally:
                self._free.release()
        finally:
            self.requests -= 1

    async def _wait(self) -> None:
        began = perf_counter()
        if self._observer is not None:
            self._observer.wait_began()
        try:
            async with asyncio.timeout(self._wait_timeout):
                await self._free.acquire()
        except TimeoutError:
            raise self.shortage() from None
        finally:
            if self._observer is not None:
                self._observer.wait_ended(perf_counter() - began)


def create_engine(
    url: DatabaseUrl,
    *,
    read_only: bool,
    pool_size: int = 5,
    wait_timeout: float | None = None,
    connect_timeout: float = 5,
    statement_timeout: float | None = None,
    observer: Observer | None = None,
) -> Database:
    """An engine for the database at ``url``; nothing is opened before it is first used.

    A read-only engine can write nothing, and needs no transaction: each of its statements is one
    snapshot. Times are in seconds: ``wait_timeout`` is for a connection of the pool while all are
    in use, ``connect_timeout`` for a new one. An observer is told what the engine does.
    """
    backend = BACKENDS[url.get_backend_name()]
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=None,  # a queue before the pool lets only as many in as it has connections
        hide_parameters=True,  # hashes and phone numbers belong in no log
        **backend.engine_options(
            read_only=read_only,
            connect_timeout=connect_timeout,
            statement_timeout=statement_timeout,
        ),
    )
    backend.prepare(engine, read_only=read_only, statement_timeout=statement_timeout)
    return Database(
        engine.sync_engine, pool_size=pool_size, wait_timeout=wait_timeout, observer=observer
    )


@asynccontextmanager
async def connect(database: Database) -> AsyncIterator[AsyncConnection]:
    """A pooled connection on which every failure of the database has one name.

    Raises:
        ConnectionsInUse: where none came free in time.
        DatabaseUnavailable: where the database cannot be reached or cannot carry out a statement.
            The statements are ours and fixed, so whatever stops one is the database's state.
    """
    backend = backend_of(database.dialect)
    failures: tuple[type[Exception], ...] = (SQLAlchemyError, OSError, *backend.driver_errors)
    try:
        async with database.connection() as connection:
            yield connection
    except failures as error:
        cause = getattr(error, "orig", None) or error
        reason = _reason(cause)
        if backend.is_schema_change(cause):
            raise DatabaseChanged(f"the database refuses: {reason}") from error
        if backend.is_lost_connection(cause):
            raise ConnectionLost(f"the database does not answer: {reason}") from error
        raise DatabaseUnavailable(f"the database does not answer: {reason}") from error


def _reason(cause: BaseException) -> str:
    """Why the database did not answer, in one line without a path of its machine or ours."""
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return str(cause).partition("\n")[0] or type(cause).__name__


async def read(database: Database, work: Callable[[AsyncConnection], Awaitable[Result]]) -> Result:
    """What ``work`` returns, which reads over a pooled connection, and does nothing else.

    A connection may have been lost since it was last used. To ask it first would take as long as a
    short statement. So ``work`` is done, and where the connection turns out to be lost, done once
    more over a new one.

    Raises:
        ConnectionsInUse, DatabaseUnavailable: as ``connect``.
    """
    try:
        async with connect(database) as connection:
            return await work(connection)
    except ConnectionLost:
        # The pool has no connection left that is as old as the lost one.
        async with connect(database) as connection:
            return await work(connection)


async def read_in_one_snapshot(
    database: Database, work: Callable[[AsyncConnection], Awaitable[Result]]
) -> Result:
    """As ``read``; all statements of ``work`` see one snapshot.

    Raises:
        ConnectionsInUse, DatabaseUnavailable: as ``connect``.
    """

    async def in_transaction(connection: AsyncConnection) -> Result:
        async with _snapshot(connection):
            return await work(connection)

    return await read(database, in_transaction)


@asynccontextmanager
async def transaction(database: Database) -> AsyncIterator[AsyncConnection]:
    """A connection in a transaction, which is committed at the end and rolled back on any error.

    Raises:
        ConnectionsInUse, DatabaseUnavailable: as ``connect``.
    """
    async with connect(database) as connection, connection.begin():
        yield connection


@asynccontextmanager
async def snapshot_transaction(database: Database) -> AsyncIterator[AsyncConnection]:
    """As ``transaction``; all its statements see one snapshot, and what they themselves wrote.

    Raises:
        ConnectionsInUse, DatabaseUnavailable: as ``connect``; also where another transaction has
            changed a row meanwhile that this one wants to change.
    """
    async with connect(database) as connection, _snapshot(connection):
        yield connection


@asynccontextmanager
async def _snapshot(connection: AsyncConnection) -> AsyncIterator[None]:
    """A transaction whose statements see one snapshot."""
    await connection.execution_options(**backend_of(connection.dialect).one_snapshot)
    async with connection.begin():
        yield


async def ping(database: Database) -> None:
    """Have the database answer.

    Raises:
        ConnectionsInUse, DatabaseUnavailable: where it does not.
    """
    await read(database, lambda connection: connection.execute(select(literal(1))))
