"""Documents by hash: automatic persisted queries, and lists of trusted documents."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from call_analytics.schema.persisted import CHARACTERS_EACH, PersistedQueries, UnknownDocument
from call_analytics.server import create_app
from call_analytics.settings import Settings, SettingsError
from tests.platform import Platform, recorded_statements
from tests.tenants import Tenant, make_tenant

STRICT = {"Accept": "application/graphql-response+json"}
DOCUMENT = "query Week { callAnalytics { totalCalls } }"
WITH_TYPENAME = "{ callAnalytics { __typename } }"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is tested here is the same on every database."""
    return sqlite_url


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def by_hash(text: str, **more: Any) -> dict[str, Any]:
    """The body of a request that names a document by its hash."""
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": sha256(text)}}, **more}


def codes(response: Any) -> list[str]:
    return [error["extensions"]["code"] for error in response.json().get("errors", [])]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_document_is_sent_once_and_then_named(
    client: TestClient, platform: Platform, tenant: Tenant, method: str
) -> None:
    def send(body: dict[str, Any]) -> Any:
        if method == "POST":
            return client.post("/graphql", json=body, headers=tenant.headers)
        parameters = body | {"extensions": json.dumps(body["extensions"])}
        return client.get("/graphql", params=parameters, headers=tenant.headers)

    unknown = send(by_hash(DOCUMENT))
    sent = send(by_hash(DOCUMENT, query=DOCUMENT))
    named = send(by_hash(DOCUMENT))

    assert unknown.status_code == 200
    assert unknown.json() == {
        "errors": [
            {
                "message": "PersistedQueryNotFound",
                "extensions": {"code": "PERSISTED_QUERY_NOT_FOUND"},
            }
        ]
    }
    total = platform.expected(tenant.organization_id, "7d")["total_calls"]
    assert sent.json()["data"] == {"callAnalytics": {"totalCalls": total}}
    assert named.json() == sent.json()


def test_no_organization_finds_what_another_has_sent(
    client: TestClient, platform: Platform, tenant: Tenant
) -> None:
    other = make_tenant(platform)
    client.post("/graphql", json=by_hash(DOCUMENT, query=DOCUMENT), headers=tenant.headers)

    for headers in (other.headers, {}, {"Authorization": "Bearer burki_nobody"}):
        response = client.post("/graphql", json=by_hash(DOCUMENT), headers=headers)
        assert codes(response) == ["PERSISTED_QUERY_NOT_FOUND"]
    named = client.post("/graphql", json=by_hash(DOCUMENT), headers=tenant.headers)
    assert codes(named) == []


def test_strangers_leave_nothing_behind(client: TestClient) -> None:
    body = by_hash("{ __typename }", query="{ __typename }")
    assert client.post("/graphql", json=body).json() == {"data": {"__typename": "Query"}}

    assert codes(client.post("/graphql", json=by_hash("{ __typename }"))) == [
        "PERSISTED_QUERY_NOT_FOUND"
    ]


def test_a_hash_of_something_else_poisons_nothing(client: TestClient, tenant: Tenant) -> None:
    body = by_hash(DOCUMENT, query=WITH_TYPENAME)
    poisoned = client.post("/graphql", json=body, headers={**tenant.headers, **STRICT})

    assert (poisoned.status_code, codes(poisoned)) == (400, ["PERSISTED_QUERY_MISMATCH"])
    named = client.post("/graphql", json=by_hash(DOCUMENT), headers=tenant.headers)
    assert codes(named) == ["PERSISTED_QUERY_NOT_FOUND"]


def test_an_invalid_document_is_not_kept(client: TestClient, tenant: Tenant) -> None:
    client.post("/graphql", json=by_hash("{ no }", query="{ no }"), headers=tenant.headers)

    named = client.post("/graphql", json=by_hash("{ no }"), headers=tenant.headers)

    assert codes(named) == ["PERSISTED_QUERY_NOT_FOUND"]


@pytest.mark.parametrize(
    "named",
    [
        {"version": 2, "sha256Hash": "0" * 64},
        {"version": "1", "sha256Hash": "0" * 64},
        {"version": 1},
        {"version": 1, "sha256Hash": "0" * 63},
        {"version": 1, "sha256Hash": 7},
        None,
        [],
        "x",
    ],
)
def test_another_protocol_is_refused(client: TestClient, tenant: Tenant, named: object) -> None:
    body = {"extensions": {"persistedQuery": named}}

    response = client.post("/graphql", json=body, headers={**tenant.headers, **STRICT})

    assert (response.status_code, codes(response)) == (400, ["PERSISTED_QUERY_NOT_SUPPORTED"])


def test_what_is_kept_is_bounded_for_each_organization() -> None:
    persisted = PersistedQueries()
    persisted.remember(1, "mine", "x")
    for number in range(30):
        persisted.remember(2, f"hash{number}", "x" * (CHARACTERS_EACH // 10))
    persisted.remember(2, "huge", "x" * (CHARACTERS_EACH + 1))

    kept = [number for number in range(30) if _finds(persisted, 2, f"hash{number}")]
    assert kept == list(range(20, 30))
    assert not _finds(persisted, 2, "huge")
    assert persisted.find(1, "mine") == "x"


def _finds(persisted: PersistedQueries, organization: int, sha256_hash: str) -> bool:
    try:
        return bool(persisted.find(organization, sha256_hash))
    except UnknownDocument:
        return False


@pytest.fixture
def trusting(service: Any, tmp_path: Path) -> TestClient:
    """A service that runs the documents of a file and no others."""
    path = tmp_path / "trusted.json"
    path.write_text(json.dumps({"week": DOCUMENT, sha256(WITH_TYPENAME): WITH_TYPENAME}))
    client: TestClient = service(trusted_documents=str(path), key_cache_seconds=60)
    return client


def test_trusted_documents_run_by_text_and_by_hash(trusting: TestClient, tenant: Tenant) -> None:
    for body in ({"query": DOCUMENT}, by_hash(DOCUMENT), by_hash(DOCUMENT, query=DOCUMENT)):
        response = trusting.post("/graphql", json=body, headers=tenant.headers)
        assert codes(response) == []
        assert response.json()["data"]["callAnalytics"]["totalCalls"] > 0


@pytest.mark.parametrize(
    "body",
    [
        {"query": "{ callAnalytics { totalCalls } }"},
        {"query": f"{DOCUMENT} "},
        {"query": "{ __schema { types { name } } }"},
        by_hash("{ __typename }"),
        by_hash("{ __typename }", query="{ __typename }"),
        by_hash(DOCUMENT, query="{ __typename }"),
    ],
)
def test_anything_else_is_refused(
    trusting: TestClient, tenant: Tenant, body: dict[str, Any]
) -> None:
    trusting.post("/graphql", json={"query": DOCUMENT}, headers=tenant.headers)  # knows the key
    with recorded_statements() as statements:
        response = trusting.post("/graphql", json=body, headers={**tenant.headers, **STRICT})

    assert (response.status_code, codes(response)) == (400, ["DOCUMENT_NOT_TRUSTED"])
    assert statements == []


@pytest.mark.parametrize("text", [None, "[]", "{", '{"a": 1}'])
def test_a_list_that_cannot_be_read_stops_the_server(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "trusted.json"
    if text is not None:
        path.write_text(text)

    with pytest.raises(SettingsError, match="CALL_ANALYTICS_TRUSTED_DOCUMENTS: must name a JSON"):
        create_app(Settings.model_validate({"trusted_documents": str(path)}))
