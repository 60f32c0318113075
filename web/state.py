"""What every request gets from the server."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypedDict

from call_analytics.access.requester import AccessControl
from call_analytics.resolvers.analytics import Analytics
from call_analytics.resolvers.export import CallExports
from call_analytics.telemetry.request_record import RequestRecord


class State(TypedDict):
    """The state of one request: what the server's lifespan yields, and the request's record."""

    access: AccessControl
    analytics: Analytics
    exports: CallExports
    clock: Callable[[], datetime]
    """The present instant, aware; read once per request."""
    database_answers: Callable[[], Awaitable[bool]]
    """Whether a database answers now, over a connection that no request can take."""
    replicas_in_use: Callable[[], tuple[int, int]]
    """How many replicas answer, and how many there are."""
    rollup_backlog: Callable[[], Awaitable[int | None]]
    """How many rows of the rollups wait to be folded; None where the database cannot say."""
    traces: Any
    """The OpenTelemetry ``TracerProvider``, or None."""
    record: RequestRecord
    """What is noted about this request."""
