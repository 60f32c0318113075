"""Migrations: the revisions make the models' tables, and what is not ours is left alone."""

import asyncio
import contextlib
import runpy
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import Connection, event, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from call_analytics.db.addresses import parse_database_url
from call_analytics.db.admin import migrate
from call_analytics.db.admin.check import check_database
from call_analytics.db.admin.keys import generate_key
from call_analytics.db.admin.migrate import (
    DatabaseState,
    database_state,
    prepare_to_serve,
    require_managed,
    upgrade,
)
from call_analytics.db.engine import connect, create_engine, transaction
from call_analytics.db.errors import DatabaseUnavailable, OperatorError
from call_analytics.db.figures.query import FigureQuery, Window
from call_analytics.db.models import VERSION_TABLE, Base
from call_analytics.db.rollups.state import RollupState, rollup_state
from call_analytics.db.rollups.upkeep import disable_rollups, enable_rollups
from tests.db.rollups.agreement import assert_agreement, differences
from tests.figures import EVERYTHING
from tests.platform import NOW, Platform, add_many_calls, key_row
from tests.postgres import PostgresCluster
from tests.serving import serving
from tests.tenants import Tenant

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006")
"""Those of earlier releases."""


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database that is empty."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/old.db"
        return
    yield from _empty_database(request.getfixturevalue("cluster"))


@pytest.fixture
def empty_postgres_url(cluster: PostgresCluster) -> Iterator[str]:
    """The address of a PostgreSQL database that is empty."""
    yield from _empty_database(cluster)


def _empty_database(cluster: PostgresCluster) -> Iterator[str]:
    cluster.execute("CREATE DATABASE old_release")
    yield cluster.url("old_release")
    cluster.execute("DROP DATABASE old_release WITH (FORCE)")


class OldRelease:
    """A database as an earlier release left it, with two organizations."""

    def __init__(self, url: str, runner: asyncio.Runner, revision: str) -> None:
        self.platform = platform = Platform(url, runner)
        for statement in (
            ["0001", *_of_revision_0002(platform)] if revision == "0002" else [revision]
        ):
            work = migrate_to if statement in REVISIONS else _execute
            platform.run(work(platform, statement))
        self.organizations = [platform.add_organization() for _ in range(2)]
        self.assistants = [
            platform.add_assistant(organization)
            for organization in self.organizations
            for _ in range(2)
        ]
        platform.add_calls(
            [
                {
                    "assistant_id": self.assistants[number % 4],
                    "status": ("completed", "failed", "busy")[number % 3],
                    "started_at": NOW.replace(tzinfo=None) - timedelta(hours=number * 7),
                }
                for number in range(60)
            ]
        )

    def upgrade(self) -> Platform:
        """Upgrade it; returns it as this release sees it."""
        self.platform.run(upgrade(self.platform.writer))
        upgraded = Platform(self.platform.url, self.platform._runner)
        upgraded.assistants, upgraded.calls = self.platform.assistants, self.platform.calls
        upgraded._ids = self.platform._ids
        return upgraded


async def migrate_to(platform: Platform, revision: str) -> None:
    """Apply the revisions up to this one."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))

    def run(connection: Connection) -> None:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    async with connect(platform.writer) as connection:
        await connection.run_sync(run)


def _of_revision_0002(platform: Platform) -> list[str]:
    """What the released revision did; the one of today leaves triggers to those after it."""
    path = Path(__file__).parents[1] / f"revision_0002_{platform.reader.dialect.name}.sql"
    statements = path.read_text().splitlines()[1:]
    return [*statements, f"UPDATE {VERSION_TABLE} SET version_num = '0002'"]


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


@pytest.mark.parametrize("revision", REVISIONS)
def test_every_earlier_release_is_upgraded(
    empty_url: str, runner: asyncio.Runner, revision: str
) -> None:
    old = OldRelease(empty_url, runner, revision)
    assert _in_transaction(old.platform, database_state) is DatabaseState.OUTDATED
    old.platform.run(assert_agreement(old.platform, old.organizations))  # read as it is

    platform = old.upgrade()

    assert _in_transaction(platform, database_state) is DatabaseState.MANAGED
    rows = platform.run(_rows(platform, "SELECT id, organization_id, call_sid FROM calls"))
    owners = {row["id"]: row["organization_id"] for row in platform.assistants}
    assert sorted(rows) == [
        (call["id"], owners[call["assistant_id"]], call["call_sid"]) for call in platform.calls
    ]
    # Who has read it before reads it now by assistant, until it looks again.
    for reader in (old.platform, platform):
        reader.run(assert_agreement(reader, old.organizations))
    assert platform.run(assert_agreement(platform, old.organizations)) == [True, True]
    assert platform.run(differences(platform)) == []
    assert platform.run(check_database(platform.reader)) == (DatabaseState.MANAGED, [])
    numbered = (
        "INSERT INTO calls (call_sid, organization_id, assistant_id, to_phone_number, "
        "customer_phone_number, status) VALUES ('CA', {}, {}, '', '', '')"
    )
    platform.run(_execute(platform, numbered.format(old.organizations[0], old.assistants[0])))
    (made,) = platform.run(_rows(platform, "SELECT id FROM calls WHERE call_sid = 'CA'"))
    assert made[0] not in {row[0] for row in rows}
    after = _rollup_definitions(platform)
    platform.run(disable_rollups(platform.writer))
    platform.run(enable_rollups(platform.writer, lambda *_: None))
    assert after == _rollup_definitions(platform)
    old.platform.close()
    platform.close()


def test_what_anybody_could_change_is_summed_anew(empty_url: str, runner: asyncio.Runner) -> None:
    old = OldRelease(empty_url, runner, "0002")
    old.platform.run(_execute(old.platform, "UPDATE call_rollups SET calls = calls + 5000"))

    platform = old.upgrade()

    assert platform.run(differences(platform)) == []
    old.platform.close()
    platform.close()


@pytest.mark.parametrize("revision", ["0001", "0005"])
def test_rollups_that_are_off_stay_off(
    empty_url: str, runner: asyncio.Runner, revision: str
) -> None:
    """Turned off in the release before, or in the one of revision 0002."""
    old = OldRelease(empty_url, runner, revision)
    if revision == "0005":
        old.platform.run(disable_rollups(old.platform.writer))
    else:
        version = f"UPDATE {VERSION_TABLE} SET version_num = '0002'"
        old.platform.run(_execute(old.platform, version))

    platform = old.upgrade()

    assert platform.run(rollup_state(platform.writer)) is RollupState.OFF
    assert platform.run(assert_agreement(platform, old.organizations)) == [False, False]
    old.platform.close()
    platform.close()


def test_rollups_that_missed_a_write_are_not_ready_afterwards(
    empty_url: str, runner: asyncio.Runner
) -> None:
    old = OldRelease(empty_url, runner, "0005")
    on = " ON calls" if old.platform.reader.dialect.name == "postgresql" else ""
    old.platform.run(_execute(old.platform, f"DROP TRIGGER call_rollups_insert{on}"))
    old.platform.add_calls([{"assistant_id": old.assistants[0]}])

    platform = old.upgrade()

    assert platform.run(rollup_state(platform.writer)) is not RollupState.READY
    assert platform.run(assert_agreement(platform, old.organizations)) == [False, False]
    platform.run(enable_rollups(platform.writer, lambda *_: None))
    assert platform.run(differences(platform)) == []
    old.platform.close()
    platform.close()


def test_an_upgrade_that_is_cut_short_goes_on(empty_url: str, runner: asyncio.Runner) -> None:
    """Wherever that was; and the figures are right in between."""
    old = OldRelease(empty_url, runner, "0005")
    most, cuts = 8, 0

    while True:
        left = most

        def cut(*_arguments: Any) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise RuntimeError

        engine = old.platform.writer.sync_engine
        event.listen(engine, "before_cursor_execute", cut)
        try:
            old.platform.run(upgrade(old.platform.writer))
        except RuntimeError:
            cuts += 1
            most += 2
        else:
            break
        finally:
            event.remove(engine, "before_cursor_execute", cut)
        old.platform.run(assert_agreement(old.platform, old.organizations))

    platform = old.upgrade()
    assert cuts >= 5
    assert platform.run(assert_agreement(platform, old.organizations)) == [True, True]
    assert platform.run(differences(platform)) == []
    old.platform.close()
    platform.close()


@pytest.mark.slow
def test_calls_are_written_and_assistants_move_during_an_upgrade(
    empty_postgres_url: str, runner: asyncio.Runner
) -> None:
    """By a writer that knows no organization of a call, and is refused afterwards."""
    old = OldRelease(empty_postgres_url, runner, "0005")
    platform = old.platform
    add_many_calls(platform, old.assistants, 20_000)
    mover = platform.add_assistant(old.organizations[0])
    refusals: list[str] = []
    without_key = (
        "INSERT INTO calls (call_sid, assistant_id, to_phone_number, customer_phone_number, status)"
        f" VALUES ('{{}}', {mover}, '', '', 'ongoing')"
    )
    move = (
        f"UPDATE assistants SET organization_id = {{}} WHERE id = {mover} AND NOT EXISTS "
        "(SELECT FROM pg_constraint WHERE conname LIKE 'fk_calls_organization_id%')"
    )

    async def write() -> int:
        number = 0
        while not refusals:
            number += 1
            some = (
                f"WHERE assistant_id = {old.assistants[0]} AND call_sid LIKE '%{number % 100:02}'"
            )
            other = old.assistants[number % 4]
            for statement in (
                without_key.format(f"W{number}"),
                f"UPDATE calls SET status = 'busy' {some}",
                f"UPDATE calls SET assistant_id = {other} WHERE call_sid = 'W{number - 1}'",
                move.format(old.organizations[number % 2]),
            ):
                try:
                    await _execute(platform, statement)
                except DatabaseUnavailable as error:
                    refusals.append(str(error))
        return number

    async def run() -> int:
        writing = asyncio.create_task(write())
        await asyncio.sleep(0)
        await upgrade(platform.writer)
        return await writing

    assert platform.run(run()) > 5
    assert all("not-null constraint" in text or "foreign key" in text for text in refusals)
    with pytest.raises(DatabaseUnavailable) as refusal:
        platform.run(_execute(platform, without_key.format("late")))
    assert str(refusal.value) == (
        'the database does not answer: null value in column "organization_id" of relation "calls" '
        "violates not-null constraint"
    )
    strays = (
        "SELECT count(*) FROM calls JOIN assistants ON assistants.id = assistant_id "
        "WHERE calls.organization_id IS DISTINCT FROM assistants.organization_id"
    )
    assert platform.run(_rows(platform, strays)) == [(0,)]
    assert platform.run(differences(platform)) == []
    platform.close()


def test_two_upgrades_at_once(empty_postgres_url: str, runner: asyncio.Runner) -> None:
    platform = OldRelease(empty_postgres_url, runner, "0005").platform

    async def run() -> list[Any]:
        both = (upgrade(platform.writer) for _ in range(2))
        return await asyncio.gather(*both, return_exceptions=True)

    outcomes = sorted(platform.run(run()), key=str)

    assert list(map(str, outcomes)) == [
        "None",
        "another process is upgrading the database; try again when it has ended",
    ]
    assert _in_transaction(platform, database_state) is DatabaseState.MANAGED
    platform.close()


def test_a_transaction_that_never_ends_is_not_waited_for(
    empty_postgres_url: str, runner: asyncio.Runner
) -> None:
    platform = OldRelease(empty_postgres_url, runner, "0005").platform
    path = Path(migrate.__file__).parent / "migrations/versions/0006_organization_first.py"
    revision: Any = runpy.run_path(str(path))
    attempt = revision["_without_queueing"]
    attempt.__globals__["LOCK_ATTEMPTS"] = 2
    change = "DO $$ BEGIN SET LOCAL lock_timeout = '50ms'; LOCK TABLE calls; END $$"

    async def run() -> None:
        async with transaction(platform.writer) as endless:
            await endless.execute(text("SELECT id FROM calls LIMIT 1"))
            autocommit = platform.writer.execution_options(isolation_level="AUTOCOMMIT")
            async with autocommit.connect() as connection:
                await connection.run_sync(attempt, change)

    with pytest.raises(CommandError, match="a transaction has been using the table calls all"):
        platform.run(run())
    platform.close()


def test_calls_of_assistants_that_are_not_there_are_not_lost(
    tmp_path: Path, runner: asyncio.Runner
) -> None:
    """SQLite looks at references where it is told to."""
    platform = OldRelease(f"sqlite:///{tmp_path}/old.db", runner, "0005").platform
    with contextlib.closing(sqlite3.connect(tmp_path / "old.db")) as file, file:
        file.execute("UPDATE calls SET assistant_id = 77 WHERE call_sid LIKE '%5'")

    with pytest.raises(OperatorError) as refusal:
        platform.run(upgrade(platform.writer))

    problem, _, remedy = str(refusal.value).partition("try again: ")
    assert problem == "6 calls belong to assistants that are not there; delete them, and "
    platform.run(_execute(platform, remedy))
    platform.run(upgrade(platform.writer))
    platform.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("revision", "calls"), [("0001", 50_000), ("0002", 20_000), ("0005", 20_000)]
)
def test_an_upgrade_under_load_fails_no_request(
    empty_postgres_url: str, runner: asyncio.Runner, revision: str, calls: int
) -> None:
    """Before, during and after: the figures of many calls, which a plain loop counts too."""
    old = OldRelease(empty_postgres_url, runner, revision)
    platform, organization = old.platform, old.organizations[0]
    key = generate_key()
    row = key_row(organization, key)
    names, values = ", ".join(row), ", ".join(f"'{value}'" for value in row.values())
    platform.run(_execute(platform, f"INSERT INTO user_api_keys ({names}) VALUES ({values})"))
    assistants = platform.add_assistants(organization, 20)
    add_many_calls(platform, assistants, calls)
    expected = platform.expected(organization, "90d")
    assert platform.run(prepare_to_serve(platform.writer)) is DatabaseState.OUTDATED

    with ThreadPoolExecutor() as pool, serving(empty_postgres_url) as url:

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
        try:
            platform.run(upgrade(platform.writer))
        finally:
            upgraded.set()
        answers = [answer for asked in asking for answer in asked.result()]

    assert len(answers) > 2 * len(asking)
    assert all(answer == (200, expected) for answer in answers)
    assert platform.run(rollup_state(platform.writer)) is RollupState.READY
    platform.figures.look_again()
    query = FigureQuery(organization, (Window(datetime(2025, 1, 1)),), EVERYTHING)
    assert platform.run(platform.figures.read(query)).from_rollups
    platform.close()


def test_upgrading_twice_changes_nothing(platform: Platform, tenant: Tenant) -> None:
    assert tenant.assistants
    before = _in_transaction(platform, _all_rows)

    platform.run(upgrade(platform.writer))

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
        platform.run(upgrade(platform.writer))


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


async def _rows(platform: Platform, query: str) -> list[tuple[Any, ...]]:
    async with platform.reader.connect() as connection:
        return [tuple(row) for row in await connection.exec_driver_sql(query)]
