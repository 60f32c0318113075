"""A partitioned database: one partition for one organization, and everything else as ever."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.pool import Pool

from call_analytics.db.admin.check import check_database
from call_analytics.db.admin.migrate import DatabaseState, upgrade
from call_analytics.db.admin.partitions import partition_calls
from call_analytics.db.catalogs import unwatchable
from call_analytics.db.engine import connect
from call_analytics.db.errors import OperatorError
from call_analytics.db.rollups.folding import fold_rollups
from call_analytics.db.rollups.state import RollupState, rollup_condition, rollup_status
from call_analytics.db.rollups.upkeep import disable_rollups, enable_rollups
from tests.command import run_here
from tests.conftest import PARTS, ServiceFactory
from tests.db.rollups.agreement import assert_agreement, differences, read
from tests.everything import ask_everything
from tests.platform import Platform
from tests.postgres import PostgresCluster
from tests.tenants import make_tenant

partitioned = pytest.mark.parametrize("database_url", ["partitioned"], indirect=True)
undivided = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

DIVIDED = ("calls", "call_rollups_log", "call_rollups_assistants", "call_rollups_organizations")
A_PARTITION = re.compile(rf"({'|'.join(DIVIDED)})_(\d+)")

EXPLAINED = {
    "session_preload_libraries": "'auto_explain'",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_timing": "off",
    "auto_explain.log_format": "json",
    "client_min_messages": "log",
}
"""With these settings each session is sent the plan of what it has just run."""


@pytest.fixture
def plans(platform: Platform) -> Iterator[list[dict[str, Any]]]:
    """The plans of all statements of sessions that are opened from now on."""
    found: list[dict[str, Any]] = []

    def listen(_connection: Any, message: Any) -> None:
        _, is_plan, plan = str(message).partition("plan:\n")
        if is_plan:
            found.append(json.loads(plan))

    def connected(connection: Any, _record: Any) -> None:
        connection.driver_connection.add_log_listener(listen)

    name = platform.writer.url.database
    for setting, value in EXPLAINED.items():
        statement = f"ALTER DATABASE {name} SET {setting} = {value}"
        platform.run(platform.execute(text(statement)))
    event.listen(Pool, "connect", connected)
    yield found
    event.remove(Pool, "connect", connected)


def touched(plan: dict[str, Any]) -> dict[str, set[int]]:
    """The partitions of each table that a statement has looked into."""
    found: dict[str, set[int]] = {}
    nodes = [plan["Plan"]]
    while nodes:
        node = nodes.pop()
        nodes += node.get("Plans", ())
        its = A_PARTITION.fullmatch(node.get("Relation Name", ""))
        if its and node["Actual Loops"]:
            found.setdefault(its[1], set()).add(int(its[2]))
    return found


@partitioned
def test_each_statement_of_an_answer_touches_one_partition(
    platform: Platform, plans: list[dict[str, Any]], service: ServiceFactory
) -> None:
    """Seen in the plans as they were run: generic ones, made for any organization."""
    tenant = make_tenant(platform)
    number = platform.run(_partition_of(platform, tenant.organization_id))
    client = service()

    ask_everything(client, tenant.headers)  # from rollups, with a log that is not folded
    platform.run(disable_rollups(platform.writer))
    looked_into = {table for plan in plans for table in touched(plan)}
    ask_everything(client, tenant.headers)

    assert looked_into == set(DIVIDED)
    touches = [its for plan in plans for its in touched(plan).values()]
    assert len(touches) > 10
    assert all(its == {number} for its in touches), touches


@partitioned
def test_a_partition_s_rollups_have_its_number(platform: Platform) -> None:
    """For truncating one truncates the others."""
    organizations = [platform.add_organization() for _ in range(20)]
    for organization in organizations:
        platform.add_calls([{"assistant_id": platform.add_assistant(organization)}] * 2)
    platform.run(fold_rollups(platform.writer))
    platform.run(platform.execute(text("UPDATE calls SET status = 'failed'")))
    for call in platform.calls:
        call["status"] = "failed"

    async def numbers(table: str) -> set[Any]:
        async with connect(platform.reader) as connection:
            number = "substring(tableoid::regclass::text, '[0-9]+$')"
            sql = f"SELECT organization_id, {number} FROM {table}"
            return {tuple(row) for row in await connection.exec_driver_sql(sql)}

    found = [platform.run(numbers(table)) for table in DIVIDED]
    assert found[1:] == found[:-1]
    assert len({number for _, number in found[0]}) == PARTS

    platform.run(platform.execute(text("TRUNCATE calls_0, calls_3")))
    gone = {organization for organization, number in found[0] if number in {"0", "3"}}
    platform.calls = [call for call in platform.calls if call["organization_id"] not in gone]
    _assert_all_is_right(platform, organizations)


@partitioned
@pytest.mark.parametrize("is_bulk", [True, False])
def test_a_write_to_a_partition_itself_is_seen(platform: Platform, *, is_bulk: bool) -> None:
    """Only its owner may write to it by its name; its triggers are its own."""
    organization = platform.add_organization()
    assistant = platform.add_assistant(organization)
    partition = f"calls_{platform.run(_partition_of(platform, organization))}"
    rows = [platform.call_row(assistant_id=assistant) for _ in range(3)]
    del rows[0]["call_meta"]
    names = list(rows[0])

    async def write() -> None:
        async with connect(platform.writer) as connection, connection.begin():
            if is_bulk:
                raw = (await connection.get_raw_connection()).driver_connection
                assert raw is not None
                records = [tuple(row[name] for name in names) for row in rows]
                await connection.exec_driver_sql("SELECT 1")
                await raw.copy_records_to_table(partition, records=records, columns=names)
            else:
                columns = ", ".join(names)
                values = ", ".join(f":{name}" for name in names)
                sql = f"INSERT INTO {partition} ({columns}) VALUES ({values})"
                await connection.execute(text(sql), rows)
            await connection.exec_driver_sql(
                f"UPDATE {partition} SET duration = 5 WHERE id = {rows[0]['id']}"
            )
            await connection.exec_driver_sql(f"DELETE FROM {partition} WHERE id = {rows[1]['id']}")

    platform.run(write())
    platform.calls = [{**rows[0], "duration": 5}, rows[2]]
    _assert_all_is_right(platform, [organization])


@partitioned
@pytest.mark.parametrize(
    "change",
    [
        "DROP TRIGGER call_rollups_insert ON calls_2",
        "ALTER TABLE calls_2 DISABLE TRIGGER call_rollups_delete",
        "DROP TRIGGER call_rollups_update ON calls",
        "ALTER TABLE calls DETACH PARTITION calls_2",
        (
            "ALTER TABLE calls DETACH PARTITION calls_2; CREATE TABLE other PARTITION OF calls "
            f"FOR VALUES WITH (MODULUS {PARTS}, REMAINDER 2)"
        ),
    ],
)
def test_rollups_are_not_read_where_a_partition_is_not_watched(
    platform: Platform, change: str
) -> None:
    organization = platform.add_organization()
    platform.add_calls([{"assistant_id": platform.add_assistant(organization)}])
    assert platform.run(assert_agreement(platform, [organization])) == [True]

    async def apply() -> None:
        async with connect(platform.writer) as connection, connection.begin():
            for statement in change.split("; "):
                await connection.exec_driver_sql(statement)

    platform.run(apply())

    figures = platform.run(read(platform, organization))
    assert not figures.from_rollups
    condition = platform.run(rollup_condition(platform.reader))
    assert condition.state is RollupState.DETACHED


@partitioned
def test_an_unlogged_partition_is_not_watched(platform: Platform) -> None:
    async def look() -> str | None:
        async with connect(platform.reader) as connection:
            return await connection.run_sync(unwatchable)

    assert platform.run(look()) is None
    platform.run(platform.execute(text("ALTER TABLE calls_1 SET UNLOGGED")))
    assert platform.run(look()) == "calls_1: it is unlogged, so a crash empties it"


@partitioned
def test_the_check_and_an_upgrade_find_nothing_to_do(platform: Platform) -> None:
    platform.run(upgrade(platform.writer))
    assert platform.run(check_database(platform.reader)) == (DatabaseState.MANAGED, [])
    assert platform.run(rollup_status(platform.reader)).state is RollupState.READY


@partitioned
def test_rollups_come_back_as_they_were(platform: Platform) -> None:
    tenant = make_tenant(platform)
    organization = tenant.organization_id
    platform.run(disable_rollups(platform.writer))
    assert platform.run(assert_agreement(platform, [organization])) == [False]
    assert platform.run(_tables(platform, "call_rollups%")) == []
    platform.run(enable_rollups(platform.writer, lambda *_: None))
    assert len(platform.run(_tables(platform, "call_rollups_log_%"))) == PARTS
    platform.figures.look_again()
    _assert_all_is_right(platform, [organization])


@partitioned
def test_privileges_that_come_by_default_reach_no_partition(
    platform: Platform, cluster: PostgresCluster
) -> None:
    name = str(platform.writer.url.database)
    cluster.execute(
        "CREATE ROLE everybody; ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO everybody", name
    )
    platform.run(disable_rollups(platform.writer))
    platform.run(enable_rollups(platform.writer, lambda *_: None))

    async def may_write() -> list[str]:
        async with connect(platform.reader) as connection:
            return list(
                await connection.scalars(
                    text(
                        "SELECT relname FROM pg_class WHERE relname LIKE 'call_rollups%' "
                        "AND relkind IN ('r', 'p') "
                        "AND has_table_privilege('everybody', oid, 'INSERT')"
                    )
                )
            )

    found = platform.run(may_write())
    cluster.execute("DROP OWNED BY everybody; DROP ROLE everybody", name)
    assert found == []


@undivided
def test_who_may_do_what_stays(platform: Platform, cluster: PostgresCluster) -> None:
    name = str(platform.writer.url.database)
    cluster.execute(
        "CREATE ROLE owning; CREATE ROLE reading; GRANT CREATE ON SCHEMA public TO owning; "
        "ALTER TABLE calls OWNER TO owning; GRANT SELECT ON calls TO reading WITH GRANT OPTION; "
        "GRANT UPDATE (status) ON calls TO PUBLIC",
        name,
    )
    before = platform.run(_privileges(platform))
    assert platform.run(partition_calls(platform.writer, 3)) == 0
    after = platform.run(_privileges(platform))
    cluster.execute("DROP OWNED BY owning, reading CASCADE; DROP ROLE owning, reading", name)
    assert after == before


@undivided
def test_rollups_that_are_off_stay_off(platform: Platform) -> None:
    platform.run(disable_rollups(platform.writer))
    assert platform.run(partition_calls(platform.writer, 3)) == 0
    assert platform.run(_tables(platform, "call_rollups%")) == []
    organization = platform.add_organization()
    platform.add_calls([{"assistant_id": platform.add_assistant(organization)}])
    platform.run(enable_rollups(platform.writer, lambda *_: None))
    _assert_all_is_right(platform, [organization])


@undivided
def test_a_reader_follows(platform: Platform) -> None:
    organization = platform.add_organization()
    assistant = platform.add_assistant(organization)
    assert platform.run(assert_agreement(platform, [organization])) == [True]
    assert platform.run(partition_calls(platform.writer, 3)) == 0
    platform.add_calls([{"assistant_id": assistant}])
    assert platform.run(assert_agreement(platform, [organization])) == [False]
    _assert_all_is_right(platform, [organization])


@undivided
def test_calls_that_are_there_keep_the_table_whole(platform: Platform) -> None:
    organization = platform.add_organization()
    platform.add_calls([{"assistant_id": platform.add_assistant(organization)}])
    with pytest.raises(OperatorError, match="only a new database is partitioned: make one"):
        platform.run(partition_calls(platform.writer, 3))
    _assert_all_is_right(platform, [organization])


@undivided
def test_the_command_tells_what_it_did(platform: Platform, tmp_path: Path) -> None:

    def partition(parts: str, url: str) -> tuple[int, str]:
        words = ("db", "partition", "--by", "organization", parts)
        done = run_here(tmp_path, *words, database_url=url)
        return done.returncode, done.stdout + done.stderr

    assert partition("4", platform.url) == (
        0,
        "The calls are partitioned by organization, into 4.\n",
    )
    assert partition("9", platform.url) == (
        0,
        "The calls are partitioned by organization already, into 4; nothing was changed.\n",
    )
    assert partition("4", "sqlite:///calls.db") == (
        1,
        "call-analytics: a SQLite file has no partitions; they are for PostgreSQL\n",
    )


def test_the_platform_s_own_database_is_refused(attached: Platform) -> None:
    with pytest.raises(OperatorError, match="the platform's own database; the service only reads"):
        attached.run(partition_calls(attached.writer, 3))


async def _partition_of(platform: Platform, organization: int) -> int:
    """The number of the partition that an organization's rows go to."""
    sql = (
        "SELECT number FROM generate_series(0, :last) AS number WHERE satisfies_hash_partition("
        "'calls'::regclass, :parts, number, CAST(:organization AS integer))"
    )
    values = {"last": PARTS - 1, "parts": PARTS, "organization": organization}
    async with connect(platform.reader) as connection:
        found = await connection.execute(text(sql.replace("::", r"\:\:")), values)
        return int(found.scalar_one())


async def _tables(platform: Platform, like: str) -> list[str]:
    sql = "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relname LIKE :like"
    async with connect(platform.reader) as connection:
        return list(await connection.scalars(text(sql), {"like": like}))


async def _privileges(platform: Platform) -> list[Any]:
    """The owner of the calls, and who may do what with them."""
    sql = (
        "SELECT relowner, relacl::text, ARRAY(SELECT attname || attacl::text FROM pg_attribute "
        "WHERE attrelid = pg_class.oid AND attacl IS NOT NULL) "
        "FROM pg_class WHERE oid = 'calls'::regclass"
    )
    async with connect(platform.reader) as connection:
        return list((await connection.exec_driver_sql(sql)).all())


def _assert_all_is_right(platform: Platform, organizations: list[int]) -> None:
    for _ in range(2):
        assert platform.run(assert_agreement(platform, organizations)) == [True] * len(
            organizations
        )
        assert platform.run(differences(platform)) == []
        platform.run(fold_rollups(platform.writer))
