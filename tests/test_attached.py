"""Attached mode: the platform's own PostgreSQL, seen by a role that may only SELECT."""

import asyncio
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from call_analytics.db.admin.keys import list_keys
from call_analytics.db.admin.migrate import DatabaseState, prepare_to_serve
from call_analytics.db.engine import connect, create_engine, parse_database_url
from call_analytics.db.errors import DatabaseChanged, OperatorError
from call_analytics.db.rollups.folding import fold_rollups
from call_analytics.db.rollups.upkeep import disable_rollups, enable_rollups
from call_analytics.server import create_app
from call_analytics.settings import Settings
from tests.platform import NOW, PERIOD_DAYS, Platform


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
    reader = create_engine(parse_database_url(reader_url), read_only=False)
    with pytest.raises(OperatorError, match="this role may not compact"):
        platform.run(fold_rollups(reader))
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
