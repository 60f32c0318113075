"""Faults of ours, and requests that no route answers."""

from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from call_analytics.schema.masking import log_fault
from call_analytics.web.export import PATH as EXPORT_PATH
from call_analytics.web.openapi import PATH as DESCRIPTION_PATH
from call_analytics.web.responses import json_response
from call_analytics.web.rest import PATH as REST_PATH


class FaultBarrier:
    """ASGI middleware: a fault of ours becomes an id for the client, and a line in the log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        has_begun = False

        async def noting(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as fault:
            error_id = log_fault(fault)
            if has_begun:
                return  # the connection is closed, so the client sees that the answer has no end
            body = {"detail": "Something went wrong on our side.", "error_id": error_id}
            await json_response(body, 500)(scope, receive, send)


def refusal(*, is_private: bool) -> Callable[[Request, Exception], Awaitable[Response]]:
    """The answer to a request for an unknown path, or by a method that its path does not take.

    A private API has no description to name.
    """
    paths = ["GraphQL: /graphql", f"REST: {REST_PATH} and {EXPORT_PATH}"]
    if not is_private:
        paths.append(f"what REST answers: {DESCRIPTION_PATH}")
    unknown = f"Nothing is at this path. {'; '.join(paths)}."

    async def refuse(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        headers = dict(error.headers or {})
        detail = error.detail
        if error.status_code == 404:
            detail = unknown
        elif error.status_code == 405:
            methods = sorted(headers["Allow"].split(", "))
            detail = f"This path does not take that method. Use one of: {', '.join(methods)}."
        return json_response({"detail": detail}, error.status_code, headers)

    return refuse
