"""Databases that go away, hang, fill up and come back: refusals meanwhile, answers afterwards."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text
from starlette.testclient import TestClient

from call_analytics.db.engine import transaction
from call_analytics.server import create_app
from call_analytics.settings import Settings
from tests.command import wait_until
from tests.conftest import migrate
from tests.platform import NOW, Platform, recorded_statements
from tests.postgres import PostgresCluster
from tests.tenants import make_headers

REST = "/api/v1/calls/analytics"
TOKEN = {"Authorization": "Bearer token"}
QUERY = {"query": "{ callAnalytics { totalCalls } }"}
STRICT = {"Accept": "application/graphql-response+json"}
IN_USE = (
    "all 1 database connections of this process are in use; "
    "raise CALL_ANALYTICS_POOL_SIZE, or see what keeps them busy"
)
UNAVAILABLE = "The analytics are unavailable at the moment; try again shortly."


@pytest.fixture
def platform(own_platform: Platform) -> Platform:
    """A platform on a PostgreSQL that may be stopped."""
    return own_platform


@pytest.fixture
def headers(platform: Platform) -> dict[str, str]:
    """The key of an organization that has one call."""
    return make_headers(platform, calls=1)


@pytest.fixture
def shared_platform(postgres_url: str, runner: asyncio.Runner) -> Iterator[Platform]:
    """A platform on the PostgreSQL of all tests, which goes on running."""
    shared = Platform(postgres_url, runner)
    yield shared
    shared.close()


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
    changes = {"statement_timeout_seconds": 1.5, "connect_timeout_seconds": 2}
    with _client(platform, **changes) as client:
        _assert_answers(client, headers)
        with own_cluster.frozen():
            _assert_refuses(client, headers)
        _assert_answers(client, headers)


def test_a_table_that_is_locked_is_given_up(shared_platform: Platform) -> None:
    headers = make_headers(shared_platform, calls=1)
    with _client(shared_platform, statement_timeout_seconds=2) as client:

        async def ask_beside_a_lock() -> None:
            async with transaction(shared_platform.writer) as connection:
                await connection.execute(text("LOCK TABLE calls IN ACCESS EXCLUSIVE MODE"))
                response = client.get(REST, headers=headers)
                assert response.status_code == 503

        shared_platform.run(ask_beside_a_lock())
        _assert_answers(client, headers)


def test_failures_are_in_the_metrics(
    own_cluster: PostgresCluster, platform: Platform, headers: dict[str, str]
) -> None:
    changes = {"telemetry_token": "token", "compaction_seconds": 0}
    with recorded_statements() as statements, _client(platform, **changes) as client:

        def ask(expected_status: int, expected_errors: int) -> None:
            assert client.get(REST, headers=headers).status_code == expected_status
            numbers = _numbers(client)
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


def test_requests_wait_for_a_connection_of_the_service(
    shared_platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    """Longer than a new connection may take; readiness and telemetry do not wait."""
    headers = make_headers(shared_platform, calls=1)
    changes = {"pool_size": 1, "connect_timeout_seconds": 2, "telemetry_token": "token"}
    with _client(shared_platform, **changes) as client, ThreadPoolExecutor(2) as clients:
        _assert_answers(client, headers)
        waits = _numbers(client)["connection_wait_seconds_count"]

        async def ask_beside_a_lock() -> list[Future[Any]]:
            async with transaction(shared_platform.writer) as connection:
                await connection.execute(text("LOCK TABLE calls IN ACCESS EXCLUSIVE MODE"))
                asked = [
                    clients.submit(client.get, f"{REST}?period={period}", headers=headers)
                    for period in ("1d", "7d")
                ]
                wait_until(lambda: _numbers(client)["connection_waits"] == 1)
                await asyncio.sleep(2.5)
                assert client.get("/readyz").status_code == 200
                assert [one.done() for one in asked] == [False, False]
            return asked

        answers = [future.result(60) for future in shared_platform.run(ask_beside_a_lock())]
        numbers = _numbers(client)

    assert [answer.status_code for answer in answers] == [200, 200]
    assert [answer.json()["total_calls"] for answer in answers] == [1, 1]
    assert numbers["connection_wait_seconds_count"] > waits
    assert numbers["connection_wait_seconds_sum"] > 2
    assert numbers["connection_waits"] == 0
    assert caplog.messages == []


def test_who_waits_too_long_hears_that_the_service_is_busy(
    shared_platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    headers = make_headers(shared_platform, calls=1)
    changes = {"pool_size": 1, "request_timeout_seconds": 5, "telemetry_token": "token"}
    with _client(shared_platform, **changes) as client, ThreadPoolExecutor(1) as clients:
        _assert_answers(client, headers)

        async def ask_beside_a_lock() -> Any:
            async with transaction(shared_platform.writer) as connection:
                await connection.execute(text("LOCK TABLE calls IN ACCESS EXCLUSIVE MODE"))
                running = clients.submit(client.get, REST, headers=headers)
                wait_until(lambda: _numbers(client)["connections_in_use"] == 1)
                waited = client.post("/graphql", json=QUERY, headers={**STRICT, **headers})
                return waited, running.result(60)

        answer, other = shared_platform.run(ask_beside_a_lock())
        wait_until(lambda: _numbers(client)["connections_in_use"] == 0)
        _assert_answers(client, headers)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    error = answer.json()["errors"][0]
    assert error["message"] == "The service is busy; try again shortly."
    assert error["extensions"] == {"code": "OVERLOADED"}
    # The one that has the connection waits for the database, and not for a connection.
    assert (other.status_code, other.json()) == (503, {"detail": UNAVAILABLE})
    given_up = "a request was given up after 5 seconds"
    assert caplog.messages == [given_up, f"{given_up}: {IN_USE}"]


def test_telemetry_answers_while_the_database_hangs(
    own_cluster: PostgresCluster, platform: Platform, headers: dict[str, str]
) -> None:
    changes = {"telemetry_token": "token", "statement_timeout_seconds": 300, "pool_size": 1}
    with _client(platform, **changes) as client, ThreadPoolExecutor(1) as clients:
        _assert_answers(client, headers)
        backlog = _numbers(client)["rollup_backlog"]
        with own_cluster.frozen():
            page = clients.submit(_numbers, client).result(60)
        _assert_answers(client, headers)

    assert page["rollup_backlog"] == backlog


def test_folding_gives_up_a_database_that_hangs_and_goes_on_when_it_is_back(
    own_cluster: PostgresCluster,
    platform: Platform,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("call_analytics.db.replicas.databases.LONGEST_FOLD_SECONDS", 1)
    changes = {"telemetry_token": "token", "compaction_seconds": 0.05, "connect_timeout_seconds": 2}
    with _client(platform, **changes) as client:
        make_headers(platform, calls=1)
        wait_until(lambda: _numbers(client)["rollup_backlog"] == 0)
        with own_cluster.frozen():
            wait_until(lambda: "rollups are not folded" in caplog.text)
        make_headers(platform, calls=1)
        wait_until(lambda: _numbers(client)["rollup_backlog"] == 0)


def test_a_sqlite_file_may_be_replaced(
    tmp_path: Path, runner: asyncio.Runner, caplog: pytest.LogCaptureFixture
) -> None:
    path, other = tmp_path / "calls.db", tmp_path / "other.db"

    def fill(file: Path, calls: int) -> dict[str, str]:
        runner.run(migrate(f"sqlite:///{file}"))
        platform = Platform(f"sqlite:///{file}", runner)
        headers = make_headers(platform, calls=calls)
        platform.close()
        return headers

    old = fill(path, calls=1)
    new = fill(other, calls=2)
    settings = Settings(database_url=f"sqlite:///{path}", key_cache_seconds=0)
    app = create_app(settings, clock=lambda: NOW)
    with TestClient(app, raise_server_exceptions=False) as client:
        _assert_answers(client, old)
        other.replace(path)
        assert client.get(REST, headers=new).json()["total_calls"] == 2
        assert client.get(REST, headers=old).status_code == 401
        assert client.get("/readyz").status_code == 200
        path.rename(other)
        _assert_refuses(client, new)
        assert not path.exists()
        other.rename(path)
        assert client.get("/readyz").status_code == 200
        assert client.get(REST, headers=new).json()["total_calls"] == 2

    assert "the database's file was replaced; the new one is opened" in caplog.messages


def _numbers(client: TestClient) -> dict[str, float]:
    """The page for Prometheus: the last sample of each name."""
    page = client.get("/metrics", headers=TOKEN).text
    return {
        sample.name.removeprefix("call_analytics_"): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


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
