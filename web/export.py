"""Calls as a file, ``GET /api/v1/calls/export``, of any size.

The file is sent while it is read, so its end may fail when its beginning has long been sent. Then
the connection is closed before the answer has ended, which HTTP clients take for an error: no one
takes a part for the whole.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from call_analytics.access.running_exports import RunningExports
from call_analytics.resolvers.errors import ExpectedError
from call_analytics.resolvers.export import Export, FileFormat
from call_analytics.web.admission import Admission
from call_analytics.web.export_request import export_asked_for
from call_analytics.web.query_string import query_parameters
from call_analytics.web.responses import json_response
from call_analytics.web.state import State
from call_analytics.web.statuses import status_of

PATH = "/api/v1/calls/export"
COST = 10
"""How many requests an export counts as."""
GIVING_WAY_SECONDS = 0.005
"""The pause after each part while others ask: to write one takes a fifth of that."""
MEDIA_TYPES = {
    FileFormat.CSV: "text/csv; charset=utf-8; header=present",
    FileFormat.JSONL: "application/x-ndjson",
}

logger = logging.getLogger("call_analytics")


class ExportEndpoint:
    """The endpoint, as an ASGI application. An export that takes too long is given up."""

    def __init__(self, admission: Admission, *, timeout_seconds: float) -> None:
        self._admission = admission
        self._timeout_seconds = timeout_seconds
        self._running = RunningExports()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a GET or HEAD."""
        request = Request[State](scope, receive)
        record = request.state["record"]
        record.endpoint = "export"
        requester = None
        async with AsyncExitStack() as until_sent:
            try:
                requester = await self._admission.requester(request, cost=COST)
                async with self._admission.answering(request):
                    principal = await requester.identify()
                    record.organization_id = principal.organization_id
                    export = export_asked_for(query_parameters(request), request.state["clock"]())
                    until_sent.enter_context(self._running.export_of(principal.key_id))
                    parts = await until_sent.enter_async_context(
                        aclosing(request.state["exports"].parts(principal.organization_id, export))
                    )
                    first = b"" if request.method == "HEAD" else await anext(parts, b"")
            except ExpectedError as error:
                record.codes.append(error.code)
                refusal = json_response({"detail": str(error)}, status_of(error))
                refusal.headers.update(self._admission.headers(requester, error))
                refusal.headers["Cache-Control"] = self._admission.cache_control(is_good=False)
                await refusal(scope, receive, send)
                return
            headers = _headers(export) | self._admission.headers(requester)
            if request.method == "HEAD":
                head = Response(headers=headers)
                del head.headers["Content-Length"]  # nobody knows it
                await head(scope, receive, send)
                return
            record.sources = ("calls",)
            await self._send(request, send, headers, first, parts)

    async def _send(
        self,
        request: Request[State],
        send: Send,
        headers: dict[str, str],
        first: bytes,
        parts: AsyncIterator[bytes],
    ) -> None:
        """Send the parts until the last, or until the client has left."""
        start = {"type": "http.response.start", "status": 200, "headers": []}
        MutableHeaders(scope=start).update(headers)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await send(start)
                await send({"type": "http.response.body", "body": first, "more_body": True})
                begun = self._admission.begun
                async for part in parts:
                    if await request.is_disconnected():
                        return
                    await send({"type": "http.response.body", "body": part, "more_body": True})
                    before, begun = begun, self._admission.begun
                    if begun != before:
                        await asyncio.sleep(GIVING_WAY_SECONDS)
                await send({"type": "http.response.body", "body": b""})
        except ExpectedError as error:
            request.state["record"].codes.append(error.code)
        except TimeoutError:
            logger.warning("an export was given up after %g seconds", self._timeout_seconds)


def _headers(export: Export) -> dict[str, str]:
    return {
        "Content-Type": MEDIA_TYPES[export.file_format],
        "Content-Disposition": f'attachment; filename="{export.file_name}"',
        "Cache-Control": "private, no-store",
        "Vary": "Authorization",
    }
