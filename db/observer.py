"""What an engine reports of its work, for telemetry."""

from time import perf_counter
from typing import Any, Protocol

from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import ConnectionPoolEntry

CONTEXT = 4
"""Where an event's arguments have the execution context; asking for it by name costs more than all
else that is done here."""


class Observer(Protocol):
    """Is told what an engine does, as it does it."""

    def statement_ended(self, seconds: float) -> None:
        """A statement has run, or has failed."""
        ...

    def connection_taken(self) -> None:
        """A connection has left the pool."""
        ...

    def connection_returned(self) -> None:
        """A connection is back in the pool."""
        ...

    def wait_began(self) -> None:
        """A request waits for a connection, because all are in use."""
        ...

    def wait_ended(self, seconds: float) -> None:
        """That request has a connection, or has given up."""
        ...


def observe(engine: AsyncEngine, observer: Observer) -> None:
    """Tell an observer what an engine does from now on."""

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def begin(*arguments: Any) -> None:
        arguments[CONTEXT].began_at = perf_counter()

    @event.listens_for(engine.sync_engine, "after_cursor_execute")
    def end(*arguments: Any) -> None:
        observer.statement_ended(perf_counter() - arguments[CONTEXT].began_at)

    @event.listens_for(engine.sync_engine, "handle_error")
    def fail(failure: ExceptionContext) -> None:
        began_at = getattr(failure.execution_context, "began_at", None)
        if began_at is not None:
            observer.statement_ended(perf_counter() - began_at)

    # A connection that could not be made is checked in without having been checked out.
    in_use: set[ConnectionPoolEntry] = set()

    @event.listens_for(engine.sync_engine, "checkout")
    def take(_dbapi: object, connection_record: ConnectionPoolEntry, _proxy: object) -> None:
        in_use.add(connection_record)
        observer.connection_taken()

    @event.listens_for(engine.sync_engine, "checkin")
    def give_back(_dbapi: object, connection_record: ConnectionPoolEntry) -> None:
        if connection_record in in_use:
            in_use.remove(connection_record)
            observer.connection_returned()
