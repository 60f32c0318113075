"""What is sent to a GraphQL server by those who mean it ill.

The checks of graphql-cop (https://github.com/dolevf/graphql-cop) and incidents that were published
about other servers, each as what must happen here instead: a refusal with a code, and no SQL.
"""

import hashlib
import json
import logging
import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from sqlalchemy import Engine, event, text, update
from starlette.testclient import TestClient

from call_analytics.db.models import UserApiKey
from call_analytics.telemetry.logs import SafeFormatter
from tests.hostile import DOCUMENTS
from tests.platform import Platform, recorded_statements
from tests.serving import serving
from tests.tenants import Tenant

STRICT = {"Accept": "application/graphql-response+json"}
FIGURES = {"query": "{ callAnalytics { totalCalls } }"}
REST = "/api/v1/calls/analytics"
ID = "x-request-id"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is tested here is the same on every database."""
    return sqlite_url


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_a_hostile_document_is_refused_before_any_sql(
    service: Any, tenant: Tenant, name: str
) -> None:
    document, code = DOCUMENTS[name]
    client = service(key_cache_seconds=60)
    client.post("/graphql", json=FIGURES, headers=tenant.headers)  # the key is known from now on
    with recorded_statements() as statements:
        response = client.post(
            "/graphql", json={"query": document}, headers={**tenant.headers, **STRICT}
        )

    assert response.status_code == (422 if code == "BAD_USER_INPUT" else 400)
    assert {error["extensions"]["code"] for error in response.json()["errors"]} == {code}
    assert len(response.json()["errors"]) <= 20
    assert statements == []


def test_introspection_cannot_be_made_deep(client: TestClient) -> None:
    """What is left of it is answered from memory; nothing of it reaches the database."""
    inner = "name"
    for _ in range(3):
        inner = f"fields {{ type {{ {inner} }} }}"

    response = client.post("/graphql", json={"query": f"{{ __schema {{ types {{ {inner} }} }} }}"})

    assert response.json()["errors"][0]["message"] == "Maximum introspection depth exceeded"


@pytest.mark.parametrize("count", [2, 50])
def test_requests_are_not_batched(client: TestClient, tenant: Tenant, count: int) -> None:
    with recorded_statements() as statements:
        response = client.post("/graphql", json=[FIGURES] * count, headers=tenant.headers)

    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert statements == []


@pytest.mark.parametrize(
    "content_type",
    ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", ""],
)
def test_a_form_of_another_site_is_refused(
    client: TestClient, tenant: Tenant, content_type: str
) -> None:
    """A browser sends these without asking first."""
    headers = {**tenant.headers, "Content-Type": content_type, "Origin": "https://evil.example"}
    with recorded_statements() as statements:
        response = client.post("/graphql", content=urlencode(FIGURES), headers=headers)

    assert response.status_code == 415
    assert "access-control-allow-origin" not in response.headers
    assert statements == []


@pytest.mark.parametrize("place", ["key", "api_key", "access_token", "authorization"])
@pytest.mark.parametrize("path", ["/graphql", REST])
def test_a_key_in_a_query_string_opens_nothing_and_is_not_logged(
    client: TestClient,
    tenant: Tenant,
    caplog: pytest.LogCaptureFixture,
    place: str,
    path: str,
) -> None:
    with caplog.at_level(logging.DEBUG), recorded_statements() as statements:
        response = client.get(path, params={**FIGURES, place: tenant.key}, headers=STRICT)

    assert response.status_code == 401
    assert statements == []
    lines = [
        SafeFormatter().format(record)
        for record in caplog.records
        if record.name.startswith(("call_analytics", "uvicorn"))
    ]
    assert lines
    assert tenant.key not in response.text + "".join(lines)


def test_a_key_in_a_document_reaches_no_log_line(
    client: TestClient, tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    document = f"query {tenant.key} {{ callAnalytics {{ totalCalls }} }}"
    with caplog.at_level(logging.DEBUG, "call_analytics"):
        client.post("/graphql", json={"query": document}, headers=tenant.headers)

    lines = [SafeFormatter().format(record) for record in caplog.records]
    assert any('"operation":"[secret]"' in line for line in lines)
    assert not any(tenant.key in line for line in lines)


@pytest.mark.parametrize("path", ["/graphql?query={callAnalytics{id}}", REST])
def test_nothing_tells_why_a_key_is_not_valid(
    service: Any, platform: Platform, tenant: Tenant, path: str
) -> None:
    """Neither words nor work: an unknown key is looked up as one that was revoked."""
    client = service(stranger_requests_per_minute=0)
    closed = platform.add_organization(is_active=False)
    keys = [
        "burki_" + "0" * 32,
        platform.add_key(tenant.organization_id, is_active=False),
        platform.add_key(closed),
    ]
    seen = set()
    for key in keys:
        with recorded_statements() as statements:
            response = client.get(path, headers={"Authorization": f"Bearer {key}", **STRICT})
        headers = {name: response.headers[name] for name in response.headers if name != ID}
        seen.add((response.status_code, response.text, str(headers), *statements))

    assert len(seen) == 1
    assert seen.pop()[0] == 401


def test_a_key_is_looked_up_by_its_hash_alone(client: TestClient, tenant: Tenant) -> None:
    """So how long a look-up takes says nothing of how much of a guessed key is right."""
    sent: list[str] = []

    def record(_connection: Any, _cursor: Any, _sql: str, parameters: Any, *_rest: Any) -> None:
        sent.append(str(parameters))

    event.listen(Engine, "before_cursor_execute", record)
    try:
        client.get(REST, headers=tenant.headers)
    finally:
        event.remove(Engine, "before_cursor_execute", record)

    assert hashlib.sha256(tenant.key.encode()).hexdigest() in sent[0]
    assert not any(tenant.key in parameters for parameters in sent)


@pytest.mark.parametrize("depth_bomb", ['{"a":' * 15_000, "[" * 90_000, '{"query":' + "[" * 90_000])
def test_deeply_nested_json_is_refused(client: TestClient, depth_bomb: str) -> None:
    response = client.post(
        "/graphql", content=depth_bomb, headers={"Content-Type": "application/json"}
    )

    assert response.status_code == 400


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_a_compressed_body_is_not_inflated(client: TestClient, encoding: str) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding}

    assert client.post("/graphql", content=b"\x1f\x8b" * 100, headers=headers).status_code == 415


def test_strangers_are_limited_by_their_address_whatever_they_forward(service: Any) -> None:
    client = service(stranger_requests_per_minute=3)

    statuses = [
        client.get(REST, headers={"X-Forwarded-For": f"198.51.100.{number}"}).status_code
        for number in range(5)
    ]

    assert statuses == [401, 401, 401, 429, 429]


def test_guessed_keys_are_limited_before_they_are_looked_up(service: Any) -> None:
    client = service(stranger_requests_per_minute=3)
    with recorded_statements() as statements:
        statuses = [
            client.get(REST, headers={"Authorization": f"Bearer burki_{number}"}).status_code
            for number in range(10)
        ]

    assert statuses == [401] * 3 + [429] * 7
    assert len(statements) == 3


def test_hostile_documents_use_up_what_their_sender_may_ask(service: Any, tenant: Tenant) -> None:
    client = service(requests_per_minute=30)
    bad = {"query": "{ a: b: c }"}
    client.post("/graphql", json=FIGURES, headers=tenant.headers)  # the key is known from now on

    statuses = [
        client.post("/graphql", json=bad, headers={**tenant.headers, **STRICT}).status_code
        for _ in range(5)
    ]

    assert statuses == [400, 400, 429, 429, 429]


@pytest.mark.parametrize("key_cache_seconds", [0, 60])
def test_a_key_pays_for_hostile_documents_whether_it_is_remembered_or_not(
    service: Any, platform: Platform, tenant: Tenant, key_cache_seconds: int
) -> None:
    platform.run(
        platform.execute(update(UserApiKey).values(rate_limit={"requests_per_minute": 30}))
    )
    client = service(key_cache_seconds=key_cache_seconds)
    client.post("/graphql", json=FIGURES, headers=tenant.headers)

    assert _statuses(client, tenant.headers) == [400, 400, 429, 429]


def test_a_revoked_key_pays_as_a_stranger(service: Any, platform: Platform, tenant: Tenant) -> None:
    client = service(key_cache_seconds=0, stranger_requests_per_minute=22)
    client.post("/graphql", json=FIGURES, headers=tenant.headers)  # one of the stranger's too
    platform.run(platform.execute(update(UserApiKey).values(is_active=False)))

    assert _statuses(client, tenant.headers) == [400, 400, 429, 429]


def test_documents_are_bounded_while_no_key_can_be_looked_up(
    service: Any, platform: Platform, tenant: Tenant
) -> None:
    client = service(key_cache_seconds=0, requests_per_minute=30, stranger_requests_per_minute=22)
    client.post("/graphql", json=FIGURES, headers=tenant.headers)  # one of the stranger's too
    platform.run(platform.execute(text("ALTER TABLE user_api_keys RENAME TO elsewhere")))

    assert client.get(REST, headers=tenant.headers).status_code == 503
    assert _statuses(client, tenant.headers) == [400, 400, 429, 429]
    assert _statuses(client, {"Authorization": "Bearer burki_new"}) == [400, 400, 429, 429]


def test_invented_keys_pay_for_hostile_documents_together(service: Any) -> None:
    client = service(stranger_requests_per_minute=25)

    statuses = [
        _statuses(client, {"Authorization": f"Bearer burki_{number}"})[0] for number in range(2)
    ]

    assert statuses == [400, 429]


ENDLESS = [
    ("POST", {"headers": {"Accept": "text/html;q=1," * 4_000}}, 406, "NOT_ACCEPTABLE"),
    ("GET", {"headers": {"Accept": "*/*;" * 15_000}}, 406, "NOT_ACCEPTABLE"),
    ("GET", {"headers": {"Accept": "*" * 501}}, 406, "NOT_ACCEPTABLE"),
    ("GET", {"params": "a=1&" * 15_000}, 422, "BAD_USER_INPUT"),
]


@pytest.mark.parametrize(("method", "sent", "status", "code"), ENDLESS)
@pytest.mark.parametrize("with_key", [True, False])
def test_what_has_no_end_is_counted_and_not_parsed(
    service: Any,
    tenant: Tenant,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    sent: dict[str, Any],
    status: int,
    code: str,
    with_key: bool,
) -> None:
    client = service(requests_per_minute=4, stranger_requests_per_minute=4, key_cache_seconds=60)
    headers = {**sent.get("headers", {}), **(tenant.headers if with_key else {})}
    client.get(REST, headers=tenant.headers if with_key else {})
    monkeypatch.setattr("call_analytics.web.graphql_endpoint.mimeparse", None)
    monkeypatch.setattr("starlette.requests.QueryParams", None)

    answers = [client.request(method, "/graphql", **{**sent, "headers": headers}) for _ in range(5)]

    assert [answer.status_code for answer in answers] == [status] * 3 + [429] * 2
    assert answers[0].json()["errors"][0]["extensions"] == {"code": code}


def test_a_query_string_without_an_end_is_not_parsed_for_rest_either(
    client: TestClient, tenant: Tenant
) -> None:
    stranger = client.get(REST, params="a=1&" * 15_000)
    known = client.get(REST, params="a=1&" * 15_000, headers=tenant.headers)

    assert stranger.status_code == 401
    assert known.status_code == 422
    assert known.json() == {"detail": "The query string has more than 100 parameters."}
    assert client.get(REST, params="a=1&" * 99, headers=tenant.headers).status_code == 200


def test_a_key_without_an_end_is_none(client: TestClient) -> None:
    headers = {"Authorization": f"Bearer {'x' * 60_000}"}
    with recorded_statements() as statements:
        assert client.get(REST, headers=headers).status_code == 401

    assert statements == []


def _statuses(client: TestClient, headers: dict[str, str]) -> list[int]:
    """How four requests are answered whose document cannot be run."""
    bad = {"query": "{ a: b: c }"}
    return [
        client.post("/graphql", json=bad, headers={**headers, **STRICT}).status_code
        for _ in range(4)
    ]


@pytest.fixture
def hasty(database_url: str) -> Iterator[tuple[str, int]]:
    """The address of a server that waits for nobody."""
    with serving(database_url, head_timeout_seconds=1, body_timeout_seconds=1) as base:
        address = urlsplit(base)
        assert address.hostname
        assert address.port
        yield address.hostname, address.port


HEAD = b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("sent", "dripped", "status"),
    [
        (b"", b"", b"400"),
        (b"GET /healthz HTTP/1.1\r\n", b"X-Slow: 1\r\n", b"400"),
        (HEAD + b"Content-Length: 100\r\n\r\n", b"", b"408"),
        (HEAD + b"Content-Length: 100\r\n\r\n", b" ", b"408"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", b"408"),
    ],
)
@pytest.mark.starts_server
def test_a_slow_request_is_not_waited_for(
    hasty: tuple[str, int], sent: bytes, dripped: bytes, status: bytes
) -> None:
    with socket.create_connection(hasty, timeout=60) as connection:
        connection.sendall(sent)
        answer = b""
        while True:
            connection.settimeout(0.05)
            try:
                received = connection.recv(65_536)
            except TimeoutError:
                if dripped:
                    connection.sendall(dripped)
                continue
            except ConnectionError:
                break
            if not received:
                break
            answer += received

    assert answer.startswith(b"HTTP/1.1 " + status)


@pytest.mark.starts_server
def test_a_head_without_an_end_is_not_waited_for(database_url: str) -> None:
    with serving(database_url, head_timeout_seconds=3_600) as base:
        address = (urlsplit(base).hostname, urlsplit(base).port)
        with socket.create_connection(address, timeout=30) as connection:
            connection.sendall(b"GET /?" + b"x" * 200_000)

            assert connection.recv(65_536).startswith(b"HTTP/1.1 400")


@pytest.mark.starts_server
def test_a_connection_that_is_kept_serves_the_next_request(hasty: tuple[str, int]) -> None:
    with socket.create_connection(hasty, timeout=60) as connection:
        for _ in range(3):
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = connection.recv(65_536)
            while b'{"status":"ok"}' not in answer:
                answer += connection.recv(65_536)
            time.sleep(1.2)  # longer than a head may take, but none has begun


@pytest.mark.starts_server
def test_of_two_lengths_none_is_believed(hasty: tuple[str, int]) -> None:
    """What a proxy takes for one request must not be two here."""
    smuggled = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    head = HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(hasty, timeout=60) as connection:
        connection.sendall(head + b"0\r\n\r\n" + smuggled)
        answer = connection.recv(65_536)

    assert answer.startswith(b"HTTP/1.1 400")
    assert b'"ok"' not in answer


def test_an_error_tells_nothing_of_the_machine(client: TestClient, tenant: Tenant) -> None:
    answers = [
        client.post("/graphql", json={"query": document}, headers=tenant.headers).text
        for document, _ in DOCUMENTS.values()
    ]
    answers += [client.request(method, path).text for method, path in PROBES]

    for word in ("Traceback", "site-packages", ".py", "SELECT", "sqlalchemy", "burki_"):
        assert not any(word in answer for answer in answers), word


def test_no_redirect_leads_to_a_host_that_a_client_names(service: Any) -> None:
    client = service()
    paths = {route.path for route in client.app.routes}
    assert "/graphql/explorer/dist" in paths
    for path in paths | {"/graphql/explorer", "/nothing"}:
        for address in (path, f"{path}/", f"{path}//", f"/{path}"):
            for method in ("GET", "POST"):
                answer = client.request(
                    method, address, headers={"Host": "evil.example"}, follow_redirects=False
                )

                assert "evil.example" not in str(answer.headers), address
                assert "://" not in answer.headers.get("location", ""), address


PROBES = [
    ("GET", "/../../etc/passwd"),
    ("GET", "/graphql/explorer/dist/%2e%2e/package.json"),
    ("GET", "/api/v1/calls/analytics?period=%27%20OR%201=1"),
    ("TRACE", "/graphql"),
    ("DELETE", "/api/v1/calls/analytics"),
    ("GET", "/metrics"),
    ("GET", "/docs"),
]


def test_no_trace_method_and_no_metrics_by_default(client: TestClient) -> None:
    assert client.request("TRACE", "/graphql").status_code == 405
    assert client.get("/metrics").status_code == 404


def test_get_cannot_change_anything(client: TestClient) -> None:
    response = client.get("/graphql", params={"query": "mutation { __typename }"})

    assert json.loads(response.text)["errors"][0]["extensions"]["code"] in {
        "GRAPHQL_VALIDATION_FAILED",
        "METHOD_NOT_ALLOWED",
    }
