"""uvicorn's HTTP protocol, with bounds on the head of a request, which it has none of."""

import asyncio
from functools import partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from settings import Settings

MAX_HEAD_BYTES = 64 * 1024


def http_protocol(settings: Settings) -> Any:  # noqa: ANN401 - what uvicorn takes as ``http``
    """The protocol of a server with these settings."""
    return partial(BoundedHttpProtocol, head_timeout=settings.head_timeout_seconds)


class BoundedHttpProtocol(HttpToolsProtocol):
    """One connection. A head that comes too slowly, or has no end, is not waited for."""

    def __init__(self, *arguments: Any, head_timeout: float, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._head_timeout = head_timeout
        self._head_timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected."""
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Some bytes have come."""
        super().data_received(data)
        if self._head_timer is not None:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse_head()

    def on_message_begin(self) -> None:
        """The first byte of a request has come."""
        super().on_message_begin()
        self._await_head()

    def on_headers_complete(self) -> None:
        """The head of a request is here."""
        self._stop_waiting()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        if self._head_timer is None:
            self._head_bytes = 0
            self._head_timer = self.loop.call_later(self._head_timeout, self._refuse_head)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse_head(self) -> None:
        self._stop_waiting()
        self.send_400_response("The head of the request is too long or came too slowly.")
