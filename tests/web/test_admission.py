"""What both endpoints do with every request: rates, crowds, time, caching, and browsers."""

import asyncio
import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text, update
from starlette.testclient import TestClient

from call_analytics.access.counters import MemoryCounters
from call_analytics.db.figures.query import Figures
from call_analytics.db.figures.reader import FigureReader
from call_analytics.db.models import UserApiKey
from tests.platform import Platform, recorded_statements
from tests.tenants import Tenant

STRICT = {"Accept": "application/graphql-response+json"}
FIGURES = {"query": "{ callAnalytics { totalCalls } }"}
REST = "/api/v1/calls/analytics"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is tested here is the same on every database."""
    return sqlite_url


def test_a_key_may_ask_as_often_as_is_set(service: Any, tenant: Tenant) -> None:
    client = service(requests_per_minute=4)
    answers = [client.get(REST, headers=tenant.headers) for _ in range(3)]
    answers.append(client.post("/graphql", json=FIGURES, headers=tenant.headers))
    remaining = [answer.headers["ratelimit"].split(";")[1] for answer in answers]
    with recorded_statements() as statements:
        rest = client.get(REST, headers=tenant.headers)
        graphql = client.post("/graphql", json=FIGURES, headers=tenant.headers)

    assert [answer.status_code for answer in answers] == [200] * 4
    assert remaining == ["r=3", "r=2", "r=1", "r=0"]
    for refusal in (rest, graphql):
        assert refusal.status_code == 429
        assert 1 <= int(refusal.headers["retry-after"]) <= 60
        assert refusal.headers["ratelimit"].startswith('"60s";r=0;t=')
        assert refusal.headers["ratelimit-policy"] == '"60s";q=4;w=60'
    assert rest.json()["detail"].startswith("More than 4 requests in 60 seconds")
    assert graphql.json()["errors"][0]["extensions"] == {"code": "RATE_LIMITED"}
    assert statements == []


@pytest.mark.parametrize(
    ("column", "allowed"),
    [
        ({"requests_per_minute": 2}, 2),
        ({"requests_per_hour": 1}, 1),
        ({"requests_per_day": 2, "requests_per_minute": 100}, 2),
        ({"requests_per_minute": None}, 3),
        ({"requests_per_minute": 0}, 3),
        ({"requests_per_minute": "2"}, 3),
        ({}, 3),
        (None, 3),
    ],
)
def test_a_key_s_own_limits_win(
    service: Any, platform: Platform, tenant: Tenant, column: Any, allowed: int
) -> None:
    platform.run(platform.execute(update(UserApiKey).values(rate_limit=column)))
    client = service(requests_per_minute=3)

    statuses = [client.get(REST, headers=tenant.headers).status_code for _ in range(allowed + 1)]

    assert statuses == [200] * allowed + [429]


@pytest.mark.parametrize(
    ("key_rate_limits", "statuses"), [("auto", [200, 429]), ("on", [200, 429]), ("off", [200, 200])]
)
def test_whether_a_key_s_own_limits_hold_is_set(
    service: Any, platform: Platform, tenant: Tenant, key_rate_limits: str, statuses: list[int]
) -> None:
    column = {"requests_per_minute": 1}
    platform.run(platform.execute(update(UserApiKey).values(rate_limit=column)))
    client = service(key_rate_limits=key_rate_limits)

    assert [client.get(REST, headers=tenant.headers).status_code for _ in range(2)] == statuses


def test_one_key_does_not_use_up_another_s(
    service: Any, platform: Platform, tenant: Tenant
) -> None:
    other = platform.add_key(tenant.organization_id)
    client = service(requests_per_minute=1)
    for _ in range(2):
        client.get(REST, headers=tenant.headers)

    assert client.get(REST, headers={"Authorization": f"Bearer {other}"}).status_code == 200


def test_each_root_field_counts_as_a_request(service: Any, tenant: Tenant) -> None:
    client = service(requests_per_minute=5)
    three = {"query": "{ a: callAnalytics { id } b: callAnalytics { id } limits { maxDepth } }"}
    client.get(REST, headers=tenant.headers)

    statuses = [
        client.post("/graphql", json=three, headers=tenant.headers).status_code for _ in range(2)
    ]

    assert statuses == [200, 429]


def test_the_schema_counts_as_ten(service: Any) -> None:
    client = service(stranger_requests_per_minute=25)
    body = {"query": "{ __schema { queryType { name } } }"}

    statuses = [client.post("/graphql", json=body).status_code for _ in range(3)]

    assert statuses == [200, 200, 429]


def test_every_answer_has_rate_limit_headers(client: TestClient, tenant: Tenant) -> None:
    answers = [
        client.get(REST, headers=tenant.headers),
        client.get(f"{REST}?period=2d", headers=tenant.headers),
        client.get(REST),
        client.post("/graphql", json=FIGURES, headers=tenant.headers),
        client.post("/graphql", json=FIGURES),
        client.post("/graphql", json={"query": "{"}, headers=tenant.headers),
        client.post("/graphql", content="{", headers=tenant.headers),
        client.get("/graphql", headers={"Accept": "application/json"}),
        client.get("/graphql", headers={"Accept": "image/png"}),
        client.get("/graphql", headers={"Accept": "text/html"}),
    ]

    assert all("ratelimit" in answer.headers for answer in answers)
    assert all("ratelimit-policy" in answer.headers for answer in answers)


def test_a_page_for_a_browser_counts_as_a_request(service: Any) -> None:
    client = service(stranger_requests_per_minute=2)

    statuses = [
        client.get("/graphql", headers={"Accept": "text/html"}).status_code for _ in range(3)
    ]

    assert statuses == [200, 200, 429]


@pytest.mark.parametrize("path", [REST, "/graphql?query={callAnalytics{id}}"])
def test_a_plain_request_is_counted_once(
    service: Any, tenant: Tenant, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    client = service(key_cache_seconds=60)
    client.get(path, headers=tenant.headers)  # of a key that is not known yet
    costs: list[int] = []
    spend = MemoryCounters.spend

    def noting(counters: MemoryCounters, quotas: Any, cost: int) -> Any:
        costs.append(cost)
        return spend(counters, quotas, cost)

    monkeypatch.setattr(MemoryCounters, "spend", noting)
    for headers in (tenant.headers, {}):
        client.get(path, headers=headers)

    assert costs == [1, 1]


@pytest.fixture
def ask_from(service: Any) -> Callable[[str], int]:
    """Asks as a stranger from an address, of which two requests are allowed; the status."""
    client = service(stranger_requests_per_minute=2, trusted_proxies="127.0.0.1")

    def ask(address: str) -> int:
        status: int = client.get(REST, headers={"X-Forwarded-For": address}).status_code
        return status

    return ask


def test_strangers_of_one_network_share_a_limit(ask_from: Callable[[str], int]) -> None:
    assert [ask_from(f"2001:db8::{number}") for number in range(3)] == [401, 401, 429]
    assert [ask_from(f"198.51.100.{number}") for number in range(3)] == [401] * 3
    assert [ask_from(f"::ffff:203.0.113.{number}") for number in range(3)] == [401] * 3
    # What stands before the address that the proxy has seen is the client's own invention.
    assert [ask_from(f"192.0.2.{number}, 203.0.113.99") for number in range(3)] == [401, 401, 429]


@pytest.mark.parametrize(
    "written",
    [
        ["198.51.100.7", "::ffff:198.51.100.7", "198.051.100.007"],
        ["198.51.100.7:4711", "198.51.100.7:4712", "[::FFFF:198.51.100.7]:443"],
        ["2001:db8::a", "2001:0DB8:0:0::000b", "2001:db8::c%eth0"],
        ["[2001:db8::a]:4711", "[2001:DB8::b]", "2001:db8::c"],
        ["unknown", "_hidden", "198.51.100.7:port"],
    ],
)
def test_an_address_has_one_limit_however_it_is_written(
    ask_from: Callable[[str], int], written: list[str]
) -> None:
    assert [ask_from(address) for address in written] == [401, 401, 429]


def test_many_networks_of_one_site_have_sixteen_times_the_limit(
    ask_from: Callable[[str], int],
) -> None:
    for _ in range(5):  # what its subnet has not left is not taken from the site
        ask_from("2001:db8:7:0::1")
    statuses = [ask_from(f"2001:db8:7:{number:x}::1") for number in range(1, 40)]

    assert statuses == [401] * 30 + [429] * 9
    assert ask_from("2001:db8:8::1") == 401


@pytest.mark.parametrize(
    "nonsense",
    [
        {"content": "{"},
        {"json": {}},
        {"json": {"extensions": {"persistedQuery": 1}}},
        {"json": {"query": "{"}},
    ],
)
def test_a_stranger_s_nonsense_counts_whatever_key_it_shows(service: Any, nonsense: Any) -> None:
    client = service(stranger_requests_per_minute=25)
    statuses = [
        client.post(
            "/graphql", headers={"Authorization": f"Bearer {number}", **STRICT}, **nonsense
        ).status_code
        for number in range(26)
    ]

    assert statuses[0] in (400, 415)
    assert statuses[-1] == 429


def test_a_valid_key_is_let_in_where_strangers_are_not(service: Any, tenant: Tenant) -> None:
    client = service(stranger_requests_per_minute=2)
    assert client.get(REST, headers=tenant.headers).status_code == 200
    for _ in range(3):
        client.get(REST)

    assert client.get(REST).status_code == 429
    assert client.get(REST, headers=tenant.headers).status_code == 200


def test_a_key_that_must_be_looked_up_again_is_let_in_until_it_is_revoked(
    service: Any, platform: Platform, tenant: Tenant
) -> None:
    client = service(stranger_requests_per_minute=2, key_cache_seconds=0)
    assert client.get(REST, headers=tenant.headers).status_code == 200
    for _ in range(3):
        client.get(REST)

    assert client.get(REST, headers=tenant.headers).status_code == 200
    platform.run(platform.execute(update(UserApiKey).values(is_active=False)))
    with recorded_statements() as statements:
        statuses = [client.get(REST, headers=tenant.headers).status_code for _ in range(3)]
    assert statuses == [429] * 3
    assert len(statements) == 1


def test_what_a_client_may_ask_is_told(service: Any, platform: Platform, tenant: Tenant) -> None:
    platform.run(platform.execute(update(UserApiKey).values(rate_limit={"requests_per_hour": 70})))
    client = service(requests_per_minute=50, stranger_requests_per_minute=9, max_depth=17)
    query = {
        "query": "{ limits { maxDepth maxAssistants requestsPerMinute requestsPerHour "
        "requestsPerDay requestTimeoutSeconds } }"
    }
    with recorded_statements() as statements:
        stranger = client.post("/graphql", json=query).json()["data"]["limits"]
    known = client.post("/graphql", json=query, headers=tenant.headers).json()["data"]["limits"]

    assert stranger == {
        "maxDepth": 17,
        "maxAssistants": 100,
        "requestsPerMinute": 9,
        "requestsPerHour": None,
        "requestsPerDay": None,
        "requestTimeoutSeconds": 30.0,
    }
    assert known == stranger | {"requestsPerMinute": 50, "requestsPerHour": 70}
    assert statements == []


class HeldReads:
    """Reads of figures that wait until they may go on."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        """Released once for each read that has begun."""
        self.may_go_on = threading.Event()


@pytest.fixture
def held_reads(monkeypatch: pytest.MonkeyPatch) -> Iterator[HeldReads]:
    """Holds every read of figures."""
    held = HeldReads()
    read = FigureReader.read

    async def read_later(*arguments: Any, **options: Any) -> Figures:
        held.begun.release()
        while not held.may_go_on.is_set():  # noqa: ASYNC110 - it is set in another thread
            await asyncio.sleep(0.01)
        return await read(*arguments, **options)

    monkeypatch.setattr(FigureReader, "read", read_later)
    yield held
    held.may_go_on.set()


def test_one_request_too_many_is_sent_away(
    service: Any, platform: Platform, tenant: Tenant, held_reads: HeldReads
) -> None:
    client = service(max_concurrent_requests=2)
    periods = ("1d", "7d")

    async def ask(path: str) -> Any:
        return await asyncio.to_thread(client.get, path, headers={**tenant.headers, **STRICT})

    async def crowd() -> list[Any]:
        running = [asyncio.create_task(ask(f"{REST}?period={period}")) for period in periods]
        for _ in running:
            assert await asyncio.to_thread(held_reads.begun.acquire, timeout=60)
        refused = [await ask(REST), await ask("/graphql?query={__typename}")]
        lives = await ask("/healthz")
        held_reads.may_go_on.set()
        answers = await asyncio.gather(*running)
        return [*refused, lives, await ask("/graphql?query={__typename}"), *answers]

    rest, graphql, lives, later, *answers = asyncio.run(crowd())

    assert [answer.json() for answer in answers] == [
        platform.expected(tenant.organization_id, period) for period in periods
    ]
    assert (rest.status_code, rest.headers["retry-after"]) == (503, "5")
    assert rest.json() == {"detail": "The service is busy; try again shortly."}
    assert (graphql.status_code, graphql.headers["retry-after"]) == (503, "5")
    assert graphql.json()["errors"][0]["extensions"] == {"code": "OVERLOADED"}
    assert (lives.status_code, later.status_code) == (200, 200)


@pytest.mark.usefixtures("held_reads")
def test_a_request_that_takes_too_long_is_given_up(service: Any, tenant: Tenant) -> None:
    client = service(request_timeout_seconds=0.05)

    rest = client.get(REST, headers=tenant.headers)
    graphql = client.post("/graphql", json=FIGURES, headers={**tenant.headers, **STRICT})

    assert (rest.status_code, rest.headers["retry-after"]) == (503, "5")
    assert (graphql.status_code, graphql.headers["retry-after"]) == (503, "5")
    assert graphql.json()["errors"][0]["extensions"] == {"code": "UNAVAILABLE"}


def test_no_answer_is_kept_unless_a_setting_allows_it(service: Any, tenant: Tenant) -> None:
    strict, lenient = service(), service(max_age_seconds=30)

    def control(client: TestClient, path: str, headers: dict[str, str]) -> tuple[str, str]:
        response = client.get(path, headers=headers)
        return response.headers["cache-control"], response.headers["vary"]

    graphql = "/graphql?query={callAnalytics{totalCalls}}"
    private, kept = "private, no-store", "private, max-age=30"
    assert control(strict, REST, tenant.headers) == (private, "Authorization, Accept-Encoding")
    assert control(strict, graphql, tenant.headers) == (private, "Authorization, Accept")
    assert control(lenient, REST, tenant.headers) == (kept, "Authorization, Accept-Encoding")
    assert control(lenient, graphql, tenant.headers) == (kept, "Authorization, Accept")
    assert control(lenient, REST, {}) == (private, "Authorization")
    assert control(lenient, f"{REST}?period=x", tenant.headers)[0] == private
    assert control(lenient, graphql, {})[0] == private


def test_a_known_answer_is_not_sent_again(
    client: TestClient, platform: Platform, tenant: Tenant
) -> None:
    tag = client.get(REST, headers=tenant.headers).headers["etag"]

    def ask(known: str) -> Any:
        return client.get(REST, headers={**tenant.headers, "If-None-Match": known})

    for known in (tag, tag.removeprefix("W/"), f'"other", {tag}'):
        response = ask(known)
        assert (response.status_code, response.content) == (304, b"")
        assert response.headers["etag"] == tag
        assert response.headers["vary"] == "Authorization, Accept-Encoding"
    assert ask('"other"').status_code == 200
    platform.add_calls([{"assistant_id": tenant.assistants[0]}])
    assert ask(tag).status_code == 200


def test_browsers_are_told_to_be_careful(client: TestClient) -> None:
    for path in ("/healthz", REST, "/graphql?query={__typename}", "/nowhere", "/openapi.json"):
        headers = client.get(path).headers
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "no-store" in headers["cache-control"]


def test_the_explorer_runs_no_script_but_its_own(client: TestClient) -> None:
    headers = client.get("/graphql", headers={"Accept": "text/html"}).headers
    policy = dict(
        part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";")
    )

    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["connect-src"] == "'self'"


def test_other_sites_are_let_in_only_by_name(service: Any, tenant: Tenant) -> None:
    origin = "https://dashboard.example.org"
    asking = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    closed = service()
    opened = service(cors_origins=f"{origin}, https://other.example.org")

    assert "access-control-allow-origin" not in closed.options("/graphql", headers=asking).headers
    allowed = opened.options("/graphql", headers=asking)
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, origin)
    assert opened.options("/graphql", headers=asking | {"Origin": "null"}).status_code == 400
    answer = opened.post("/graphql", json=FIGURES, headers={**tenant.headers, "Origin": origin})
    assert answer.headers["access-control-allow-origin"] == origin
    assert "RateLimit" in answer.headers["access-control-expose-headers"]


PRYING = [
    {"query": "{ __typename }"},
    {"query": "{ limits { maxDepth } }"},
    {"query": "{ callAnalytics }"},
    {"query": "{ callAnalytic }"},
    {"query": "{ __schema { types { name } } }"},
    {"query": "{ callAnalytics(period: LAST_2_DAYS) { totalCall } }"},
    {"query": "query($p: Periods) { callAnalytics(period: $p) { id } }"},
    {"query": "query($p: Period!) { callAnalytics(period: $p) { id } }", "variables": {"p": "x"}},
    {"query": "mutation { __typename }"},
    {"query": "{"},
    {"query": "{ a" * 3_000},
    {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}},
    {"extensions": {"persistedQuery": 1}},
    {},
]


@pytest.mark.parametrize("body", PRYING)
@pytest.mark.parametrize("authorization", [None, "Bearer burki_unknown", "nonsense"])
@pytest.mark.parametrize("trusting", [False, True])
def test_in_production_strangers_are_told_nothing(
    service: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    body: dict[str, Any],
    authorization: str | None,
    trusting: bool,
) -> None:
    trusted = tmp_path / "trusted.json"
    trusted.write_text(json.dumps({"0" * 64: "{ __typename }"}))
    client = service(production=True, trusted_documents=str(trusted) if trusting else "")
    headers = {} if authorization is None else {"Authorization": authorization}
    monkeypatch.setattr("call_analytics.schema.documents.parse", None)
    monkeypatch.setattr("call_analytics.schema.documents.validate", None)

    tolerant = client.post("/graphql", json=body, headers=headers)
    strict = client.post("/graphql", json=body, headers={**headers, **STRICT})

    assert (tolerant.status_code, strict.status_code) == (200, 401)
    assert strict.headers["www-authenticate"] == "Bearer"
    assert tolerant.json() == strict.json()
    assert strict.json() == {
        "errors": [
            {
                "message": "A valid API key is required: send it as 'Authorization: Bearer KEY'.",
                "extensions": {"code": "UNAUTHENTICATED"},
            }
        ]
    }


def test_in_production_a_database_that_is_away_is_no_way_round_the_key(
    service: Any, platform: Platform, tenant: Tenant
) -> None:
    client = service(production=True, key_cache_seconds=0)
    platform.run(platform.execute(text("ALTER TABLE user_api_keys RENAME TO elsewhere")))
    body = {"query": "{ callAnalytics }"}

    answer = client.post("/graphql", json=body, headers={**tenant.headers, **STRICT})

    assert answer.status_code == 503
    assert [error["extensions"] for error in answer.json()["errors"]] == [{"code": "UNAVAILABLE"}]


def test_in_production_the_schema_is_not_told(service: Any, tenant: Tenant) -> None:
    client = service(production=True)

    def messages(query: str, variables: Any = None) -> str:
        body = {"query": query, "variables": variables}
        return str(client.post("/graphql", json=body, headers=tenant.headers).json())

    assert "introspection" in messages("{ __schema { types { name } } }")
    assert "introspection" in messages('{ __type(name: "Query") { name } }')
    assert "totalCalls" in messages("{ callAnalytics { totalCalls } }")
    assert client.get("/graphql", headers={"Accept": "text/html"}).status_code == 406
    for path in ("/openapi.json", "/graphql/explorer/page.css"):
        assert client.get(path, headers=tenant.headers).status_code == 404


SUGGESTIVE = [
    ("{ callAnalytics { totalCall } }", None),
    ("{ callAnalytics { nothing } }", None),
    ("{ callAnalytics { topAssistants(limits: 1) { calls } } }", None),
    ("{ callAnalytics(period: LAST_1_DAYS) { id } }", None),
    ("{ callAnalytics { topAssistants(first: 1) { calls } } }", None),
    ("{ ... on Querys { __typename } }", None),
    ("{ ... on Nothing { __typename } }", None),
    ("query($p: Periods) { callAnalytics(period: $p) { id } }", None),
    ("query($p: Period!) { callAnalytics(period: $p) { id } }", {"p": "LAST_1_DAYS"}),
]


HINT = re.compile(r" (Did you mean|Its fields:|Its arguments:|Its values:|The types:) .*")


@pytest.mark.parametrize(("query", "variables"), SUGGESTIVE)
def test_in_production_nothing_is_suggested(
    service: Any, tenant: Tenant, query: str, variables: Any
) -> None:
    body = {"query": query, "variables": variables}

    def messages(*, production: bool) -> list[str]:
        answer = service(production=production).post("/graphql", json=body, headers=tenant.headers)
        return [error["message"] for error in answer.json()["errors"]]

    told, kept = messages(production=False), messages(production=True)

    assert any(HINT.search(message) for message in told)
    assert kept == [HINT.sub("", message) for message in told]
