"""The legacy endpoint, to the letter."""

from typing import Any

import pytest
from sqlalchemy import update
from starlette.testclient import TestClient

from call_analytics.db.models import UserApiKey
from tests.conftest import on_sqlite
from tests.platform import PERIOD_DAYS, Platform, recorded_statements
from tests.tenants import Tenant

PATH = "/api/v1/calls/analytics"
UNAUTHENTICATED = {"detail": "A valid API key is required: send it as 'Authorization: Bearer KEY'."}


@pytest.mark.parametrize("period", PERIOD_DAYS)
def test_the_answer_is_the_oracle_s(
    client: TestClient, platform: Platform, tenant: Tenant, period: str
) -> None:
    response = client.get(PATH, params={"period": period}, headers=tenant.headers)

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json() == platform.expected(tenant.organization_id, period)
    assert list(response.json()["daily_stats"]) == sorted(response.json()["daily_stats"])


def test_the_default_period_is_7d(client: TestClient, tenant: Tenant) -> None:
    assert (
        client.get(PATH, headers=tenant.headers).json()
        == client.get(f"{PATH}?period=7d", headers=tenant.headers).json()
    )


def test_an_empty_window_has_zeros(client: TestClient, platform: Platform) -> None:
    key = platform.add_key(platform.add_organization())

    response = client.get(PATH, headers={"Authorization": f"Bearer {key}"})

    assert response.json() == {
        "total_calls": 0,
        "completed_calls": 0,
        "failed_calls": 0,
        "ongoing_calls": 0,
        "total_duration": 0,
        "avg_duration": 0,
        "success_rate": 0,
        "daily_stats": {},
        "top_assistants": [],
    }


def test_one_answer_is_one_statement(client: TestClient, tenant: Tenant) -> None:
    client.get(PATH, headers=tenant.headers)

    with recorded_statements() as recorded:
        client.get(f"{PATH}?period=90d", headers=tenant.headers)

    assert len(recorded) == 1


@on_sqlite
@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer two words",
        "Bearer a,b",
        "Bearer kéy",
        "Basic YTpi",
        "Bearer burki_unknown",
    ],
)
@pytest.mark.parametrize("period", ["7d", "nonsense"])
def test_401_comes_before_everything_else(
    client: TestClient, authorization: str | None, period: str
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization.encode("latin-1")}

    response = client.get(PATH, params={"period": period}, headers=headers)  # type: ignore[arg-type]

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.json() == UNAUTHENTICATED


def test_a_revoked_key_is_refused_with_the_same_words(
    service: Any, platform: Platform, tenant: Tenant
) -> None:
    client = service(key_cache_seconds=0)
    assert client.get(PATH, headers=tenant.headers).status_code == 200

    platform.run(platform.execute(update(UserApiKey).values(is_active=False)))

    response = client.get(PATH, headers=tenant.headers)
    assert (response.status_code, response.json()) == (401, UNAUTHENTICATED)


@on_sqlite
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer  "])
def test_the_scheme_s_case_plays_no_part(client: TestClient, tenant: Tenant, scheme: str) -> None:
    key = tenant.headers["Authorization"].split()[1]

    assert client.get(PATH, headers={"Authorization": f"{scheme} {key}"}).status_code == 200


@on_sqlite
@pytest.mark.parametrize(
    ("query", "period"),
    [
        ("period=2d", "2d"),
        ("period=7D", "7D"),
        ("period=", ""),
        ("period", ""),
        ("period=7d%0A", "7d\n"),
        ("period=%207d", " 7d"),
        ("period=7d&period=8d", "8d"),
        ("period=LAST_7_DAYS", "LAST_7_DAYS"),
        ("period=%FF", "\N{REPLACEMENT CHARACTER}"),
        ("period=%00", "\0"),
    ],
)
def test_422_for_another_period(
    client: TestClient, tenant: Tenant, query: str, period: str
) -> None:
    response = client.get(f"{PATH}?{query}", headers=tenant.headers)

    assert response.status_code == 422
    assert response.json() == {
        "detail": [
            {
                "type": "string_pattern_mismatch",
                "loc": ["query", "period"],
                "msg": "String should match pattern '^(1d|7d|30d|90d)$'",
                "input": period,
                "ctx": {"pattern": "^(1d|7d|30d|90d)$"},
            }
        ]
    }


@on_sqlite
def test_the_last_of_a_repeated_parameter_counts(
    client: TestClient, platform: Platform, tenant: Tenant
) -> None:
    response = client.get(f"{PATH}?period=8d&period=30d&x=1", headers=tenant.headers)

    assert response.json() == platform.expected(tenant.organization_id, "30d")


@on_sqlite
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_405_for_another_method(client: TestClient, tenant: Tenant, method: str) -> None:
    response = client.request(method, PATH, headers=tenant.headers)

    assert response.status_code == 405
    assert set(response.headers["allow"].split(", ")) == {"GET", "HEAD"}
    message = "This path does not take that method. Use one of: GET, HEAD."
    assert response.json() == {"detail": message}


def test_head_is_answered_as_get_without_a_body(client: TestClient, tenant: Tenant) -> None:
    got = client.get(PATH, headers=tenant.headers)
    head = client.head(PATH, headers=tenant.headers)

    assert head.status_code == 200
    assert head.headers["content-length"] == got.headers["content-length"]
    assert head.content == b""
    assert client.head(PATH).status_code == 401


@on_sqlite
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("query", "location"),
    [
        ("", PATH),
        ("?", PATH),
        ("?period=30d", f"{PATH}?period=30d"),
        (
            "?period=7d&period=30d&x=%2F%0d%0aA:%20b&a[]=1~2;c=+'",
            f"{PATH}?period=7d&period=30d&x=%2F%0d%0aA:%20b&a[]=1~2;c=+'",
        ),
        ("?period=7d?//evil.example/", f"{PATH}?period=7d?//evil.example/"),
        ("?%FF=%e9", f"{PATH}?%FF=%e9"),
    ],
)
def test_a_slash_at_the_end_is_redirected(
    client: TestClient, method: str, query: str, location: str
) -> None:
    """Without a key, with any host, and to no host but the one that was asked."""
    response = client.request(
        method, f"{PATH}/{query}", headers={"Host": "evil.example"}, follow_redirects=False
    )

    assert (response.status_code, response.headers["location"]) == (307, location)
    assert (response.content, response.headers["content-length"]) == (b"", "0")
    assert "evil.example" not in str(response.headers).replace(location, "")


def test_a_redirected_client_gets_its_answer(
    client: TestClient, platform: Platform, tenant: Tenant
) -> None:
    response = client.get(f"{PATH}/?period=30d", headers=tenant.headers)

    assert [one.status_code for one in response.history] == [307]
    assert response.json() == platform.expected(tenant.organization_id, "30d")
    for path in (f"{PATH}//", f"/{PATH}/", f"{PATH}/x", "/api/v1/calls/"):
        assert client.get(path, headers=tenant.headers).status_code == 404
    response = client.post(f"{PATH}/")
    assert response.status_code == 405
    assert set(response.headers["allow"].split(", ")) == {"GET", "HEAD"}


def test_an_unknown_path_is_told_as_json(service: Any) -> None:
    known = (
        "Nothing is at this path. GraphQL: /graphql; REST: /api/v1/calls/analytics and "
        "/api/v1/calls/export"
    )
    for production, more in [(False, "; what REST answers: /openapi.json"), (True, "")]:
        client = service(production=production)
        for path in ("/api/v1/calls", "/graphql/", "/docs"):
            response = client.get(path)

            assert response.status_code == 404
            assert response.json() == {"detail": f"{known}{more}."}
