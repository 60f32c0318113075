"""What the server hands to every request."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypedDict

from call_analytics.access.admission import Admission
from call_analytics.resolvers.analytics import Analytics
from call_analytics.telemetry.request_record import RequestRecord


class State(TypedDict):
    """The state of one request: what the server's lifespan yields, and the request's record."""

    admission: Admission
    analytics: Analytics
    clock: Callable[[], datetime]
    """The present instant, aware; read once per request."""
    traces: Any
    """Where tracers come from (an OpenTelemetry ``TracerProvider``), or None."""
    record: RequestRecord
    """What is noted about this request."""
