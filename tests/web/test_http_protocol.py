"""What a connection may cost: every byte of it is bounded in number and in time."""

import asyncio
import json
import re
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from call_analytics.settings import Settings
from call_analytics.web.connections import Connections
from call_analytics.web.http_protocol import MAX_FIELDS, MAX_FRAMING_BYTES
from tests.command import started
from tests.serving import serving, serving_app
from tests.tenants import Tenant

pytestmark = pytest.mark.starts_server

Address = tuple[str, int]

PATIENCE = 60
"""Seconds until a test gives up."""
ENDLESS = 20_000_000
"""More bytes than anybody may send, and than the buffers of a socket hold."""
PATIENT = {"head_timeout_seconds": 3_600, "body_timeout_seconds": 3_600}
HASTY = {"head_timeout_seconds": 3, "body_timeout_seconds": 1, "send_timeout_seconds": 1}
GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
OK = b'{"status":"ok"}'


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is tested here is the same on every database."""
    return sqlite_url


@contextmanager
def listening(database_url: str, **changes: object) -> Iterator[Address]:
    """The address of a running server."""
    with serving(database_url, **changes) as base:
        parts = urlsplit(base)
        assert parts.hostname
        assert parts.port
        yield parts.hostname, parts.port


@pytest.fixture
def patient(database_url: str) -> Iterator[Address]:
    """A server that has all the time in the world."""
    with listening(database_url, **PATIENT) as address:
        yield address


@pytest.fixture
def hasty(database_url: str) -> Iterator[Address]:
    """A server that waits for nobody."""
    with listening(database_url, **HASTY) as address:
        yield address


def connect(address: Address) -> socket.socket:
    """A connection to a server."""
    return socket.create_connection(address, timeout=PATIENCE)


def read_to_end(connection: socket.socket) -> bytes:
    """Everything that comes until the server ends the connection."""
    received = b""
    with suppress(ConnectionError):
        while part := connection.recv(65_536):
            received += part
    return received


def read_until(connection: socket.socket, end: bytes) -> bytes:
    """What comes until there is a certain text."""
    received = b""
    while end not in received:
        part = connection.recv(65_536)
        assert part, received
        received += part
    return received


def exchange(address: Address, sent: bytes) -> bytes:
    """Everything that is answered until the server ends the connection."""
    with connect(address) as connection:
        connection.sendall(sent)
        return read_to_end(connection)


def sent_until_it_ended(connection: socket.socket, endless: bytes) -> int:
    """How many bytes could be sent until the server had ended the connection."""
    block = endless * (65_536 // len(endless))
    sent = 0
    with suppress(ConnectionError):
        while sent < ENDLESS:
            connection.sendall(block)
            sent += len(block)
    return sent


def drip_until_it_ended(connection: socket.socket, drop: bytes) -> bytes:
    """What the server answers to somebody who sends a little at a time, until it ends it."""
    received = b""
    deadline = time.monotonic() + PATIENCE
    connection.settimeout(0.05)
    while time.monotonic() < deadline:
        try:
            part = connection.recv(65_536)
            if not part:
                return received
            received += part
        except TimeoutError:
            connection.sendall(drop)
        except ConnectionError:
            return received
    raise AssertionError(f"the connection was never ended: {received!r}")


@pytest.mark.parametrize(
    ("begun", "endless"),
    [
        pytest.param(CHUNKED + b"0\r\n", b"X-Trailer: 12345\r\n", id="trailers"),
        pytest.param(CHUNKED + b"0\r\nX-Trailer: ", b"x", id="a trailer"),
        pytest.param(CHUNKED + b"1;", b"x", id="an extension of a chunk"),
        pytest.param(CHUNKED, b"1;abcdefghijkl\r\nx\r\n", id="chunks with extensions"),
        pytest.param(GET + b"X-Field: ", b"x", id="a header field"),
        pytest.param(b"GET /?", b"x", id="a path"),
        pytest.param(b"", b"\r\n", id="blank lines"),
        pytest.param(
            GET + b"Content-Length: 1000000000\r\n\r\n", b"x", id="a body that nobody reads"
        ),
        pytest.param(
            GET + b"Transfer-Encoding: chunked\r\n\r\n0\r\n",
            b"X-Trailer: 12345\r\n",
            id="trailers that nobody reads",
        ),
        pytest.param(
            GET + b"Transfer-Encoding: chunked\r\n\r\n", b"1;abcdefghijkl\r\nx\r\n", id="its chunks"
        ),
    ],
)
def test_nothing_of_a_request_is_without_end(
    patient: Address, begun: bytes, endless: bytes
) -> None:
    with connect(patient) as connection:
        connection.sendall(begun)

        assert sent_until_it_ended(connection, endless) < ENDLESS


def test_blank_lines_between_requests_have_an_end(patient: Address) -> None:
    with connect(patient) as connection:
        connection.sendall(GET + b"\r\n")
        read_until(connection, OK)

        assert sent_until_it_ended(connection, b"\r\n") < ENDLESS


@pytest.mark.parametrize(
    ("count", "status"), [(MAX_FIELDS - 1, b"200"), (MAX_FIELDS, b"400")], ids=["most", "more"]
)
def test_the_fields_of_a_head_are_counted(patient: Address, count: int, status: bytes) -> None:
    fields = b"".join(b"X-%d: 1\r\n" % number for number in range(count))
    head = b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n"
    with connect(patient) as connection:
        connection.sendall(head)

        assert read_until(connection, b"\r\n\r\n").startswith(b"HTTP/1.1 " + status)


def test_a_large_head_is_read(patient: Address) -> None:
    """The sizes and extensions of chunks do not count for the next head."""
    field = b"X-Large: " + b"x" * (MAX_FRAMING_BYTES - 2_000) + b"\r\n"
    body = b"5;" + b"y" * (MAX_FRAMING_BYTES - 2_000) + b"\r\nhello\r\n0\r\n\r\n"
    chunked = GET + b"Transfer-Encoding: chunked\r\n\r\n" + body
    with connect(patient) as connection:
        for _ in range(2):
            connection.sendall(chunked + GET + field + b"\r\n")
            answer = read_until(connection, OK)
            while answer.count(OK) < 2:
                answer += read_until(connection, OK)

    assert b"HTTP/1.1 400" not in answer


@pytest.mark.parametrize(
    ("sent", "drop", "status"),
    [
        (GET + b"Content-Length: 100000\r\n\r\n", b"x", b"200"),
        (GET + b"Content-Length: 100000\r\n\r\n", b"", b"200"),
        (GET + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: 1\r\n", b"200"),
        (POST.replace(b"json", b"xml") + b"Content-Length: 100000\r\n\r\n", b"x", b"415"),
        (b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n", b"x", b"415"),
        (CHUNKED + b"0\r\n", b"X-Trailer: 1\r\n", b"408"),
        (GET + b"\r\n", b"\r\n", b"200"),
        (b"", b"\r\n", b"400"),
    ],
)
def test_no_byte_is_waited_for_without_end(
    hasty: Address, sent: bytes, drop: bytes, status: bytes
) -> None:
    with connect(hasty) as connection:
        connection.sendall(sent)
        answer = drip_until_it_ended(connection, drop)

    assert answer.startswith(b"HTTP/1.1 " + status)
    assert answer.count(b"HTTP/1.1") == 1


def test_an_answer_is_not_kept_for_who_does_not_take_it(hasty: Address) -> None:
    with connect(hasty) as connection:
        assert sent_until_it_ended(connection, GET + b"\r\n") < ENDLESS


class AnswersThatNobodyTakes:
    """An application that ends its answer as soon as the buffers of the kernel are full."""

    def __init__(self, connection: bytes) -> None:
        self.connection = connection
        self.has_ended = threading.Event()

    async def __call__(self, scope: Any, _receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        headers = [(b"connection", self.connection)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        while not send.__self__.transport.get_write_buffer_size():
            await send({"type": "http.response.body", "body": b"x" * 10_000, "more_body": True})
            await asyncio.sleep(0)  # it is sent when the event loop comes round
        await send({"type": "http.response.body", "body": b"the end"})
        self.has_ended.set()


@pytest.mark.parametrize(
    ("connection", "sends_on"), [(b"close", True), (b"keep-alive", True), (b"keep-alive", False)]
)
def test_the_end_of_an_answer_is_not_kept_for_who_does_not_take_it(
    connection: bytes, sends_on: bool
) -> None:
    app = AnswersThatNobodyTakes(connection)
    with serving_app(app, Settings.model_validate(HASTY)) as address, connect(address) as client:
        client.sendall(GET + b"\r\n")
        assert app.has_ended.wait(PATIENCE)
        if not sends_on:
            client.shutdown(socket.SHUT_WR)
        poll = select.poll()
        poll.register(client, 0)

        assert poll.poll(1_000 * PATIENCE)  # the other end is gone, though nothing was read
        assert b"the end" not in read_to_end(client)


def test_who_sends_a_body_that_nobody_reads_keeps_the_connection(patient: Address) -> None:
    head = GET + b"Content-Length: 90000\r\n\r\n"
    with connect(patient) as connection:
        for _ in range(3):
            connection.sendall(head + b"x" * 40_000)
            read_until(connection, OK)
            connection.sendall(b"x" * 50_000)


def test_requests_may_come_in_one_piece(patient: Address) -> None:
    with connect(patient) as connection:
        connection.sendall((GET + b"\r\n") * 1_000)
        answer = b""
        while answer.count(OK) < 1_000:
            answer += connection.recv(65_536)

    assert answer.count(b"HTTP/1.1 200") == 1_000


def test_the_beginning_of_the_next_head_does_no_harm(patient: Address) -> None:
    body = json.dumps({"query": "{ __typename }" + " " * 90_000}).encode()
    request = POST + b"Content-Length: %d\r\n\r\n" % len(body) + body
    with connect(patient) as connection:
        connection.sendall(request + GET)
        first = read_until(connection, b"}")
        connection.sendall(b"\r\n")
        second = read_until(connection, OK)

    assert first.startswith(b"HTTP/1.1 200")
    assert first.endswith(b'{"data":{"__typename":"Query"}}')
    assert second.startswith(b"HTTP/1.1 200")


def test_a_head_that_has_begun_is_not_timed_as_an_idle_connection() -> None:
    settings = Settings.model_validate(PATIENT)
    with (
        serving_app(Stuck(at_once=2), settings, timeout_keep_alive=1) as address,
        connect(address) as connection,
    ):
        connection.sendall(GET + b"\r\n" + GET)
        read_until(connection, OK)
        time.sleep(2)  # longer than a connection may be idle
        connection.sendall(b"\r\n")

        assert read_until(connection, OK).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "bad", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", CHUNKED + b"no number\r\n"]
)
def test_a_bad_request_does_not_take_the_answer_of_the_one_before_it(
    patient: Address, bad: bytes
) -> None:
    answer = exchange(patient, GET + b"\r\n" + bad)

    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"400"]
    assert answer.index(OK) < answer.index(b"HTTP/1.1 400")


def test_a_bad_body_that_nobody_reads_gets_no_answer_of_its_own(patient: Address) -> None:
    """A proxy would take it for the answer to somebody else's request."""
    with connect(patient) as connection:
        connection.sendall(GET + b"Transfer-Encoding: chunked\r\n\r\n")
        answer = read_until(connection, OK)
        connection.sendall(b"no number\r\n")
        answer += read_to_end(connection)

    assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /healthz HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", b"400"),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: 1\r\nhost: y\r\n\r\n", b"400"),
        (b"GET /healthz HTTP/1.1\r\nHost: x/y\r\n\r\n", b"400"),
        (b"GET /healthz HTTP/1.1\r\nHost: me@x\r\n\r\n", b"400"),
        (b"GET /healthz HTTP/1.1\r\nHost: x, y\r\n\r\n", b"400"),
        (b"GET /healthz HTTP/1.1\r\nHost: x:port\r\n\r\n", b"400"),
        (b"GET /healthz HTTP/1.1\r\nHost: x\xe9\r\n\r\n", b"400"),
        (b"GET /healthz HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n", b"400"),
        (b"GET /healthz\r\n\r\n", b"400"),
        (b"GET /healthz HTTP/0.9\r\nHost: x\r\n\r\n", b"400"),
        (b"GET /healthz HTTP/2.0\r\nHost: x\r\n\r\n", b"400"),
        # Load balancers look with these whether it lives.
        (b"GET /healthz HTTP/1.0\r\n\r\n", b"200"),
        (b"GET /healthz HTTP/1.0\r\nHost: 10.0.0.1:8000\r\n\r\n", b"200"),
        (b"GET /healthz HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n", b"200"),
        (b"GET /healthz HTTP/1.1\r\nHost: [::1]:80\r\nConnection: close\r\n\r\n", b"200"),
        (b"GET /healthz HTTP/1.1\r\nHost: a_b.example\r\nConnection: close\r\n\r\n", b"200"),
    ],
)
def test_a_request_names_one_host(patient: Address, head: bytes, status: bytes) -> None:
    answer = exchange(patient, head)

    assert answer.startswith(b"HTTP/1.1 " + status)
    assert answer.count(b"HTTP/1.1") == 1


def test_a_trailer_is_no_header(patient: Address, tenant: Tenant) -> None:
    """A proxy that removes or adds headers does not look at trailers."""
    body = b'{"query": "{ callAnalytics { totalCalls } }"}'
    trailer = b"Authorization: Bearer " + tenant.key.encode()
    sent = CHUNKED + b"%x\r\n%s\r\n0\r\n%s\r\n\r\n" % (len(body), body, trailer)
    with connect(patient) as connection:
        connection.sendall(sent)
        answer = read_until(connection, b"}]")

    assert b"UNAUTHENTICATED" in answer


@pytest.mark.parametrize("protocol", [b"websocket", b"h2c"])
def test_no_other_protocol_is_spoken(patient: Address, protocol: bytes) -> None:
    """What follows is not HTTP, so nothing of it is taken for a request."""
    head = b"Connection: Upgrade\r\nUpgrade: " + protocol + b"\r\nSec-WebSocket-Version: 13\r\n"
    with connect(patient) as connection:
        connection.sendall(GET + head + b"Content-Length: %d\r\n\r\n" % len(GET + b"\r\n"))
        answer = read_until(connection, OK)
        with suppress(ConnectionError):
            connection.sendall(GET + b"\r\n")
        answer += read_to_end(connection)

    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200"]


class Stuck:
    """An application that answers some requests at once, and all others when it is told to."""

    def __init__(self, at_once: int) -> None:
        self.at_once = at_once
        self.begun = threading.Event()
        self.may_end = threading.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        assert scope["type"] == "http"
        await receive()
        await asyncio.sleep(0)  # so that the event loop may receive meanwhile
        self.at_once -= 1
        if self.at_once < 0:
            self.begun.set()
            await asyncio.to_thread(self.may_end.wait)
        headers = [(b"content-length", b"15")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": OK})


@contextmanager
def stuck(at_once: int = 0, **changes: object) -> Iterator[tuple[Stuck, Address]]:
    """A server whose requests take as long as the test wants."""
    app = Stuck(at_once)
    settings = Settings.model_validate(changes)
    with serving_app(app, settings) as address:
        try:
            yield app, address
        finally:
            app.may_end.set()


@pytest.mark.parametrize(
    "behind",
    [GET + b"\r\n", POST + b"Content-Length: 1\r\n\r\nx", GET],
    ids=["get", "post", "head"],
)
def test_what_comes_behind_a_request_stays_unread_until_its_answer(behind: bytes) -> None:
    with stuck(**PATIENT) as (app, address), connect(address) as connection:
        connection.sendall(GET + b"\r\n")
        assert app.begun.wait(PATIENCE)
        connection.settimeout(2)

        with pytest.raises(TimeoutError):  # which tells that the server reads no more
            sent_until_it_ended(connection, behind)


def test_answers_let_no_more_in_than_they_answer() -> None:
    with stuck(at_once=5_000, **PATIENT) as (_, address), connect(address) as connection:
        connection.settimeout(2)

        with pytest.raises(TimeoutError):
            sent_until_it_ended(connection, GET + b"\r\n")


def begin_to_post(connection: socket.socket) -> None:
    """Send a head, and return when the server waits for the body."""
    connection.sendall(POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    read_until(connection, b"100 Continue\r\n\r\n")


def test_a_new_connection_takes_the_place_of_the_one_that_waits_longest(
    database_url: str,
) -> None:
    with (
        listening(database_url, **PATIENT, max_connections=3) as address,
        ExitStack() as places,
    ):
        waiting = [places.enter_context(connect(address)) for _ in range(3)]
        for number in (1, 2, 0):
            begin_to_post(waiting[number])

        assert OK in exchange(address, b"GET /healthz HTTP/1.0\r\n\r\n")

        assert read_to_end(waiting[1]) == b""
        for number in (0, 2):
            waiting[number].sendall(b"{}")
            assert b"The request has no query." in read_until(waiting[number], b"}]")


def test_a_connection_that_is_answered_keeps_its_place() -> None:
    with stuck(max_connections=1) as (app, address), connect(address) as connection:
        connection.sendall(GET + b"\r\n")
        assert app.begun.wait(PATIENCE)

        refused = exchange(address, b"")
        app.may_end.set()

        assert OK in read_until(connection, OK)
    assert refused.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"\r\nretry-after: 5\r\n" in refused


def test_an_address_has_only_so_many_connections(database_url: str) -> None:
    with listening(database_url, **PATIENT, max_connections_per_address=2) as address:
        with connect(address) as first, connect(address) as second:
            begin_to_post(first)
            begin_to_post(second)

            assert exchange(address, b"").startswith(b"HTTP/1.1 503")
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:  # until the server knows that they are gone
            if OK in exchange(address, b"GET /healthz HTTP/1.0\r\n\r\n"):
                return
    raise AssertionError("the places were never free again")


def test_a_trusted_proxy_has_any_number(database_url: str) -> None:
    changes = {"max_connections_per_address": 1, "trusted_proxies": "10.0.0.0/8, 127.0.0.1"}
    with listening(database_url, **PATIENT, **changes) as address, ExitStack() as places:
        for connection in [places.enter_context(connect(address)) for _ in range(5)]:
            connection.sendall(GET + b"\r\n")
            assert OK in read_until(connection, OK)


class Client:
    """A connection that tells whether it was ended."""

    ended = False

    def abort(self) -> None:
        """End it."""
        self.ended = True


@pytest.mark.parametrize(
    ("first", "second", "is_same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("2001:db8::1", "2001:db8:0:0:ffff::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%1", "fe80::2%2", True),
        ("198.51.100.1", "198.51.100.1", False),  # a trusted proxy
        ("::ffff:198.51.100.1", "::ffff:198.51.100.1", False),
        (None, None, False),  # a socket of this machine
    ],
)
def test_addresses_are_counted_in_one_form(
    first: str | None, second: str | None, is_same: bool
) -> None:
    connections = Connections(
        at_most=10, at_most_per_address=1, trusted_proxies="203.0.113.1, 198.51.100.0/24"
    )

    assert connections.enter(Client(), first)
    assert connections.enter(Client(), second) is not is_same


def test_if_every_proxy_is_trusted_none_is_limited() -> None:
    connections = Connections(at_most=10, at_most_per_address=1, trusted_proxies="*")

    assert [connections.enter(Client(), "192.0.2.1") for _ in range(3)] == [True] * 3


def test_nothing_that_a_client_sent_is_in_the_log(
    tmp_path: Path, database_url: str, tenant: Tenant
) -> None:
    mark = b"remarkable"
    body = b'{"query": "{ %s }"}' % mark
    requests = [
        mark + b"\r\n\r\n",
        b"\x16\x03\x01" + mark,
        b"GET /" + mark + b"\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT " + mark + b":0 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /" + mark + b" HTTP/1.1\r\nHost: " + mark + b"\r\nConnection: close\r\n\r\n",
        GET + mark + b": " + mark + b"\x00\r\n\r\n",
        GET + b"Connection: Upgrade\r\nUpgrade: " + mark + b"\r\n\r\n",
        GET + b"Host: " + mark + b"\r\n\r\n",
        CHUNKED + mark,
        POST + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body,
    ]
    with started(tmp_path, "serve", DATABASE_URL=database_url, LOG_LEVEL="debug") as (base, _):
        parts = urlsplit(base)
        assert parts.hostname
        assert parts.port
        answers = [exchange((parts.hostname, parts.port), request) for request in requests]

    log = (tmp_path / "log.txt").read_bytes()
    assert all(answer.startswith(b"HTTP/1.1 ") for answer in answers)
    assert b'"message":"request"' in log
    assert mark not in log
    assert tenant.key.encode() not in log
