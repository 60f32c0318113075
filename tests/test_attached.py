"""Attached mode: the platform's own PostgreSQL, seen by a role that may only SELECT."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from db.check import check_database
from db.engine import connect, create_engine, parse_database_url
from db.errors import DatabaseChanged, OperatorError
from db.migrate import DatabaseState, prepare_to_serve
from db.obstacles import Finding
from db.rollup_upkeep import compact_rollups, disable_rollups, enable_rollups
from server import create_app
from settings import Settings
from tests.platform import NOW, PERIOD_DAYS, Platform
from tests.postgres import PostgresCluster

MISSING_INDEX = Finding(
    "table calls has no index ix_calls_analytics, so answers are slow",
    "CREATE INDEX CONCURRENTLY ix_calls_analytics "
    "ON calls (assistant_id, started_at, status, duration);",
)


@pytest.fixture
def platform_url(cluster: PostgresCluster) -> Iterator[str]:
    """The platform's database, with its owner's address."""
    cluster.execute("CREATE DATABASE attached")
    ddl = (Path(__file__).parent / "attached.sql").read_text()
    cluster.execute(ddl, "attached")
    yield cluster.url("attached")
    cluster.execute("DROP DATABASE attached WITH (FORCE)")
    cluster.execute("DROP ROLE analytics_reader")


@pytest.fixture
def platform(platform_url: str, runner: asyncio.Runner) -> Iterator[Platform]:
    """The platform, which writes its calls as it always did."""
    owner = Platform(platform_url, runner)
    yield owner
    owner.close()


@pytest.fixture
def reader_url(platform_url: str) -> str:
    """The same database, for the role that may only read."""
    return platform_url.replace("postgres@", "analytics_reader@")


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


def test_it_is_served_as_attached(reader_url: str, runner: asyncio.Runner) -> None:
    async def prepare() -> DatabaseState:
        database = create_engine(parse_database_url(reader_url), read_only=True)
        try:
            return await prepare_to_serve(database)
        finally:
            await database.dispose()

    assert runner.run(prepare()) is DatabaseState.ATTACHED


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
    reader = create_engine(parse_database_url(reader_url), read_only=False)
    with pytest.raises(OperatorError, match="this role may not compact"):
        platform.run(compact_rollups(reader))
    platform.run(reader.dispose())
    platform.run(disable_rollups(platform.writer))
    assert answer() == {**expected, "extensions": {"sources": ["calls"]}}


def test_rollups_cannot_be_enabled_by_a_reader(
    platform: Platform, reader_url: str, runner: asyncio.Runner
) -> None:
    platform.add_organization()
    database = create_engine(parse_database_url(reader_url), read_only=False)

    with pytest.raises(DatabaseChanged, match="the database refuses: permission denied"):
        runner.run(enable_rollups(database, lambda *_: None))
    runner.run(database.dispose())


def test_check_names_the_missing_index(
    platform: Platform, reader_url: str, runner: asyncio.Runner
) -> None:
    assert _check(reader_url, runner) == [MISSING_INDEX]

    _as_owner(platform, MISSING_INDEX.remedy)

    assert _check(reader_url, runner) == []


def test_check_accepts_an_index_that_carries_the_rest(
    platform: Platform, reader_url: str, runner: asyncio.Runner
) -> None:
    _as_owner(
        platform, "CREATE INDEX i ON calls (assistant_id, started_at) INCLUDE (status, duration)"
    )

    assert _check(reader_url, runner) == []


@pytest.mark.parametrize(
    "index",
    [
        "CREATE INDEX i ON calls (started_at, assistant_id, status, duration)",
        "CREATE INDEX i ON calls (assistant_id, started_at)",
        "CREATE INDEX i ON calls (assistant_id, started_at, status, duration) WHERE id > 5",
    ],
)
def test_check_is_not_fooled_by_another_index(
    platform: Platform, reader_url: str, runner: asyncio.Runner, index: str
) -> None:
    _as_owner(platform, index)

    assert _check(reader_url, runner) == [MISSING_INDEX]


def test_check_is_not_fooled_by_an_index_that_was_never_finished(
    platform: Platform, reader_url: str, runner: asyncio.Runner
) -> None:
    _as_owner(platform, MISSING_INDEX.remedy)
    _as_owner(
        platform,
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_calls_analytics'::regclass",
    )

    assert _check(reader_url, runner) == [MISSING_INDEX]


def test_check_names_what_the_role_may_not_read(
    platform: Platform, reader_url: str, runner: asyncio.Runner
) -> None:
    _as_owner(platform, "REVOKE SELECT ON users FROM analytics_reader")

    assert _check(reader_url, runner) == [
        Finding("table users cannot be read", "GRANT SELECT ON users TO analytics_reader;"),
        MISSING_INDEX,
    ]


def test_check_names_missing_tables_and_columns(
    platform: Platform, reader_url: str, runner: asyncio.Runner
) -> None:
    _as_owner(platform, "ALTER TABLE calls DROP COLUMN duration, DROP COLUMN status")

    assert [finding.problem for finding in _check(reader_url, runner)] == [
        "table calls has no column status, duration"
    ]

    _as_owner(platform, "DROP TABLE calls")

    assert [finding.problem for finding in _check(reader_url, runner)] == [
        "there is no table calls"
    ]


def _check(url: str, runner: asyncio.Runner) -> list[Finding]:
    async def check() -> list[Finding]:
        database = create_engine(parse_database_url(url), read_only=True)
        _state, findings = await check_database(database)
        await database.dispose()
        return findings

    return runner.run(check())


def _as_owner(platform: Platform, sql: str) -> None:
    async def execute() -> None:
        autocommit = platform.writer.execution_options(isolation_level="AUTOCOMMIT")
        async with autocommit.connect() as connection:
            await connection.execute(text(sql))

    platform.run(execute())


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
