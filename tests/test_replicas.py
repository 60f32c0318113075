"""Answers from replicas: none is too old, and none is missing where somebody can answer."""

import asyncio
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

import pytest
from starlette.testclient import TestClient

from call_analytics.db.rollups.upkeep import disable_rollups, enable_rollups
from call_analytics.server import create_app
from call_analytics.settings import Settings, SettingsError
from tests.command import wait_until
from tests.db.rollups.agreement import differences
from tests.platform import Platform
from tests.postgres import PostgresCluster
from tests.replicated import Replicated, address, replicated
from tests.tenants import make_headers

QUERY = {"query": "{ callAnalytics { totalCalls } }"}
TOKEN = {"Authorization": "Bearer token"}


@pytest.fixture(scope="module")
def shared(runner: asyncio.Runner) -> Iterator[Replicated]:
    """Servers that are as they were after each test."""
    with replicated(runner) as servers:
        yield servers


@pytest.fixture
def own(runner: asyncio.Runner) -> Iterator[Replicated]:
    """Servers that a test may kill."""
    with replicated(runner) as servers:
        yield servers


def _in_use(client: TestClient) -> int:
    ready = client.get("/readyz").json()
    assert ready["replicas"] == 2
    return int(ready["replicasInUse"])


def _ask(client: TestClient, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    answer = client.post("/graphql", json=QUERY, headers=headers).json()
    return answer["data"]["callAnalytics"]["totalCalls"], answer["extensions"]


def _number(client: TestClient, name: str) -> float:
    page = client.get("/metrics", headers=TOKEN).text
    found = re.findall(rf"^call_analytics_{re.escape(name)} (\S+)$", page, re.MULTILINE)
    return sum(map(float, found))


def test_replicas_answer_and_tell_how_old_they_are(
    shared: Replicated, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "call_analytics")
    headers = make_headers(shared.platform, calls=3)
    with shared.client(max_staleness_seconds=60) as client:
        wait_until(lambda: _in_use(client) == 2)
        wait_until(lambda: _ask(client, headers)[0] == 3)

        _, extensions = _ask(client, headers)
        organization = client.post(
            "/graphql", json={"query": "{ organization { id } }"}, headers=headers
        ).json()

        assert extensions["sources"] == ["calls", "replica", "rollups"]
        assert 0 <= extensions["ageSeconds"] < 60
        assert organization["extensions"]["sources"] == ["replica"]
        assert _number(client, 'answers_total{server="replica"}') > 0
        for standby in shared.standbys:
            name = f'{{replica="{standby.directory}:5432"}}'
            assert _number(client, f"replica_in_use{name}") == 1
            assert _number(client, f"replica_age_seconds{name}") < 60

    lines = [message for message in caplog.messages if "replica" in message]
    assert sorted(lines) == sorted(
        f"replica {standby.directory}:5432 is in use" for standby in shared.standbys
    )


def test_an_answer_that_would_be_too_old_comes_from_the_primary(
    shared: Replicated, caplog: pytest.LogCaptureFixture
) -> None:
    headers = make_headers(shared.platform, calls=1)
    with shared.client() as client:
        wait_until(lambda: _in_use(client) == 2)
        wait_until(lambda: _ask(client, headers)[0] == 1)
        assert "replica" in _ask(client, headers)[1]["sources"]
        _assert_bounded(shared, client, headers)

    late = [message for message in caplog.messages if "behind the primary" in message]
    assert len(late) == 2
    assert all("is not in use: it is " in message for message in late)


def _assert_bounded(shared: Replicated, client: TestClient, headers: dict[str, str]) -> None:
    """What is written while standbys take nothing over is in every answer after two seconds."""
    shared.replay(is_on=False)
    try:
        shared.platform.add_calls([{"assistant_id": shared.platform.assistants[-1]["id"]}])
        written = time.monotonic()
        while time.monotonic() < written + 2:
            count, extensions = _ask(client, headers)
            assert count in (1, 2)
            assert extensions["ageSeconds"] <= 2
        count, extensions = _ask(client, headers)
        assert (count, extensions["ageSeconds"]) == (2, 0)
        assert "primary" in extensions["sources"]
        wait_until(lambda: _in_use(client) == 0)
        assert client.get("/readyz").status_code == 200
        exported = client.get("/api/v1/calls/export?period=7d&format=jsonl", headers=headers)
        assert len(exported.text.splitlines()) == 2
    finally:
        shared.replay(is_on=True)
    wait_until(lambda: _in_use(client) == 2)
    assert "replica" in _ask(client, headers)[1]["sources"]


def test_a_new_key_is_asked_of_the_primary(shared: Replicated) -> None:
    with shared.client(max_staleness_seconds=300) as client:
        wait_until(lambda: _in_use(client) == 2)
        shared.replay(is_on=False)
        try:
            headers = make_headers(shared.platform, calls=1)
            count, extensions = _ask(client, headers)
            nobody = client.post("/graphql", json=QUERY, headers={"Authorization": "Bearer x"})
        finally:
            shared.replay(is_on=True)

    # The key is known. Its calls are younger than what the replica has, and that may be so old.
    assert count == 0
    assert "replica" in extensions["sources"]
    assert nobody.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize("trouble", ["frozen", "stopped"])
def test_a_replica_that_does_not_answer_is_not_asked(shared: Replicated, trouble: str) -> None:
    headers = make_headers(shared.platform, calls=1)
    first, second = shared.standbys
    with shared.client(statement_timeout_seconds=2, max_staleness_seconds=60) as client:
        wait_until(lambda: _in_use(client) == 2)
        wait_until(lambda: _ask(client, headers)[0] == 1)
        with second.frozen() if trouble == "frozen" else _stopped(second):
            for _ in range(5):
                assert _ask(client, headers)[0] == 1
            wait_until(lambda: _in_use(client) == 1)
            assert "replica" in _ask(client, headers)[1]["sources"]
        wait_until(lambda: _in_use(client) == 2)
    assert first is not second


@contextmanager
def _stopped(cluster: PostgresCluster) -> Iterator[None]:
    cluster.stop("immediate")
    try:
        yield
    finally:
        cluster.start()


def test_a_statement_that_recovery_cancels_is_answered_by_the_primary(shared: Replicated) -> None:
    """The standby takes over a lock that the statement is in the way of, and does not wait."""
    headers = make_headers(shared.platform, calls=1)
    for standby in shared.standbys:
        standby.execute("ALTER SYSTEM SET max_standby_streaming_delay = 0")
        standby.execute("SELECT pg_reload_conf()")
    with shared.client(max_staleness_seconds=60) as client:
        wait_until(lambda: _in_use(client) == 2)
        wait_until(lambda: _ask(client, headers)[0] == 1)
        for _ in range(30):
            shared.primary.execute("BEGIN; LOCK TABLE calls; LOCK TABLE call_rollups_log; COMMIT")
            assert _ask(client, headers)[0] == 1


def test_readers_go_on_while_another_server_becomes_the_primary(own: Replicated) -> None:
    first, second = own.standbys
    headers = make_headers(own.platform, calls=1)
    with own.client(max_staleness_seconds=60) as client:
        wait_until(lambda: _in_use(client) == 2)
        wait_until(lambda: _ask(client, headers)[0] == 1)
        own.primary.kill()
        for _ in range(5):
            assert _ask(client, headers)[0] == 1
            assert client.get("/readyz").status_code == 200
        first.promote()
        second.follow(first)

        promoted = Platform(address(first), own.platform._runner)
        promoted.assistants, promoted.calls = own.platform.assistants, own.platform.calls
        promoted._ids = own.platform._ids
        promoted.add_calls([{"assistant_id": promoted.assistants[-1]["id"]}])
        another = make_headers(promoted, calls=2)
        assert client.post("/graphql", json=QUERY, headers=another).status_code == 200
        wait_until(lambda: _ask(client, another)[0] == 2)
        wait_until(lambda: _ask(client, headers)[0] == 2)
        wait_until(lambda: _number(client, "rollup_backlog") == 0)
        wait_until(lambda: _in_use(client) == 2)
        assert promoted.run(differences(promoted)) == []
        promoted.close()


def test_nothing_is_folded_on_a_standby(
    shared: Replicated, caplog: pytest.LogCaptureFixture
) -> None:
    headers = make_headers(shared.platform, calls=1)
    standby = shared.standbys[0]
    changes = {
        "database_url": address(standby, kind="any"),
        "read_database_url": "",
        "compaction_seconds": 0.05,
    }
    with shared.client(**changes) as client:
        wait_until(lambda: client.get("/readyz").status_code == 200)
        wait_until(
            lambda: (
                client.post("/graphql", json=QUERY, headers=headers).json().get("data")
                == {"callAnalytics": {"totalCalls": 1}}
            )
        )
        wait_until(lambda: bool(caplog.messages))
        time.sleep(0.5)

    (line,) = caplog.messages
    assert "this server is a standby" in line


def test_without_rollups_the_position_in_the_log_tells_the_age(
    shared: Replicated, caplog: pytest.LogCaptureFixture
) -> None:
    """As in the database of a platform, to which this service may not write."""
    platform = shared.platform
    headers = make_headers(platform, calls=1)
    platform.run(disable_rollups(platform.writer))
    try:
        with shared.client() as client:
            wait_until(lambda: _in_use(client) == 2)
            wait_until(lambda: _ask(client, headers)[0] == 1)
            assert _ask(client, headers)[1]["sources"] == ["calls", "replica"]
            _assert_bounded(shared, client, headers)
    finally:
        platform.run(enable_rollups(platform.writer, lambda *_: None))

    assert "position in the log: there are no rollups" in " ".join(caplog.messages)


def test_the_replica_of_a_platform_answers(
    shared: Replicated, runner: asyncio.Runner, caplog: pytest.LogCaptureFixture
) -> None:
    """By a role that may only read: without rollups, with them, and with the GRANT it is told."""
    shared.primary.execute("CREATE DATABASE attached STRATEGY file_copy")
    tables = (Path(__file__).parent / "attached.sql").read_text()
    shared.primary.execute(tables, "attached")
    owner = Platform(shared.primary.url("attached"), runner)
    attached = Replicated(
        shared.primary, shared.standbys, owner, database="attached", reader="analytics_reader"
    )
    wait_until(lambda: _has_database(shared.standbys, "attached"))
    try:
        for step, sources in (
            (None, ["calls", "replica"]),
            ("rollups", ["calls", "replica", "rollups"]),
            ("grant", ["calls", "replica", "rollups"]),
        ):
            if step == "rollups":
                owner.run(enable_rollups(owner.writer, lambda *_: None))
            if step == "grant":
                (grant,) = {line.partition(": GRANT ")[2] for line in _without_heartbeat(caplog)}
                shared.primary.execute(f"GRANT {grant}", "attached")
            caplog.clear()
            headers = make_headers(owner, calls=1)
            with attached.client() as client:
                wait_until(lambda: _in_use(client) == 2)
                wait_until(partial(_has_a_call, client, headers))
                assert _ask(client, headers)[1]["sources"] == sources
                _assert_bounded(attached, client, headers)
            assert bool(_without_heartbeat(caplog)) is (step != "grant")
    finally:
        owner.close()
        shared.primary.execute("DROP DATABASE attached WITH (FORCE)")
        shared.primary.execute("DROP ROLE analytics_reader")


def _without_heartbeat(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line for line in caplog.messages if "by their position in the log" in line]


def _has_database(standbys: Sequence[PostgresCluster], name: str) -> bool:
    try:
        for standby in standbys:
            standby.execute("SELECT FROM calls", name)
    except CalledProcessError:
        return False
    return True


def _has_a_call(client: TestClient, headers: dict[str, str]) -> bool:
    answer = client.get("/api/v1/calls/analytics", headers=headers)
    return answer.status_code == 200 and answer.json()["total_calls"] == 1


def test_only_postgresql_has_replicas(sqlite_url: str) -> None:
    settings = Settings(database_url=sqlite_url, read_database_url="postgresql://db/calls")
    with pytest.raises(SettingsError, match="READ_DATABASE_URL: a SQLite file has no replicas"):
        create_app(settings)
    settings = Settings(database_url="postgresql://a/b", read_database_url="nonsense")
    with pytest.raises(SettingsError, match="READ_DATABASE_URL: the database address must look"):
        create_app(settings)
