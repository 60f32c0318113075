"""uvicorn's HTTP protocol, with bounds on what a connection may cost. uvicorn has no such bounds.

Wherever the server waits for a client, it waits for a bounded time and number of bytes:

- for the head of a request: ``head_timeout_seconds``, ``MAX_FRAMING_BYTES``, ``MAX_FIELDS``;
- for its body, before the answer: the code that reads the body decides;
- for the rest of its body, after the answer: ``body_timeout_seconds``, ``MAX_REST_BYTES``;
- for the next request: uvicorn's time-out of connections that are kept, and when the server stops
  ``STOPPING_SECONDS``;
- for its answer to be taken: ``send_timeout_seconds``, the transport's buffer.

While a request is answered, later bytes of its client stay unread.
"""

import asyncio
import re
import socket
import struct
from enum import Enum, auto
from functools import partial
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from call_analytics.web.connections import BoundedTransport, Connections
from call_analytics.web.limits import ConnectionLimits

MAX_FRAMING_BYTES = 64 * 1024
"""The bytes of a request outside its body: head, and sizes, extensions and trailers of chunks."""
MAX_FIELDS = 200
"""Header fields of a request."""
MAX_REST_BYTES = 1_000_000
"""How much of a body is received after the answer, for clients that read only after sending."""
STOPPING_SECONDS = 1
"""How long a connection without a request is kept while the server stops. Its client may be sending
the next request at that moment."""
PART_BYTES = 1024
"""How many bytes are parsed at once. So many bytes of a request may count for the one before it.
Short requests of so many bytes may wait behind the one that is answered."""

HOST = re.compile(rb"(\[[\w:.%~-]+\]|[\w.~!$&'()*+,;=%-]*)(:[0-9]*)?", re.ASCII)


def http_protocol(limits: ConnectionLimits) -> Any:  # noqa: ANN401 - what uvicorn takes as ``http``
    """The protocol of a server process with these limits."""
    connections = Connections(
        at_most=limits.max_connections,
        at_most_per_address=limits.max_connections_per_address or None,
        trusted_proxies=limits.trusted_proxies,
    )
    return partial(BoundedHttpProtocol, limits=limits, connections=connections)


class Stage(Enum):
    """Which part of a request comes next."""

    HEAD = auto()
    BODY = auto()
    NOTHING = auto()


class BoundedHttpProtocol(HttpToolsProtocol):
    """One connection."""

    transport: Any

    def __init__(
        self, *arguments: Any, limits: ConnectionLimits, connections: Connections, **options: Any
    ) -> None:
        super().__init__(*arguments, **options)
        self.ws_protocol_class = None  # a WebSocket would have no bounds
        self._limits = limits
        self._connections = connections
        self._stage = Stage.HEAD
        self._unparsed = bytearray()
        self._framing_bytes = 0
        self._rest_bytes = 0
        self._refusal: str | None = None
        self._turn: tuple[bool, Stage | None] | None = None
        self._reading_timer: asyncio.TimerHandle | None = None
        self._writing_timer: asyncio.TimerHandle | None = None

    # Called by the transport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected."""
        bounded: Any = BoundedTransport(transport, self._wait_for_writing)
        super().connection_made(bounded)
        if self._connections.enter(self, self.client[0] if self.client else None):
            self._wait()
        else:
            self.transport.write(_refusal_of_a_connection(self._limits.retry_after_seconds))
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        for timer in (self._reading_timer, self._writing_timer):
            if timer is not None:
                timer.cancel()
        self._connections.leave(self)
        self._unparsed.clear()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes have come."""
        self._unparsed += data
        self._parse()

    def eof_received(self) -> None:
        """The client has ended its side. The event loop would close ours without a time limit."""
        self.transport.close()

    def pause_writing(self) -> None:
        """The client reads its answer more slowly than the server sends it."""
        super().pause_writing()
        self._wait_for_writing()

    def resume_writing(self) -> None:
        """The client has read what was sent."""
        super().resume_writing()
        if self._writing_timer is not None and not self.transport.is_closing():
            self._writing_timer.cancel()
            self._writing_timer = None
        self._connections.note(self, is_waiting=not self._is_busy)

    # Called by the parser

    def on_message_begin(self) -> None:
        """The first byte of a request has come."""
        super().on_message_begin()
        self._stage = Stage.HEAD
        self._framing_bytes = self._rest_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header field has come, or a trailer field, which is ignored."""
        if self._stage is not Stage.HEAD:
            return
        super().on_header(name, value)
        if len(self.headers) > MAX_FIELDS:
            self._refuse("The request has too many header fields.")

    def on_headers_complete(self) -> None:
        """The head of a request is here."""
        version = self.parser.get_http_version()
        hosts = [value for name, value in self.headers if name == b"host"]
        if version not in {"1.0", "1.1"}:
            self._refuse("The version of HTTP must be 1.1 or 1.0.")
        if len(hosts) > 1 or (version == "1.1" and not hosts):
            self._refuse("The request must have one Host header.")
        if hosts and not HOST.fullmatch(hosts[0]):
            self._refuse("The Host header must be a host and, if need be, a port.")
        super().on_headers_complete()
        if self.parser.should_upgrade() or self._connections.are_ending:
            self.cycle.keep_alive = False  # after an upgrade, what follows is not HTTP
        self._stage = Stage.BODY

    def on_body(self, body: bytes) -> None:
        """A part of a request's body has come."""
        self._framing_bytes -= len(body)
        super().on_body(body)
        if self.cycle.response_complete:
            self._rest_bytes += len(body)
            if self._rest_bytes > MAX_REST_BYTES:
                self.transport.close()

    def on_message_complete(self) -> None:
        """The last byte of a request has come."""
        super().on_message_complete()
        self._stage = Stage.NOTHING

    # Called by uvicorn

    def on_response_complete(self) -> None:
        """A request is answered."""
        super().on_response_complete()
        if self._refusal is not None:
            self.send_400_response(self._refusal)
        self._parse()

    def shutdown(self) -> None:
        """The server stops. This connection ends after its next answer."""
        self._connections.are_ending = True
        if self.cycle is not None and not self.cycle.response_started:
            self.cycle.keep_alive = False
        self._turn = None  # the client has less time from now on
        self._wait()

    def send_400_response(self, msg: str) -> None:
        """Refuse a request, after the requests before it are answered."""
        if self.transport.is_closing():
            return
        if self._is_busy:
            self._refusal = self._refusal or msg
        elif self._stage is Stage.BODY and self.cycle.response_started:
            self.transport.close()  # the client expects no other answer
        else:
            super().send_400_response(msg)

    def timeout_keep_alive_handler(self) -> None:
        """Do nothing: ``_wait`` limits the time until the next request."""

    def abort(self) -> None:
        """End the connection at once, and drop what was not sent yet."""
        reset = struct.pack("ii", 1, 0)  # so that the kernel does not go on sending
        self.transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, reset
        )
        self.transport.abort()

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def _is_busy(self) -> bool:
        """Whether it is the server's turn: there is a whole request without an answer."""
        return self._is_answering and (self._stage is not Stage.BODY or bool(self.pipeline))

    def _parse(self) -> None:
        """Parse the bytes that have come while it is the client's turn. The rest stays unread."""
        while self._unparsed and not (
            self._is_busy or self._refusal is not None or self.transport.is_closing()
        ):
            part = bytes(self._unparsed[:PART_BYTES])
            del self._unparsed[:PART_BYTES]
            self._framing_bytes += len(part)
            super().data_received(part)
            if self._framing_bytes > MAX_FRAMING_BYTES and not self._is_busy:
                self._give_up()
        if self._unparsed:
            self.transport.hold()
        elif self.transport.is_held:
            self.transport.is_held = False
            if not self.flow.read_paused:
                self.transport.resume_reading()
        self._wait()

    def _wait(self) -> None:
        """Begin to wait for what the client must send next, if that is something new."""
        # The code that answers a request limits the time in which its body may come.
        awaited = None if self._is_answering else self._stage
        turn = (self._is_busy, awaited)
        if turn == self._turn or self.transport.is_closing():
            return
        self._turn = turn
        self._connections.note(self, is_waiting=not self._is_busy)
        if self._reading_timer is not None:
            self._reading_timer.cancel()
            self._reading_timer = None
        if awaited is not None:
            self._reading_timer = self.loop.call_later(self._time_limit(awaited), self._give_up)

    @property
    def _is_spare(self) -> bool:
        """Whether the server stops, and the client has begun no further request."""
        has_begun_none = self._stage is Stage.NOTHING or self.headers is None
        return has_begun_none and self._connections.are_ending

    def _time_limit(self, stage: Stage) -> float:
        """Seconds in which a part of a request must have come."""
        if self._is_spare:
            return STOPPING_SECONDS
        if stage is Stage.NOTHING:
            return self.timeout_keep_alive
        if stage is Stage.HEAD:
            return self._limits.head_timeout_seconds
        return self._limits.body_timeout_seconds

    def _wait_for_writing(self) -> None:
        """Begin to wait for the client to take its answer."""
        self._connections.note(self, is_waiting=True)
        if self._writing_timer is None:
            self._writing_timer = self.loop.call_later(
                self._limits.send_timeout_seconds, self.abort
            )

    def _give_up(self) -> None:
        if self._stage is Stage.NOTHING or self._is_spare:
            self.transport.close()
        else:
            part = "head" if self._stage is Stage.HEAD else "framing"
            self.send_400_response(f"The {part} of the request is too long or came too slowly.")

    def _refuse(self, message: str) -> None:
        self.send_400_response(message)
        raise httptools.HttpParserError(message)  # so that nothing more is parsed


def _refusal_of_a_connection(retry_after_seconds: int) -> bytes:
    message = "There are too many connections."
    return (
        "HTTP/1.1 503 Service Unavailable\r\n"
        "content-type: text/plain; charset=utf-8\r\n"
        f"content-length: {len(message)}\r\n"
        f"retry-after: {retry_after_seconds}\r\n"
        "connection: close\r\n"
        f"\r\n{message}"
    ).encode()
