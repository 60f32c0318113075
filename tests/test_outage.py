"""A PostgreSQL that goes away, hangs, and comes back: refusals meanwhile, answers afterwards."""

import os
import signal
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text
from starlette.testclient import TestClient

from db.engine import transaction
from server import create_app
from settings import Settings
from tests.platform import NOW, Platform, recorded_statements
from tests.postgres import PostgresCluster

REST = "/api/v1/calls/analytics"
QUERY = {"query": "{ callAnalytics { totalCalls } }"}
STRICT = {"Accept": "application/graphql-response+json"}
UNAVAILABLE = "The analytics are unavailable at the moment; try again shortly."


@pytest.fixture
def platform(own_platform: Platform) -> Platform:
    """A platform on a PostgreSQL that may be stopped."""
    return own_platform


@pytest.fixture
def headers(platform: Platform) -> dict[str, str]:
    """The key of an organization that has one call."""
    organization = platform.add_organization()
    platform.add_calls([{"assistant_id": platform.add_assistant(organization)}])
    return {"Authorization": f"Bearer {platform.add_key(organization)}"}


def _client(platform: Platform, **changes: Any) -> TestClient:
    settings = Settings.model_validate(
        {"database_url": platform.url, "key_cache_seconds": 0, **changes}
    )
    return TestClient(create_app(settings, clock=lambda: NOW), raise_server_exceptions=False)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_service_resumes_when_the_database_returns(
    own_cluster: PostgresCluster, platform: Platform, headers: dict[str, str], mode: str
) -> None:
    with _client(platform) as client:
        _assert_answers(client, headers)
        own_cluster.execute("CHECKPOINT")  # the test cluster commits to memory only
        own_cluster.stop(mode)
        _assert_refuses(client, headers)
        _assert_refuses(client, headers)
        own_cluster.start()
        _assert_answers(client, headers)


def test_it_starts_without_its_database(
    own_cluster: PostgresCluster, platform: Platform, headers: dict[str, str]
) -> None:
    own_cluster.stop()
    with _client(platform) as client:
        _assert_refuses(client, headers)
        own_cluster.start()
        _assert_answers(client, headers)


def test_a_database_that_hangs_is_given_up(
    own_cluster: PostgresCluster, platform: Platform, headers: dict[str, str]
) -> None:
    changes = {"statement_timeout_seconds": 0.2, "connect_timeout_seconds": 0.5}
    with _client(platform, **changes) as client:
        _assert_answers(client, headers)
        processes = own_cluster.processes()
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        try:
            _assert_refuses(client, headers)
        finally:
            for process in processes:
                os.kill(process, signal.SIGCONT)
        _assert_answers(client, headers)


def test_a_table_that_is_locked_is_given_up(platform: Platform, headers: dict[str, str]) -> None:
    with _client(platform, statement_timeout_seconds=0.2) as client:

        async def ask_beside_a_lock() -> None:
            async with transaction(platform.writer) as connection:
                await connection.execute(text("LOCK TABLE calls IN ACCESS EXCLUSIVE MODE"))
                response = client.get(REST, headers=headers)
                assert response.status_code == 503

        platform.run(ask_beside_a_lock())
        _assert_answers(client, headers)


def test_failures_are_in_the_metrics(
    own_cluster: PostgresCluster, platform: Platform, headers: dict[str, str]
) -> None:
    changes = {"telemetry_token": "token", "compaction_seconds": 0}
    with recorded_statements() as statements, _client(platform, **changes) as client:

        def ask(expected_status: int, expected_errors: int) -> None:
            assert client.get(REST, headers=headers).status_code == expected_status
            page = client.get("/metrics", headers={"Authorization": "Bearer token"}).text
            numbers = {
                sample.name.removeprefix("call_analytics_"): sample.value
                for family in text_string_to_metric_families(page)
                for sample in family.samples
            }
            assert numbers["statement_seconds_count"] == len(statements)
            assert numbers["connections_in_use"] == 0
            assert numbers.get("errors_total", 0) == expected_errors

        ask(200, 0)
        own_cluster.execute("ALTER TABLE calls RENAME TO elsewhere")
        ask(503, 1)
        own_cluster.execute("ALTER TABLE elsewhere RENAME TO calls")
        own_cluster.stop()
        assert client.get(REST, headers=headers).status_code == 503
        own_cluster.start()
        ask(200, 2)


def _assert_answers(client: TestClient, headers: dict[str, str]) -> None:
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 200
    assert client.get(REST, headers=headers).json()["total_calls"] == 1
    answer = client.post("/graphql", json=QUERY, headers=headers).json()
    assert answer["data"] == {"callAnalytics": {"totalCalls": 1}}


def _assert_refuses(client: TestClient, headers: dict[str, str]) -> None:
    assert client.get("/healthz").status_code == 200

    ready = client.get("/readyz")
    assert (ready.status_code, ready.headers["retry-after"]) == (503, "5")

    rest = client.get(REST, headers=headers)
    assert (rest.status_code, rest.headers["retry-after"]) == (503, "5")
    assert rest.json() == {"detail": UNAVAILABLE}

    tolerant = client.post("/graphql", json=QUERY, headers=headers)
    strict = client.post("/graphql", json=QUERY, headers={**STRICT, **headers})
    assert (tolerant.status_code, strict.status_code) == (200, 503)
    assert strict.headers["retry-after"] == "5"
    assert tolerant.json() == strict.json()
    error = strict.json()["errors"][0]
    assert (error["message"], error["extensions"]) == (UNAVAILABLE, {"code": "UNAVAILABLE"})

    # What needs no database goes on working.
    assert client.post("/graphql", json={"query": "{ __typename }"}).status_code == 200
