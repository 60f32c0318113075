"""Migrations: the revisions make the models' tables, and what is not ours is left alone."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from call_analytics.db.admin.migrate import (
    DatabaseState,
    database_state,
    prepare_to_serve,
    require_managed,
    upgrade,
)
from call_analytics.db.admin.ownership import VERSION_TABLE
from call_analytics.db.engine import create_engine, parse_database_url, transaction
from call_analytics.db.errors import OperatorError
from call_analytics.db.figures.query import FigureQuery, Window
from call_analytics.db.models import Base
from call_analytics.db.rollups.state import RollupState, rollup_state
from call_analytics.db.rollups.upkeep import disable_rollups, enable_rollups, verify_rollups
from tests.figures import EVERYTHING
from tests.platform import Platform, add_many_calls
from tests.serving import serving
from tests.tenants import Tenant

WITHOUT_KEY_DATES = "ALTER TABLE user_api_keys DROP COLUMN created_at"
"""As it was before revision 0004."""


def test_the_revisions_make_the_tables_of_the_models(platform: Platform) -> None:
    models = Base.metadata.tables

    def differences(connection: Any) -> list[Any]:
        options = {
            "version_table": VERSION_TABLE,
            "compare_type": True,
            "include_name": lambda name, kind, _parents: kind != "table" or name in models,
        }
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, Base.metadata))

    async def compare() -> list[Any]:
        async with transaction(platform.writer) as connection:
            return await connection.run_sync(differences)

    assert platform.run(compare()) == []


def test_the_revisions_make_the_rollups_of_the_code(platform: Platform) -> None:
    before = _rollup_definitions(platform)
    platform.run(disable_rollups(platform.writer))
    assert _rollup_definitions(platform) == {}

    platform.run(enable_rollups(platform.writer, lambda *_: None))

    assert len(before) > 4
    assert _rollup_definitions(platform) == before


@pytest.mark.parametrize("were_on", [True, False])
def test_rollups_of_the_release_before_are_made_anew(platform: Platform, *, were_on: bool) -> None:
    """Their sums, which anybody could change, too; and those that are off stay off."""
    organization = platform.add_organization()
    platform.run(disable_rollups(platform.writer))
    _as_of_revision(platform, "0002" if were_on else "0001")
    if not were_on:  # as revision 0002 with rollups that were turned off
        version = f"UPDATE {VERSION_TABLE} SET version_num = '0002'"
        platform.run(platform.execute(text(version)))
    platform.add_calls([{"assistant_id": platform.add_assistant(organization)}] * 9)
    if were_on:
        forged = "UPDATE call_rollups SET calls = calls + 5000"
        platform.run(platform.execute(text(forged)))
    assert _in_transaction(platform, database_state) is DatabaseState.OUTDATED

    _in_transaction(platform, upgrade)

    assert _in_transaction(platform, database_state) is DatabaseState.MANAGED
    expected = RollupState.READY if were_on else RollupState.OFF
    assert platform.run(rollup_state(platform.writer)) is expected
    if were_on:
        after = _rollup_definitions(platform)
        differences: list[Any] = []
        platform.run(verify_rollups(platform.writer, differences.append, repair=False))
        assert differences == []
        platform.run(disable_rollups(platform.writer))
        platform.run(enable_rollups(platform.writer, lambda *_: None))
        assert after == _rollup_definitions(platform)


def test_calls_of_the_first_release_are_summed(platform: Platform) -> None:
    """As the first revision left them: without any rollups."""
    platform.run(disable_rollups(platform.writer))
    platform.add_calls([{"assistant_id": platform.add_assistant(platform.add_organization())}] * 9)
    _as_of_revision(platform, "0001")

    _in_transaction(platform, upgrade)

    assert platform.run(rollup_state(platform.writer)) is RollupState.READY
    differences: list[Any] = []
    platform.run(verify_rollups(platform.writer, differences.append, repair=False))
    assert differences == []


@pytest.mark.slow
@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_an_upgrade_under_load_fails_no_request(
    postgres_url: str, runner: asyncio.Runner, revision: str
) -> None:
    """Before, during and after: the figures of 100,000 calls, which a plain loop counts too."""
    platform = Platform(postgres_url, runner)
    organization = platform.add_organization()
    key = platform.add_key(organization)
    assistants = [platform.add_assistant(organization) for _ in range(20)]
    platform.run(disable_rollups(platform.writer))
    _as_of_revision(platform, revision)
    add_many_calls(platform, assistants, 100_000)
    expected = platform.expected(organization, "90d")
    assert platform.run(prepare_to_serve(platform.writer)) is DatabaseState.OUTDATED

    with ThreadPoolExecutor() as pool, serving(postgres_url) as url:

        def ask() -> tuple[int, Any]:
            headers = {"Authorization": f"Bearer {key}"}
            answer = httpx2.get(
                f"{url}/api/v1/calls/analytics?period=90d", headers=headers, timeout=60
            )
            return answer.status_code, answer.json()

        def ask_until(upgraded: threading.Event) -> list[tuple[int, Any]]:
            answers = [ask()]
            while not upgraded.is_set():
                answers.append(ask())
            return [*answers, ask()]

        upgraded = threading.Event()
        asking = [pool.submit(ask_until, upgraded) for _ in range(3)]
        _in_transaction(platform, upgrade)
        upgraded.set()
        answers = [answer for asked in asking for answer in asked.result()]

    assert len(answers) >= 9
    assert all(answer == (200, expected) for answer in answers)
    assert platform.run(rollup_state(platform.writer)) is RollupState.READY
    platform.figures.look_again()
    query = FigureQuery(organization, (Window(datetime(2025, 1, 1)),), EVERYTHING)
    assert platform.run(platform.figures.read(query)).from_rollups
    platform.close()


def _as_of_revision(platform: Platform, revision: str) -> None:
    """Make a migrated database without rollups what an older release left."""
    dialect = platform.reader.dialect.name
    statements = [WITHOUT_KEY_DATES, f"UPDATE {VERSION_TABLE} SET version_num = '{revision}'"]
    if revision == "0002":
        path = Path(__file__).parents[1] / f"revision_0002_{dialect}.sql"
        statements += path.read_text().splitlines()[1:]
    for statement in statements:
        platform.run(_execute(platform, statement))


def test_upgrading_twice_changes_nothing(platform: Platform, tenant: Tenant) -> None:
    assert tenant.assistants
    before = _in_transaction(platform, _all_rows)

    _in_transaction(platform, upgrade)

    assert _in_transaction(platform, database_state) is DatabaseState.MANAGED
    assert _in_transaction(platform, _all_rows) == before
    assert len(before["calls"]) == len(platform.calls) > 0
    assert {"call_rollups_log", "call_rollups_state", VERSION_TABLE} < set(before)


def test_a_database_without_tables_is_empty(tmp_path: Any, runner: asyncio.Runner) -> None:
    platform = Platform(f"sqlite:///{tmp_path}/new.db", runner)

    assert _in_transaction(platform, database_state) is DatabaseState.EMPTY
    with pytest.raises(OperatorError, match="call-analytics db upgrade"):
        _in_transaction(platform, require_managed)
    platform.close()


def test_an_embedded_database_is_created_when_it_is_served(
    tmp_path: Any, runner: asyncio.Runner
) -> None:
    database = create_engine(parse_database_url(f"sqlite:///{tmp_path}/new.db"), read_only=False)

    assert runner.run(prepare_to_serve(database)) is DatabaseState.MANAGED
    runner.run(database.dispose())


@pytest.mark.parametrize(
    ("change", "state"),
    [
        (f"UPDATE {VERSION_TABLE} SET version_num = '9999'", DatabaseState.NEWER),
        (f"DROP TABLE {VERSION_TABLE}", DatabaseState.ATTACHED),
        (f"DROP TABLE {VERSION_TABLE}; DROP TABLE calls", DatabaseState.INCOMPLETE),
    ],
)
def test_a_database_that_is_not_ours_is_not_changed(
    platform: Platform, change: str, state: DatabaseState
) -> None:
    for statement in change.split("; "):
        platform.run(platform.execute(text(statement)))

    assert _in_transaction(platform, database_state) is state
    with pytest.raises(OperatorError):
        _in_transaction(platform, require_managed)
    with pytest.raises(OperatorError, match=r"leaves them alone|newer than this release"):
        _in_transaction(platform, upgrade)


async def _all_rows(connection: AsyncConnection) -> dict[str, list[str]]:
    """Every row of every table."""
    tables = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
    return {
        table: sorted(map(repr, await connection.execute(text(f"SELECT * FROM {table}"))))
        for table in tables
    }


def _in_transaction(platform: Platform, work: Any) -> Any:
    async def run() -> Any:
        async with transaction(platform.writer) as connection:
            return await work(connection)

    return platform.run(run())


DEFINITIONS = {
    "sqlite": "SELECT type || ' ' || name, sql FROM sqlite_master WHERE name LIKE '%_rollups%'",
    "postgresql": """
        SELECT 'function ' || proname, pg_get_functiondef(oid) || coalesce(proacl::text, '')
        FROM pg_proc WHERE proname LIKE '%_rollups_%'
        UNION SELECT 'trigger ' || tgname, pg_get_triggerdef(oid)
        FROM pg_trigger WHERE tgname LIKE '%_rollups_%'
        UNION SELECT 'index ' || indexname, indexdef
        FROM pg_indexes WHERE tablename LIKE 'call_rollups%'
        UNION SELECT 'column ' || table_name || column_name,
            concat(data_type, is_nullable, column_default, ordinal_position)
        FROM information_schema.columns WHERE table_name LIKE 'call_rollups%'
        UNION SELECT 'privileges ' || relname, relacl::text
        FROM pg_class WHERE relname LIKE 'call_rollups%' AND relkind = 'r'
    """,
}


def _rollup_definitions(platform: Platform) -> dict[str, str]:
    """What the database itself says of the rollups, however it was written."""

    async def read() -> dict[str, str]:
        async with platform.reader.connect() as connection:
            rows = await connection.exec_driver_sql(DEFINITIONS[connection.dialect.name])
            found = [[str(column) for column in row] for row in rows]
            return {name: "".join(definition.split()) for name, definition in found}

    definitions: dict[str, str] = platform.run(read())
    return definitions


async def _execute(platform: Platform, statement: str) -> None:
    async with transaction(platform.writer) as connection:
        await connection.exec_driver_sql(statement)
