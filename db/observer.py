"""What an engine tells about its work, for telemetry."""

from time import perf_counter
from typing import Any, Protocol

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine


class Observer(Protocol):
    """Hears what an engine does, as it does it."""

    def statement_ended(self, seconds: float) -> None:
        """A statement has run, or has failed."""
        ...

    def connection_taken(self) -> None:
        """A connection has left the pool."""
        ...

    def connection_returned(self) -> None:
        """A connection is back in the pool."""
        ...


def observe(engine: AsyncEngine, observer: Observer) -> None:
    """Let an observer hear of an engine from now on."""
    began: dict[int, float] = {}  # by connection, of which each runs one statement at a time

    def begin(connection: Any, *_rest: Any) -> None:  # noqa: ANN401 - SQLAlchemy's event
        began[id(connection)] = perf_counter()

    def end(connection: Any, *_rest: Any) -> None:  # noqa: ANN401
        observer.statement_ended(perf_counter() - began.pop(id(connection)))

    def fail(context: Any) -> None:  # noqa: ANN401
        if id(context.connection) in began:
            end(context.connection)

    event.listen(engine.sync_engine, "before_cursor_execute", begin)
    event.listen(engine.sync_engine, "after_cursor_execute", end)
    event.listen(engine.sync_engine, "handle_error", fail)
    event.listen(engine.sync_engine, "checkout", lambda *_: observer.connection_taken())
    event.listen(engine.sync_engine, "checkin", lambda *_: observer.connection_returned())
