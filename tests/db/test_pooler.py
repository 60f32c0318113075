"""PostgreSQL behind a PgBouncer that lends its sessions for a transaction each."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select, text
from starlette.testclient import TestClient

from call_analytics.db.addresses import parse_database_url
from call_analytics.db.admin.check import check_database
from call_analytics.db.admin.keys import create_key, list_keys, revoke_key
from call_analytics.db.admin.migrate import DatabaseState
from call_analytics.db.admin.organizations import create_organization
from call_analytics.db.calls.columns import Columns
from call_analytics.db.calls.importing import ImportTarget, import_calls
from call_analytics.db.calls.sources import CallFile
from call_analytics.db.engine import Database, connect, create_engine, read, transaction
from call_analytics.db.errors import DatabaseUnavailable, OperatorError
from call_analytics.db.models import Call, Organization
from call_analytics.db.rollups.differences import Difference
from call_analytics.db.rollups.folding import fold_rollups
from call_analytics.db.rollups.state import RollupState, RollupStatus, rollup_status
from call_analytics.db.rollups.upkeep import disable_rollups, enable_rollups, verify_rollups
from call_analytics.server import create_app
from call_analytics.settings import Settings
from tests.conftest import migrate, missing
from tests.platform import NOW, PERIOD_DAYS, Platform
from tests.postgres import POOLER, PostgresCluster
from tests.tenants import Tenant, make_tenant

SESSIONS = 2
CROWD = 240

SETTINGS = ("transaction_read_only", "statement_timeout", "enable_seqscan", "jit")
CSV = """\
Call ID,Call SID,Assistant Name,Customer Phone,Status,Duration (seconds),Started At,Ended At
1,CA1,Reception,+15550001,completed,60,2026-03-01 10:00:00,2026-03-01 10:01:00
2,CA2,Reception,+15550002,failed,,2026-03-01 11:00:00,
"""


@pytest.fixture
def database_url(postgres_url: str, cluster: PostgresCluster) -> Iterator[str]:
    """The address of a migrated database behind a pooler with few sessions."""
    if not Path(POOLER).exists():
        missing("PgBouncer")
    name = parse_database_url(postgres_url).database
    assert name is not None
    with cluster.pooler(sessions=SESSIONS):
        yield cluster.pooled_url(name)


@pytest.fixture
def direct(postgres_url: str) -> str:
    """The address of the same database, past the pooler."""
    return postgres_url


def _left_behind(direct: str, runner: asyncio.Runner) -> int | None:
    """The advisory locks that the database's sessions hold."""

    async def count() -> int | None:
        database = create_engine(parse_database_url(direct), read_only=True)
        async with connect(database) as connection:
            locks: int | None = await connection.scalar(
                text(
                    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = "
                    "(SELECT oid FROM pg_database WHERE datname = current_database())"
                )
            )
        await database.dispose()
        return locks

    found: int | None = runner.run(count())
    return found


def test_a_crowd_gets_the_oracle_s_figures(
    platform: Platform, tenant: Tenant, *, database_url: str
) -> None:
    tenants = [tenant, make_tenant(platform)]
    questions = [(tenants[n % 2], sorted(PERIOD_DAYS)[n % 4]) for n in range(CROWD)]
    settings = Settings.model_validate(
        {"database_url": database_url, "key_cache_seconds": 0, "pool_size": 10}
    )
    with TestClient(create_app(settings, clock=lambda: NOW)) as client:

        def ask(question: tuple[Tenant, str]) -> tuple[int, Any]:
            who, period = question
            path = f"/api/v1/calls/analytics?period={period}"
            response = client.get(path, headers=who.headers)
            return response.status_code, response.json()

        with ThreadPoolExecutor(40) as crowd:
            answers = list(crowd.map(ask, questions))
        assert client.get("/readyz").status_code == 200

    expected = {
        (who.organization_id, period): platform.expected(who.organization_id, period)
        for who in tenants
        for period in PERIOD_DAYS
    }
    assert [status for status, _body in answers] == [200] * CROWD
    for (who, period), (_status, body) in zip(questions, answers, strict=True):
        oracle = expected[who.organization_id, period]
        assert body["total_calls"] == oracle["total_calls"]
        assert body["total_duration"] == oracle["total_duration"]
        assert body["success_rate"] == oracle["success_rate"]


def test_each_statement_brings_its_settings(
    platform: Platform, database_url: str, runner: asyncio.Runner
) -> None:
    async def settings(database: Database) -> list[Any]:
        async with connect(database) as connection:
            return [await connection.scalar(text(f"SHOW {name}")) for name in SETTINGS]

    async def compare() -> tuple[list[Any], list[Any], int | None]:
        reader = create_engine(
            parse_database_url(database_url), read_only=True, statement_timeout=2.5
        )
        read = await settings(reader)
        await reader.dispose()
        async with transaction(platform.writer) as connection:
            prepared = await connection.scalar(text("SELECT count(*) FROM pg_prepared_statements"))
        return read, await settings(platform.writer), prepared

    with_settings, without, prepared = runner.run(compare())

    assert with_settings == ["on", "2500ms", "off", "off"]
    assert without == ["off", "0", "on", "on"], "nothing is left behind for the next client"
    assert prepared == 0


def test_a_reader_cannot_write(platform: Platform) -> None:
    async def write() -> None:
        async with connect(platform.reader) as connection:
            await connection.execute(insert(Organization).values(name="x", slug="x"))

    with pytest.raises(DatabaseUnavailable, match=r"read-only transaction"):
        platform.run(write())


def test_a_statement_that_fails_leaves_no_transaction(
    database_url: str, runner: asyncio.Runner
) -> None:
    """On one connection, and so on one of the pooler's sessions where one was left open."""

    async def fail_and_go_on() -> Any:
        database = create_engine(
            parse_database_url(database_url), read_only=True, pool_size=1, statement_timeout=2
        )
        for statement in ("SELECT pg_sleep(30)", "SELECT * FROM nowhere"):
            with pytest.raises(DatabaseUnavailable, match=r"statement timeout|does not exist"):
                async with connect(database) as connection:
                    await connection.execute(text(statement))
        async with connect(database) as connection:
            found = await connection.scalar(select(func.count()).select_from(Call))
        await database.dispose()
        return found

    assert runner.run(fail_and_go_on()) == 0


def test_a_pooler_may_be_started_again(
    postgres_url: str, cluster: PostgresCluster, runner: asyncio.Runner
) -> None:
    """While none of a reader's connections is in use."""
    if not Path(POOLER).exists():
        missing("PgBouncer")
    name = parse_database_url(postgres_url).database
    assert name is not None
    database = create_engine(
        parse_database_url(cluster.pooled_url(name)), read_only=True, pool_size=3
    )

    async def crowd() -> list[Any]:
        query = select(func.count()).select_from(Call)
        return await asyncio.gather(
            *(read(database, lambda connection: connection.scalar(query)) for _ in range(3))
        )

    for _ in range(2):
        with cluster.pooler(sessions=SESSIONS):
            assert runner.run(crowd()) == [0, 0, 0]
    runner.run(database.dispose())


def test_what_the_commands_do_works(
    tmp_path: Path, database_url: str, cluster: PostgresCluster, runner: asyncio.Runner
) -> None:
    del database_url  # it is there for its pooler
    name = "made_through_a_pooler"
    cluster.execute(f"CREATE DATABASE {name}")
    runner.run(migrate(cluster.pooled_url(name)))
    (tmp_path / "calls.csv").write_text(CSV)
    database = create_engine(parse_database_url(cluster.pooled_url(name)), read_only=False)
    reader = create_engine(database.url, read_only=True)
    rejects: list[Any] = []

    def import_file(*, strict: bool) -> tuple[int, int, int]:
        report = runner.run(
            import_calls(
                database,
                CallFile(tmp_path / "calls.csv"),
                ImportTarget("acme", strict=strict),
                columns=Columns(),
                clock=lambda: NOW,
                on_reject=rejects.append,
                on_progress=lambda _report: None,
            )
        )
        return report.added, report.updated, report.rejected

    async def make_and_revoke_key() -> list[bool]:
        async with transaction(database) as connection:
            await create_organization(connection, "acme", "Acme")
            await create_key(connection, "acme", "test")
            (key,) = await list_keys(connection)
            await revoke_key(connection, key.key_id)
            return [key.is_active for key in await list_keys(connection)]

    async def keep_rollups() -> list[Any]:
        seen: list[Any] = []
        await disable_rollups(database)
        await enable_rollups(database, lambda *progress: seen.append(progress))
        seen.append(await fold_rollups(database))
        seen.append(await rollup_status(database))
        await verify_rollups(database, seen.append, repair=False)
        return seen

    assert runner.run(make_and_revoke_key()) == [False]
    assert import_file(strict=False) == (2, 0, 0)
    assert import_file(strict=True) == (0, 2, 0)
    assert runner.run(check_database(reader)) == (DatabaseState.MANAGED, [])
    assert runner.run(keep_rollups()) == [(1, 1), 0, RollupStatus(RollupState.READY, 12, 0, None)]
    assert rejects == []
    for engine in (database, reader):
        runner.run(engine.dispose())


def test_repairing_leaves_no_lock(
    platform: Platform, tenant: Tenant, direct: str, runner: asyncio.Runner
) -> None:
    del tenant  # its calls are what is repaired

    async def repair(database: Database) -> list[Difference]:
        await platform.execute(text("DELETE FROM call_rollups_log"))
        differences: list[Difference] = []
        await verify_rollups(database, differences.append, repair=True)
        return differences

    async def repair_twice() -> tuple[list[Difference], list[Difference]]:
        other = create_engine(platform.writer.url, read_only=False)
        both = await repair(platform.writer), await repair(other)
        await other.dispose()
        return both

    first, second = platform.run(repair_twice())

    assert len(first) > 0
    assert second == first
    assert _left_behind(direct, runner) == 0


def test_only_one_repairs_at_a_time(
    platform: Platform, tenant: Tenant, direct: str, runner: asyncio.Runner
) -> None:
    """However long it takes: the server ends transactions that are idle, and not this one."""
    del tenant
    name = parse_database_url(direct).database
    idle = "idle_in_transaction_session_timeout"
    platform.run(platform.execute(text("DELETE FROM call_rollups_log")))
    platform.run(platform.execute(text(f"ALTER DATABASE {name} SET {idle} = '3s'")))

    async def interfere() -> None:
        one, other, blocker = (
            create_engine(parse_database_url(url), read_only=False)
            for url in (direct, platform.url, direct)
        )
        async with transaction(blocker) as blocking:
            await blocking.execute(text(f"SET LOCAL {idle} = 0"))
            await blocking.execute(text("LOCK TABLE call_rollups_log IN SHARE MODE"))
            repair = asyncio.create_task(verify_rollups(one, lambda _difference: None, repair=True))
            waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
            for _attempt in range(600):
                if await blocking.scalar(waits):
                    break
                await asyncio.sleep(0.1)
            await asyncio.sleep(4)  # longer than the server lets others be idle
            with pytest.raises(OperatorError, match="another process is changing"):
                await verify_rollups(other, lambda _difference: None, repair=True)
        await repair
        for database in (one, other, blocker):
            await database.dispose()

    runner.run(interfere())
    assert _left_behind(direct, runner) == 0
