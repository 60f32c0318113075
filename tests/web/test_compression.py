"""Compressed answers: who gets them, and that they are the answers."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import brotli
import pytest
from starlette.testclient import TestClient

from call_analytics.web import explorer
from tests.conftest import missing
from tests.platform import Platform
from tests.tenants import Tenant

REST = "/api/v1/calls/analytics?period=90d"
FULL = (
    "/graphql?query={callAnalytics(period:LAST_90_DAYS){totalCalls "
    "dailyStats{date total completed failed} topAssistants{assistantId calls}}}"
)
DECODERS: dict[str | None, Callable[[bytes], bytes]] = {
    None: bytes,
    "gzip": gzip.decompress,
    "br": brotli.decompress,
}
TAKEN = [
    ("gzip", "gzip"),
    ("br", "br"),
    ("gzip, deflate, br, zstd", "br"),  # browsers; GraphQL Code Generator, which cannot read zstd
    ("zstd, br, gzip, deflate", "br"),
    ("gzip, deflate, zstd", "gzip"),
    ("zstd;q=1, gzip;q=0.1", "gzip"),
    ("gzip, deflate, br", "br"),
    ("GZIP", "gzip"),
    ("deflate, gzip;q=0.5", "gzip"),
    ("gzip;q=0, br;q=1.0", "br"),
    ("*", "br"),
    ("*;q=0.1, br;q=0", "gzip"),
    ("identity;q=0, gzip", "gzip"),
    ("*;q=0, gzip", "gzip"),
    (None, None),
    ("", None),
    ("identity", None),
    ("deflate", None),
    ("zstd", None),
    ("zstd, identity;q=0.5", None),
    ("gzip;q=0", None),
    ("gzip;q=0.000, br;q=0", None),
    ("*;q=0", None),
    ("gzip;q=x", None),
    ("gzip" + "," * 300, None),
]


class Answer(NamedTuple):
    """What came over the wire."""

    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def coding(self) -> str | None:
        """In which coding it came."""
        return self.headers.get("content-encoding")

    @property
    def content(self) -> bytes:
        """What it says."""
        return DECODERS[self.coding](self.raw)


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is tested here is the same on every database."""
    return sqlite_url


def ask(
    client: TestClient,
    accept_encoding: str | None,
    path: str = REST,
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
) -> Answer:
    """Ask with exactly this ``Accept-Encoding``."""
    client.headers.pop("accept-encoding", None)
    headers = dict(headers or {})
    if accept_encoding is not None:
        headers["Accept-Encoding"] = accept_encoding
    with client.stream(method, path, headers=headers) as response:
        raw = b"".join(response.iter_raw())
    return Answer(response.status_code, dict(response.headers), raw)


@pytest.mark.parametrize(("accept_encoding", "coding"), TAKEN)
def test_an_answer_comes_in_the_form_that_its_client_takes(
    client: TestClient, tenant: Tenant, accept_encoding: str | None, coding: str | None
) -> None:
    plain = ask(client, None, headers=tenant.headers)
    answer = ask(client, accept_encoding, headers=tenant.headers)

    assert (answer.status, answer.coding) == (200, coding)
    assert answer.content == plain.content == plain.raw
    assert (answer.raw == plain.raw) == (coding is None)
    assert len(answer.raw) <= len(plain.raw)
    for one in (answer, plain):
        assert one.headers["content-length"] == str(len(one.raw))
        assert one.headers["vary"] == "Authorization, Accept-Encoding"
        assert one.headers["content-type"] == "application/json"
    assert answer.headers["etag"] == plain.headers["etag"]
    assert answer.headers["etag"].startswith('W/"')


def test_a_header_of_any_length_is_refused_unread(
    client: TestClient, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_text: str) -> None:
        raise AssertionError

    monkeypatch.setattr("starlette_compress.parse_accept_encoding", fail)

    for accept_encoding in ("gzip, " * 10_000, "gzip;" * 10_000, "gzip" + " " * 60_000):
        answer = ask(client, accept_encoding, headers=tenant.headers)
        assert (answer.status, answer.coding) == (200, None)


@pytest.mark.parametrize("accept_encoding", [None, "gzip", "br"])
def test_who_has_an_answer_is_not_sent_it_again(
    client: TestClient, platform: Platform, tenant: Tenant, accept_encoding: str | None
) -> None:
    first = ask(client, accept_encoding, headers=tenant.headers)
    known = tenant.headers | {"If-None-Match": first.headers["etag"]}

    again = ask(client, accept_encoding, headers=known)
    assert (again.status, again.raw, again.coding) == (304, b"", None)
    assert "content-length" not in again.headers
    for name in ("etag", "vary", "cache-control"):
        assert again.headers[name] == first.headers[name]

    platform.add_calls([{"assistant_id": tenant.assistants[0]}])
    other = ask(client, accept_encoding, headers=known)
    assert (other.status, other.coding) == (200, accept_encoding)
    assert other.headers["etag"] != first.headers["etag"]


@pytest.mark.parametrize("accept_encoding", [None, "gzip", "br"])
def test_head_has_the_headers_of_get(
    client: TestClient, tenant: Tenant, accept_encoding: str | None
) -> None:
    varying = ("x-request-id", "ratelimit")
    got = ask(client, accept_encoding, headers=tenant.headers)
    head = ask(client, accept_encoding, method="HEAD", headers=tenant.headers)

    assert head.raw == b""
    assert {**head.headers, **dict.fromkeys(varying)} == {**got.headers, **dict.fromkeys(varying)}


@pytest.mark.parametrize("media_type", ["application/json", "application/graphql-response+json"])
def test_graphql_is_compressed(client: TestClient, tenant: Tenant, media_type: str) -> None:
    headers = tenant.headers | {"Accept": media_type}
    plain = ask(client, None, FULL, headers=headers)
    answer = ask(client, "gzip", FULL, headers=headers)

    assert (plain.coding, answer.coding) == (None, "gzip")
    assert answer.content == plain.content
    assert answer.headers["vary"] == "Authorization, Accept, Accept-Encoding"
    assert answer.headers["content-type"] == f"{media_type}; charset=utf-8"


def test_a_small_answer_is_sent_as_it_is(client: TestClient) -> None:
    for path, status in [("/healthz", 200), ("/nowhere", 404), (REST, 401)]:
        answer = ask(client, "gzip", path)
        assert (answer.status, answer.coding) == (status, None)
        assert answer.headers["content-length"] == str(len(answer.raw))


def test_what_else_is_long_is_compressed(service: Callable[..., TestClient]) -> None:
    client = service(telemetry_token="telemetry-token", cors_origins="https://example.org")
    token = {"Authorization": "Bearer telemetry-token"}
    for path, headers in [
        ("/openapi.json", {}),
        ("/metrics", token),
        ("/graphql", {"Accept": "text/html"}),
    ]:
        answer = ask(client, "br", path, headers=headers)
        assert (answer.status, answer.coding) == (200, "br"), path
        assert "Accept-Encoding" in answer.headers["vary"].split(", ")
        assert "Origin" in answer.headers["vary"].split(", ")


def test_the_explorer_s_files_come_as_the_build_made_them(
    service: Callable[..., TestClient], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("all.js", "alone.js"):
        (tmp_path / name).write_text("x" * 10_000)
    for suffix in (".br", ".gz"):
        (tmp_path / f"all.js{suffix}").write_text(f"made by the build: {suffix}")
    monkeypatch.setattr(explorer, "BUNDLE", tmp_path)
    client = service()

    def seen(name: str, accept_encoding: str, known: str = "") -> tuple[int, str | None, bytes]:
        path = f"/graphql/explorer/dist/{name}"
        answer = ask(client, accept_encoding, path, headers={"If-None-Match": known})
        assert answer.headers["vary"] == "Accept-Encoding"
        if answer.status == 200:
            assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
            assert answer.headers["content-length"] == str(len(answer.raw))
            tag = answer.headers["etag"]
            assert seen(name, accept_encoding, tag) == (304, None, b"")
            tags.add(tag)
        return answer.status, answer.coding, answer.raw

    tags: set[str] = set()
    plain = (200, None, b"x" * 10_000)
    assert seen("all.js", "gzip, deflate, br, zstd") == (200, "br", b"made by the build: .br")
    assert seen("all.js", "gzip, deflate") == (200, "gzip", b"made by the build: .gz")
    assert seen("all.js", "br;q=0, identity") == plain
    assert len(tags) == 3
    assert seen("all.js", "br," * 100) == plain
    # Nothing compresses a file anew for whoever asks.
    assert seen("alone.js", "gzip, deflate, br, zstd") == plain


def test_the_build_compresses_every_file() -> None:
    if not (explorer.BUNDLE / "explorer.js").exists():
        missing("The explorer's bundle (make install, with Node.js)")
    names = {path.name for path in explorer.BUNDLE.iterdir()}
    plain = {name for name in names if not name.endswith((".br", ".gz"))}

    assert names == {f"{name}{suffix}" for name in plain for suffix in ("", ".br", ".gz")}
