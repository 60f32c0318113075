"""The outermost layer of the application, which notes every request."""

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from time import perf_counter
from typing import Any, TypeAlias

from call_analytics.telemetry.logs import REQUESTS
from call_analytics.telemetry.prometheus import Telemetry
from call_analytics.telemetry.request_record import RequestRecord, current_record

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]

MAX_NAME_CHARACTERS = 100
"""How much is logged of a name that a client chose."""

logger = logging.getLogger(REQUESTS)


class RequestTelemetry:
    """ASGI middleware: a ``RequestRecord`` for each request, and one log line of it.

    The record is in the request's state for whoever answers it, and its id in the response.
    """

    def __init__(self, app: Application, *, telemetry: Telemetry) -> None:
        self._app = app
        self._telemetry = telemetry

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        record = RequestRecord()
        scope["state"]["record"] = record
        token = current_record.set(record)
        status = 500
        began = perf_counter()

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].append((b"x-request-id", record.request_id.encode()))
            await send(message)

        self._telemetry.request_began()
        try:
            await self._app(scope, receive, noting)
        finally:
            current_record.reset(token)
            seconds = perf_counter() - began
            self._telemetry.request_ended(record, status=status, seconds=seconds)
            logger.info(
                "request",
                extra={
                    "request_id": record.request_id,
                    "endpoint": record.endpoint,
                    "operation": record.operation and record.operation[:MAX_NAME_CHARACTERS],
                    "organization_id": record.organization_id,
                    "status": status,
                    "codes": record.codes,
                    "duration_ms": round(1000 * seconds, 3),
                    "sources": record.sources,
                    "statements": record.statements,
                },
            )
