"""Attached mode: the platform's own PostgreSQL, seen by a role that may only SELECT."""

import asyncio
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from call_analytics.db.addresses import parse_database_url
from call_analytics.db.admin.keys import list_keys
from call_analytics.db.admin.migrate import DatabaseState, prepare_to_serve
from call_analytics.db.admin.obstacles import Finding
from call_analytics.db.engine import connect, create_engine
from call_analytics.db.errors import OperatorError
from call_analytics.db.rollups.folding import fold_rollups
from call_analytics.db.rollups.state import RollupState, RollupStatus, rollup_status
from call_analytics.db.rollups.upkeep import disable_rollups, enable_rollups, verify_rollups
from call_analytics.server import create_app
from call_analytics.settings import Settings
from tests.command import wait_until
from tests.platform import NOW, PERIOD_DAYS, Platform
from tests.postgres import PostgresCluster

BACKLOG = "call_analytics_rollup_backlog "
CANNOT_FOLD = Finding(
    "role analytics_reader may not fold the rollups, "
    "so their log grows unless another role folds it",
    "GRANT INSERT, UPDATE, DELETE ON call_rollups_log, call_rollups_assistants, "
    "call_rollups_organizations, call_rollups_moves, call_rollups_heartbeat TO analytics_reader;",
)


@pytest.fixture
def platform(attached: Platform) -> Platform:
    """The platform, which writes its calls as it always did."""
    return attached


def test_the_platform_s_keys_open_the_right_figures(platform: Platform, reader_url: str) -> None:
    organizations = [platform.add_organization() for _ in range(2)]
    keys = {platform.add_key(organization): organization for organization in organizations}
    for organization in organizations:
        assistant = platform.add_assistant(organization)
        platform.add_calls(
            [
                {"assistant_id": assistant, "status": status, "duration": organization % 100}
                for status in ("completed", "failed", "ongoing")
            ]
        )
    before = _contents(platform)

    app = create_app(Settings.model_validate({"database_url": reader_url}), clock=lambda: NOW)
    with TestClient(app) as client:
        assert client.get("/readyz").status_code == 200
        for key, organization in keys.items():
            for period in PERIOD_DAYS:
                response = client.get(
                    f"/api/v1/calls/analytics?period={period}",
                    headers={"Authorization": f"Bearer {key}"},
                )
                assert response.json() == platform.expected(organization, period)

    assert _contents(platform) == before


@pytest.mark.parametrize(
    ("key_rate_limits", "statuses"), [("auto", [200, 200]), ("on", [200, 429]), ("off", [200, 200])]
)
def test_the_limits_of_the_platform_s_keys_hold_only_if_that_is_set(
    platform: Platform, reader_url: str, key_rate_limits: str, statuses: list[int]
) -> None:
    organization = platform.add_organization()
    key = platform.add_key(organization, rate_limit={"requests_per_minute": 1})
    settings = {"database_url": reader_url, "key_rate_limits": key_rate_limits}
    app = create_app(Settings.model_validate(settings), clock=lambda: NOW)

    with TestClient(app) as client:
        answers = [
            client.get("/api/v1/calls/analytics", headers={"Authorization": f"Bearer {key}"})
            for _ in range(2)
        ]

    assert [answer.status_code for answer in answers] == statuses


def test_keys_are_listed_with_the_dates_that_there_are(
    platform: Platform, reader_url: str, runner: asyncio.Runner
) -> None:
    used = datetime(2026, 3, 2, 8)
    organization = platform.add_organization()
    platform.add_key(organization, created_at=datetime(2026, 3, 1, 8), last_used_at=used)

    async def dates() -> list[tuple[datetime | None, datetime | None]]:
        database = create_engine(parse_database_url(reader_url), read_only=True)
        try:
            async with connect(database) as connection:
                keys = await list_keys(connection)
            return [(key.created_at, key.last_used_at) for key in keys]
        finally:
            await database.dispose()

    assert runner.run(dates()) == [(datetime(2026, 3, 1, 8), used)]
    platform.run(platform.execute(text("ALTER TABLE user_api_keys DROP COLUMN created_at")))
    assert runner.run(dates()) == [(None, used)]
    assert _prepared(reader_url, runner) is DatabaseState.ATTACHED


def test_it_is_served_as_attached(reader_url: str, runner: asyncio.Runner) -> None:
    assert _prepared(reader_url, runner) is DatabaseState.ATTACHED


def _prepared(reader_url: str, runner: asyncio.Runner) -> DatabaseState:
    async def prepare() -> DatabaseState:
        database = create_engine(parse_database_url(reader_url), read_only=True)
        try:
            return await prepare_to_serve(database)
        finally:
            await database.dispose()

    return runner.run(prepare())


def test_rollups_may_be_enabled_by_the_owner(platform: Platform, reader_url: str) -> None:
    organization = platform.add_organization()
    assistant = platform.add_assistant(organization)
    platform.add_calls([{"assistant_id": assistant}] * 3)
    headers = {"Authorization": f"Bearer {platform.add_key(organization)}"}
    query = {"query": "{ callAnalytics { totalCalls } }"}

    def answer() -> Any:
        app = create_app(Settings.model_validate({"database_url": reader_url}), clock=lambda: NOW)
        with TestClient(app) as client:
            return client.post("/graphql", json=query, headers=headers).json()

    expected = {"data": {"callAnalytics": {"totalCalls": 3}}}
    assert answer() == {**expected, "extensions": {"sources": ["calls"]}}
    platform.run(enable_rollups(platform.writer, lambda *_: None))
    assert answer() == {**expected, "extensions": {"sources": ["calls", "rollups"]}}
    before = _contents(platform)
    answer()
    assert _contents(platform) == before
    platform.run(disable_rollups(platform.writer))
    assert answer() == {**expected, "extensions": {"sources": ["calls"]}}


def test_a_service_that_may_only_read_says_so_once_and_what_to_grant(
    platform: Platform, reader_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    organization = platform.add_organization()
    assistant = platform.add_assistant(organization)
    given = platform.run(enable_rollups(platform.writer, lambda *_: None))
    assert given == [CANNOT_FOLD]
    platform.add_calls([{"assistant_id": assistant}] * 3)
    settings = {
        "database_url": reader_url,
        "compaction_seconds": 0.02,
        "telemetry_token": "token",
    }
    app = create_app(Settings.model_validate(settings), clock=lambda: NOW)

    def log_length(client: TestClient) -> float:
        page = client.get("/metrics", headers={"Authorization": "Bearer token"}).text
        (line,) = [line for line in page.splitlines() if line.startswith(BACKLOG)]
        return float(line.split()[-1])

    with TestClient(app) as client:
        wait_until(lambda: "rollups are not folded" in caplog.text)
        assert log_length(client) == 3
        status = platform.run(_status(reader_url))
        assert (status.state, status.waiting) == (RollupState.READY, 3)
        assert status.finding == CANNOT_FOLD
        assert client.get("/readyz").status_code == 200
        told = [record.message for record in caplog.records if "not folded" in record.message]
        assert told == [f"rollups are not folded: {CANNOT_FOLD.line}"]

        platform.run(platform.execute(text(CANNOT_FOLD.remedy)))
        wait_until(lambda: log_length(client) == 0)

    assert platform.run(_status(reader_url)).finding is None
    assert platform.run(enable_rollups(platform.writer, lambda *_: None)) == []


async def _status(url: str) -> RollupStatus:
    database = create_engine(parse_database_url(url), read_only=True)
    try:
        return await rollup_status(database)
    finally:
        await database.dispose()


def test_a_service_that_may_not_read_the_rollups_reads_the_calls(
    platform: Platform, reader_url: str
) -> None:
    organization = platform.add_organization()
    platform.add_calls([{"assistant_id": platform.add_assistant(organization)}] * 3)
    headers = {"Authorization": f"Bearer {platform.add_key(organization)}"}
    platform.run(enable_rollups(platform.writer, lambda *_: None))
    platform.run(platform.execute(text("REVOKE SELECT ON call_rollups_log FROM analytics_reader")))

    app = create_app(Settings.model_validate({"database_url": reader_url}), clock=lambda: NOW)
    with TestClient(app) as client:
        assert client.get("/readyz").status_code == 200
        answer = client.get("/api/v1/calls/analytics", headers=headers)
        assert answer.json() == platform.expected(organization, "7d")

    reader = create_engine(parse_database_url(reader_url), read_only=False)
    for work in (
        fold_rollups(reader),
        verify_rollups(reader, lambda _difference: None, repair=False),
    ):
        with pytest.raises(OperatorError, match="may not read the rollups; the remedy is: GRANT"):
            platform.run(work)
    platform.run(reader.dispose())


def test_who_may_only_read_verifies_and_does_not_repair(
    platform: Platform, reader_url: str
) -> None:
    platform.run(enable_rollups(platform.writer, lambda *_: None))
    reader = create_engine(parse_database_url(reader_url), read_only=False)

    platform.run(verify_rollups(reader, lambda _difference: None, repair=False))
    for work in (
        fold_rollups(reader),
        verify_rollups(reader, lambda _difference: None, repair=True),
    ):
        with pytest.raises(OperatorError) as refusal:
            platform.run(work)
        assert str(refusal.value) == CANNOT_FOLD.line
    platform.run(reader.dispose())


def test_enabling_anew_says_which_grants_are_gone(platform: Platform) -> None:
    """New tables have none of those that the old ones had."""
    platform.run(enable_rollups(platform.writer, lambda *_: None))
    platform.run(platform.execute(text(CANNOT_FOLD.remedy)))
    assert platform.run(enable_rollups(platform.writer, lambda *_: None)) == []

    platform.run(disable_rollups(platform.writer))
    assert platform.run(enable_rollups(platform.writer, lambda *_: None)) == [CANNOT_FOLD]

    platform.run(platform.execute(text(CANNOT_FOLD.remedy)))
    platform.run(platform.execute(text("ALTER TABLE calls DISABLE TRIGGER call_rollups_insert")))
    assert platform.run(enable_rollups(platform.writer, lambda *_: None)) == [CANNOT_FOLD]


def test_rollups_cannot_be_enabled_by_a_reader(platform: Platform, reader_url: str) -> None:
    platform.run(platform.execute(text("REVOKE SELECT ON calls FROM analytics_reader")))
    database = create_engine(parse_database_url(reader_url), read_only=False)

    with pytest.raises(OperatorError) as refusal:
        platform.run(enable_rollups(database, lambda *_: None))

    platform.run(database.dispose())
    assert str(refusal.value) == (
        "table calls cannot be read; "
        "role analytics_reader may not create tables in schema public; "
        "role analytics_reader may not create triggers on table assistants; "
        "role analytics_reader may not create triggers on table calls; the remedy is: "
        "GRANT SELECT ON calls TO analytics_reader; "
        "GRANT CREATE ON SCHEMA public TO analytics_reader; "
        "GRANT TRIGGER ON assistants TO analytics_reader; "
        "GRANT TRIGGER ON calls TO analytics_reader;"
    )


@pytest.fixture
def keeper(
    platform: Platform, cluster: PostgresCluster, runner: asyncio.Runner
) -> Iterator[Platform]:
    """A role that has the privileges that rollups need, as the documentation names them."""
    role = "CREATE ROLE keeper LOGIN"
    guide = (Path(__file__).parents[1] / "docs" / "attaching.md").read_text()
    (granting,) = re.findall(r"```sql\n(GRANT CREATE .*?)```", guide, re.DOTALL)
    cluster.execute(f"{role}; {granting.replace('call_analytics_rollups', 'keeper')}", "attached")
    opened = Platform(platform.url.replace("postgres@", "keeper@"), runner)
    yield opened
    opened.close()
    cluster.execute("DROP OWNED BY keeper CASCADE; DROP ROLE keeper", "attached")


def test_the_privileges_that_are_named_are_enough(
    platform: Platform, keeper: Platform, reader_url: str
) -> None:
    organization, other = platform.add_organization(), platform.add_organization()
    assistant = platform.add_assistant(organization)
    platform.add_calls([{"assistant_id": assistant}] * 3)
    # The owner of the platform's tables may do everything, and is not named.
    assert keeper.run(enable_rollups(keeper.writer, lambda *_: None)) == [CANNOT_FOLD]
    platform.add_calls([{"assistant_id": assistant, "status": "failed"}] * 3)
    platform.run(platform.execute(text(f"UPDATE assistants SET organization_id = {other}")))

    assert keeper.run(fold_rollups(keeper.writer)) == 3
    differences: list[Any] = []
    keeper.run(verify_rollups(keeper.writer, differences.append, repair=True))
    assert differences == []
    status = platform.run(_status(reader_url))
    assert (status.state, status.waiting) == (RollupState.READY, 0)
    keeper.run(disable_rollups(keeper.writer))
    assert platform.run(_status(reader_url)).state is RollupState.OFF


@pytest.mark.parametrize(
    ("privilege", "problem"),
    [
        ("CREATE ON SCHEMA public", "role keeper may not create tables in schema public"),
        ("TRIGGER ON calls", "role keeper may not create triggers on table calls"),
        ("TRIGGER ON assistants", "role keeper may not create triggers on table assistants"),
        ("SELECT ON calls", "table calls cannot be read"),
        ("SELECT ON assistants", "table assistants cannot be read"),
    ],
)
def test_each_of_the_privileges_is_needed_and_named(
    platform: Platform, keeper: Platform, privilege: str, problem: str
) -> None:
    platform.run(platform.execute(text(f"REVOKE {privilege} FROM keeper")))
    remedy = f"GRANT {privilege} TO keeper;"

    with pytest.raises(OperatorError) as refusal:
        keeper.run(enable_rollups(keeper.writer, lambda *_: None))

    assert str(refusal.value) == f"{problem}; the remedy is: {remedy}"
    platform.run(platform.execute(text(remedy)))
    assert keeper.run(enable_rollups(keeper.writer, lambda *_: None)) == [CANNOT_FOLD]


def test_rollups_of_another_role_are_its_own(platform: Platform, keeper: Platform) -> None:
    platform.run(enable_rollups(platform.writer, lambda *_: None))

    with pytest.raises(OperatorError) as refusal:
        keeper.run(enable_rollups(keeper.writer, lambda *_: None))

    assert str(refusal.value) == (
        "only role postgres may replace the rollups that are there; "
        "the remedy is: run the command as role postgres"
    )


def _contents(platform: Platform) -> dict[str, object]:
    """Everything in the database, and its tables."""

    async def read() -> dict[str, object]:
        async with connect(platform.reader) as connection:
            tables = await connection.scalars(
                text("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace")
            )
            return {
                table: (await connection.execute(text(f"SELECT * FROM {table}"))).all()
                for table in sorted(tables)
                if not table.endswith(("_pkey", "_key")) and not table.startswith("ix_")
            }

    contents = platform.run(read())
    assert isinstance(contents, dict)
    return contents
