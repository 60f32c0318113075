"""GraphQL over HTTP: methods, media types, statuses, and input that makes no sense."""

import json
import logging
from typing import Any

import pytest
from starlette.testclient import TestClient

from call_analytics.telemetry.logs import SafeFormatter
from tests.platform import recorded_statements
from tests.tenants import Tenant

TYPENAME = {"query": "{ __typename }"}
RESPONSE_TYPE = "application/graphql-response+json"


def refusal(code: str, message: str) -> dict[str, Any]:
    """The body of a request that was refused as a whole."""
    return {"errors": [{"message": message, "extensions": {"code": code}}]}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is tested here is the same on every database."""
    return sqlite_url


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("application/json", "application/json"),
        (RESPONSE_TYPE, RESPONSE_TYPE),
        (f"{RESPONSE_TYPE}; charset=utf-8, application/json; q=0.9", RESPONSE_TYPE),
        (f"{RESPONSE_TYPE};q=0.5, application/json", "application/json"),
    ],
)
def test_accept_decides_the_media_type(
    client: TestClient, accept: str | None, content_type: str
) -> None:
    client.headers.pop("accept")
    headers = {} if accept is None else {"Accept": accept}

    response = client.post("/graphql", json=TYPENAME, headers=headers)

    assert response.headers["content-type"] == f"{content_type}; charset=utf-8"
    assert response.json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("accept", ["image/png", "text/html", "nonsense", "application/json;q=0"])
def test_406_where_nothing_acceptable_is_spoken(client: TestClient, accept: str) -> None:
    response = client.post("/graphql", json=TYPENAME, headers={"Accept": accept})

    assert response.status_code == 406
    message = (
        "Send the header Accept: application/json, "
        "or Accept: application/graphql-response+json, or none."
    )
    assert response.json() == refusal("NOT_ACCEPTABLE", message)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"query": "{"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": ""}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{ nothing }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "{ callAnalytics { nothing } }"}, "GRAPHQL_VALIDATION_FAILED"),
        (
            {"query": "{ callAnalytics(period: LAST_2_DAYS) { totalCalls } }"},
            "GRAPHQL_VALIDATION_FAILED",
        ),
        ({"query": "{ callAnalytics }"}, "GRAPHQL_VALIDATION_FAILED"),
        (
            {"query": "query($p: Period!) { callAnalytics(period: $p) { totalCalls } }"},
            "BAD_USER_INPUT",
        ),
        (
            {
                "query": "query($p: Period!) { callAnalytics(period: $p) { totalCalls } }",
                "variables": {"p": "7d"},
            },
            "BAD_USER_INPUT",
        ),
        ({"query": "query A { __typename } query B { __typename }"}, "BAD_USER_INPUT"),
        ({"query": "query A { __typename }", "operationName": "B"}, "BAD_USER_INPUT"),
        ({"query": "mutation { __typename }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "subscription { __typename }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "fragment F on Query { __typename }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "{ a" * 3000}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{a" * 900}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "#\n" * 5000 + "{ __typename }"}, "GRAPHQL_PARSE_FAILED"),
    ],
)
def test_a_document_that_cannot_be_run_is_refused(
    client: TestClient, tenant: Tenant, body: dict[str, Any], code: str
) -> None:
    with recorded_statements() as recorded:
        tolerant = client.post("/graphql", json=body, headers=tenant.headers)
    strict = client.post("/graphql", json=body, headers={"Accept": RESPONSE_TYPE, **tenant.headers})

    assert (tolerant.status_code, strict.status_code) == (200, 400)
    assert tolerant.json() == strict.json()
    assert set(strict.json()) == {"errors"}
    assert {error["extensions"]["code"] for error in strict.json()["errors"]} == {code}
    assert not any("calls" in statement for statement in recorded)


def test_a_missing_key_has_a_status_of_its_own(client: TestClient) -> None:
    response = client.post(
        "/graphql",
        json={"query": "{ callAnalytics { totalCalls } }"},
        headers={"Accept": RESPONSE_TYPE},
    )

    assert response.status_code == 401
    assert response.json()["data"] is None


EXAMPLE = 'Send a JSON object such as {"query": "{ __typename }"}.'
NO_OBJECT = f"The body is JSON, but not an object. {EXAMPLE}"
BATCH = "Batches are not supported; send one request each."


def _no_json(reason: str) -> str:
    return f"The body is not JSON ({reason}). {EXAMPLE}"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", _no_json("EOF while parsing a value at line 1 column 0")),
        (b"{", _no_json("EOF while parsing an object at line 1 column 1")),
        (b"{ __typename }", _no_json("key must be a string at line 1 column 3")),
        (b"[]", BATCH),
        (b'[{"query": "{ __typename }"}]', BATCH),
        (b"null", NO_OBJECT),
        (b'"{ __typename }"', NO_OBJECT),
        (b"{}", f"The request has no query. {EXAMPLE}"),
        (b'{"query": null}', f"The request has no query. {EXAMPLE}"),
        (b'{"query": 1}', "query: Input should be a valid string."),
        (b'{"query": "", "variables": []}', "variables: Input should be an object."),
        (b'{"query": "", "operationName": 1}', "operationName: Input should be a valid string."),
        (b'{"query": "", "extensions": "x"}', "extensions: Input should be an object."),
        (b"\xff", _no_json("expected value at line 1 column 1")),
        (b"[" * 50_000, _no_json("recursion limit exceeded at line 1 column 202")),
    ],
)
def test_400_for_a_body_that_is_no_request(client: TestClient, body: bytes, message: str) -> None:
    response = client.post("/graphql", content=body, headers={"Content-Type": "application/json"})

    assert response.status_code == 400
    assert response.json() == refusal("BAD_REQUEST", message)


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "application/json; charset=utf-16",
        "application/jsonp",
    ],
)
def test_415_for_another_content_type(client: TestClient, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}

    response = client.post("/graphql", content=json.dumps(TYPENAME), headers=headers)

    assert response.status_code == 415
    message = (
        "Send the request in UTF-8, without another charset."
        if content_type == "application/json; charset=utf-16"
        else "Send JSON, with the header Content-Type: application/json."
    )
    assert response.json() == refusal("UNSUPPORTED_MEDIA_TYPE", message)


def test_415_for_a_compressed_body(client: TestClient) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}

    response = client.post("/graphql", content=b"x", headers=headers)

    assert response.status_code == 415
    assert response.json() == refusal(
        "UNSUPPORTED_MEDIA_TYPE", "Send the request without Content-Encoding."
    )


def test_a_byte_order_mark_is_ignored(client: TestClient) -> None:
    headers = {"Content-Type": "application/json"}
    body = json.dumps(TYPENAME).encode("utf-8-sig")

    assert body.startswith(b"\xef\xbb\xbf{")
    response = client.post("/graphql", content=body, headers=headers)
    assert response.json() == {"data": {"__typename": "Query"}}
    again = client.post("/graphql", content=b"\xef\xbb\xbf" + body, headers=headers)
    assert again.json() == refusal("BAD_REQUEST", _no_json("expected value at line 1 column 1"))


@pytest.mark.parametrize("declared", [True, False])
def test_413_for_a_huge_body(service: Any, declared: bool) -> None:
    client = service(max_body_bytes=2_000)
    body = json.dumps({"query": "{ __typename }", "variables": {"x": "y" * 3_000}}).encode()
    content = body if declared else (body[index : index + 100] for index in range(0, 4_000, 100))

    response = client.post(
        "/graphql", content=content, headers={"Content-Type": "application/json"}
    )

    assert response.status_code == 413
    assert response.json() == refusal("CONTENT_TOO_LARGE", "The request is larger than 2000 bytes.")


def test_queries_may_be_sent_by_get(client: TestClient, tenant: Tenant) -> None:
    parameters = {
        "query": "query Q($p: Period!) { callAnalytics(period: $p) { period } }",
        "variables": '{"p": "LAST_1_DAY"}',
        "operationName": "Q",
    }

    response = client.get("/graphql", params=parameters, headers=tenant.headers)

    assert response.json() == {"data": {"callAnalytics": {"period": "LAST_1_DAY"}}}
    assert client.head("/graphql", params=parameters).content == b""


@pytest.mark.parametrize("variables", ["{", "[]", "1", '"x"'])
def test_400_for_variables_that_are_no_object(client: TestClient, variables: str) -> None:
    response = client.get("/graphql", params={**TYPENAME, "variables": variables})

    assert response.status_code == 400
    assert response.json()["errors"][0]["message"].startswith("variables: ")


def test_400_for_a_get_without_a_query(client: TestClient) -> None:
    response = client.get("/graphql", headers={"Accept": "application/json"})

    assert response.status_code == 400
    assert response.json() == refusal(
        "BAD_REQUEST",
        "The request has no query. Send it as /graphql?query=DOCUMENT, or by POST.",
    )


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
def test_405_for_another_method(client: TestClient, method: str) -> None:
    response = client.request(method, "/graphql")

    assert response.status_code == 405
    assert set(response.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}
    message = "This path does not take that method. Use one of: GET, HEAD, POST."
    assert response.json() == {"detail": message}


def test_unknown_variables_are_ignored(client: TestClient) -> None:
    body = {**TYPENAME, "variables": {"dashboard": 1}, "id": "x"}

    assert client.post("/graphql", json=body).json() == {"data": {"__typename": "Query"}}


def test_a_fault_of_ours_is_masked_and_logged(
    client: TestClient,
    tenant: Tenant,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def break_down(*_arguments: object) -> None:
        raise RuntimeError("secret: SELECT * FROM user_api_keys")

    monkeypatch.setattr("call_analytics.resolvers.analytics.sections", break_down)
    body = {"query": "{ callAnalytics { totalCalls } }"}

    with caplog.at_level(logging.ERROR, "call_analytics"):
        response = client.post("/graphql", json=body, headers=tenant.headers)
        rest = client.get("/api/v1/calls/analytics", headers=tenant.headers)
    faults = [record for record in caplog.records if hasattr(record, "fault")]

    error = response.json()["errors"][0]
    error_id = error["extensions"]["errorId"]
    assert error == {
        "message": f"Something went wrong on our side. Error id: {error_id}",
        "locations": [{"line": 1, "column": 3}],
        "path": ["callAnalytics"],
        "extensions": {"code": "INTERNAL_SERVER_ERROR", "errorId": error_id},
    }
    assert rest.status_code == 500
    assert rest.json()["detail"] == "Something went wrong on our side."
    assert [(record.getMessage(), vars(record)["fault"]) for record in faults] == [
        (f"error {error_id}", "RuntimeError"),
        (f"error {rest.json()['error_id']}", "RuntimeError"),
    ]
    assert {vars(record)["place"].rpartition(":")[0] for record in faults} == {
        "call_analytics.resolvers.analytics:_parts"
    }
    lines = [SafeFormatter().format(record) for record in caplog.records]
    assert not any("secret" in text for text in [response.text, rest.text, *lines])


def test_documents_are_parsed_and_validated_once(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.post("/graphql", json=TYPENAME)
    monkeypatch.setattr("call_analytics.schema.documents.parse", None)
    monkeypatch.setattr("call_analytics.schema.documents.validate", None)

    assert client.post("/graphql", json=TYPENAME).json() == {"data": {"__typename": "Query"}}


def test_the_memory_of_documents_is_bounded(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("call_analytics.schema.documents.CACHED_CHARACTERS", 100)
    client = service()
    client.post("/graphql", json=TYPENAME)
    for number in range(10):
        client.post("/graphql", json={"query": f"{{ n{number}: __typename }}"})
    client.post("/graphql", json={"query": f"{{ {'n' * 200}: __typename }}"})

    monkeypatch.setattr("call_analytics.schema.documents.parse", _fail)

    assert client.post("/graphql", json={"query": "{ n9: __typename }"}).status_code == 200
    assert client.post("/graphql", json=TYPENAME).status_code == 500


def _fail(*_arguments: object, **_options: object) -> None:
    raise RuntimeError("parsed again")
