"""What an engine tells about its work, for telemetry."""

from time import perf_counter
from typing import Any, Protocol

from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import ConnectionPoolEntry


class Observer(Protocol):
    """Hears what an engine does, as it does it."""

    def statement_ended(self, seconds: float) -> None:
        """A statement has run, or has failed."""
        ...

    def connections_in_use(self, count: int) -> None:
        """A connection has left the pool or is back in it."""
        ...


def observe(engine: AsyncEngine, observer: Observer) -> None:
    """Let an observer hear of an engine from now on."""

    @event.listens_for(engine.sync_engine, "before_cursor_execute", named=True)
    def begin(context: Any, **_rest: Any) -> None:  # noqa: ANN401 - SQLAlchemy's own
        context.began_at = perf_counter()

    @event.listens_for(engine.sync_engine, "after_cursor_execute", named=True)
    def end(context: Any, **_rest: Any) -> None:  # noqa: ANN401
        observer.statement_ended(perf_counter() - context.began_at)

    @event.listens_for(engine.sync_engine, "handle_error")
    def fail(failure: ExceptionContext) -> None:
        if hasattr(failure.execution_context, "began_at"):
            end(failure.execution_context)

    # A connection that could not be made is checked in without having been checked out.
    in_use: set[ConnectionPoolEntry] = set()

    @event.listens_for(engine.sync_engine, "checkout", named=True)
    def take(connection_record: ConnectionPoolEntry, **_rest: Any) -> None:
        in_use.add(connection_record)
        observer.connections_in_use(len(in_use))

    @event.listens_for(engine.sync_engine, "checkin", named=True)
    def give_back(connection_record: ConnectionPoolEntry, **_rest: Any) -> None:
        in_use.discard(connection_record)
        observer.connections_in_use(len(in_use))
