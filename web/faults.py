"""Faults of ours, and requests that no route answers."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from call_analytics.schema.masking import log_fault
from call_analytics.web.responses import json_response


class FaultBarrier:
    """ASGI middleware: a fault of ours becomes an id for the client, and a line in the log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        try:
            await self._app(scope, receive, send)
        except Exception as fault:
            error_id = log_fault(fault)
            body = {"detail": "Something went wrong on our side.", "error_id": error_id}
            await json_response(body, 500)(scope, receive, send)


async def refuse(_request: Request, error: Exception) -> Response:
    """Unknown paths and wrong methods."""
    assert isinstance(error, HTTPException)
    return json_response({"detail": error.detail}, error.status_code, dict(error.headers or {}))
