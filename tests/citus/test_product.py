"""Everything of the product on a distributed database."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, delete, event, insert, text, update

from call_analytics.db.engine import connect
from call_analytics.db.errors import DatabaseUnavailable
from call_analytics.db.models import Call
from call_analytics.db.rollups.folding import fold_rollups
from call_analytics.db.rollups.state import RollupState, rollup_backlog, rollup_status
from call_analytics.db.rollups.upkeep import disable_rollups, enable_rollups
from tests.citus.cluster import CitusCluster
from tests.command import run_here
from tests.conftest import ServiceFactory
from tests.db.rollups.agreement import assert_agreement, differences, read
from tests.everything import ask_everything
from tests.platform import Platform
from tests.tenants import make_tenant

DIVIDED = ("calls", "call_rollups_log", "call_rollups_assistants", "call_rollups_organizations")


def assert_all_is_right(platform: Platform, organizations: list[int]) -> None:
    """Before and after a fold."""
    for _ in range(2):
        found = platform.run(assert_agreement(platform, organizations))
        assert found == [True] * len(organizations)
        assert platform.run(differences(platform)) == []
        platform.run(fold_rollups(platform.writer))
    assert platform.run(rollup_backlog(platform.writer)) == 0


def test_rollups_follow_every_write(platform: Platform) -> None:
    organizations = [make_tenant(platform).organization_id for _ in range(3)]
    assert_all_is_right(platform, organizations)

    platform.run(platform.execute(update(Call).where(Call.duration == 30).values(duration=31)))
    for call in platform.calls:
        call["duration"] = 31 if call["duration"] == 30 else call["duration"]
    assert_all_is_right(platform, organizations)

    gone = organizations[0]
    platform.run(platform.execute(delete(Call).where(Call.organization_id == gone)))
    platform.calls = [call for call in platform.calls if call["organization_id"] != gone]
    assert_all_is_right(platform, organizations)


def test_rollups_come_and_go(platform: Platform) -> None:
    organization = make_tenant(platform).organization_id
    platform.run(disable_rollups(platform.writer))
    assert platform.run(assert_agreement(platform, [organization])) == [False]
    platform.run(enable_rollups(platform.writer, lambda *_: None))
    platform.figures.look_again()
    assert_all_is_right(platform, [organization])


def test_truncate_is_refused_while_there_are_rollups(platform: Platform) -> None:
    organization = make_tenant(platform).organization_id
    with pytest.raises(DatabaseUnavailable, match="rollups cannot follow TRUNCATE; use DELETE"):
        platform.run(platform.execute(text("TRUNCATE calls")))
    assert_all_is_right(platform, [organization])


def test_an_answer_is_one_task_of_one_worker(platform: Platform, service: ServiceFactory) -> None:
    """Every statement of it that reads calls or rollups; so it is seen in one snapshot."""
    tenant = make_tenant(platform)
    client = service()
    statements: dict[str, Any] = {}

    def record(_connection: Any, _cursor: Any, sql: str, parameters: Any, *_rest: Any) -> None:
        if parameters and any(f"{table}." in sql for table in DIVIDED):
            statements[sql] = parameters

    event.listen(Engine, "before_cursor_execute", record)
    for use_rollups in (True, False):
        ask_everything(client, tenant.headers)
        if use_rollups:
            platform.run(disable_rollups(platform.writer))
            client = service()
    event.remove(Engine, "before_cursor_execute", record)

    async def explain(sql: str, parameters: Any) -> str:
        async with connect(platform.reader) as connection:
            lines = await connection.exec_driver_sql(f"EXPLAIN (COSTS OFF) {sql}", parameters)
            return "\n".join(lines.scalars())

    # Rollups are gone; what was read from them is explained by its plan of before.
    platform.run(enable_rollups(platform.writer, lambda *_: None))
    plans = [platform.run(explain(sql, its)) for sql, its in statements.items()]
    assert len(plans) > 3
    for plan in plans:
        assert plan.count("Task Count: 1") == 1, plan
        assert "Distributed Subplan" not in plan, plan


def test_every_command_works(platform: Platform, service: ServiceFactory, tmp_path: Path) -> None:
    def run(*words: str) -> str:
        done = run_here(tmp_path, *words, database_url=platform.url)
        assert done.returncode == 0, done.stderr
        return done.stdout

    heading = "Call SID,Assistant Name,Status,Duration (seconds),Started At\n"
    rows = [
        f"C{number},Bot {number % 3},completed,{number},2026-03-10 11:00:00" for number in range(50)
    ]
    (tmp_path / "calls.csv").write_text(heading + "\n".join(rows))
    create = ("import", "calls.csv", "--organization", "acme", "--create")
    assert "50 added, 0 updated, 0 rejected." in run(*create)
    (tmp_path / "calls.csv").write_text(heading + "\n".join([*rows[10:], "D1,Bot 1,failed,,"]))
    assert "1 added, 40 updated, 0 rejected." in run(*create)
    key = run("keys", "create", "--organization", "acme").strip()
    headers = {"Authorization": f"Bearer {key}"}
    client = service()
    answer = client.get("/api/v1/calls/analytics?period=7d", headers=headers).json()
    assert (answer["total_calls"], answer["total_duration"]) == (50, sum(range(50)))
    exported = client.get("/api/v1/calls/export?period=7d", headers=headers)
    assert exported.text.count("\n") == 51

    assert "active" in run("keys", "list")
    assert "Nothing is missing." in run("db", "check")
    assert "up to date" in run("db", "upgrade")
    run("rollups", "compact")
    assert "Rollups are on" in run("rollups", "status")
    assert "Every sum is that of its calls." in run("rollups", "verify")
    (platform.run(platform.execute(text("UPDATE call_rollups_assistants SET calls = calls + 1"))))
    assert "sums repaired" in run("rollups", "verify", "--repair")
    assert "Every sum is that of its calls." in run("rollups", "verify")
    run("rollups", "disable")
    assert client.get("/api/v1/calls/analytics?period=7d", headers=headers).json() == answer
    run("rollups", "enable")
    assert "Revoked" in run("keys", "revoke", run("keys", "list").split()[0])
    assert "acme" in run("organizations", "list")
    run("organizations", "remove", "acme", "--yes")
    assert "no organizations" in run("organizations", "list")
    run("rollups", "compact")
    assert "sums: 0, changes to be folded: 0" in run("rollups", "status")


def test_a_write_that_rollups_cannot_follow_concerns_its_organization_only(
    platform: Platform,
) -> None:
    broken, others = (make_tenant(platform).organization_id for _ in range(2))
    largest = 2**31 - 1
    platform.run(fold_rollups(platform.writer))
    statement = "ALTER TABLE call_rollups_log ADD CONSTRAINT few CHECK (duration < 1000000)"
    platform.run(platform.execute(text(statement)))
    assistant = platform.assistants[0]["id"]
    platform.add_calls([{"assistant_id": assistant, "duration": largest}])
    assert platform.run(assert_agreement(platform, [broken])) == [False]
    assert platform.run(assert_agreement(platform, [others])) == [True]
    status = platform.run(rollup_status(platform.writer))
    assert status.state is RollupState.FAILED
    assert status.finding is not None
    assert "few" in status.finding.problem
    platform.run(enable_rollups(platform.writer, lambda *_: None))
    assert_all_is_right(platform, [broken, others])


def test_it_is_distributed_with_what_is_there(plain: Platform, tmp_path: Path) -> None:
    organizations = [make_tenant(plain).organization_id for _ in range(3)]
    plain.run(fold_rollups(plain.writer))
    for expected in (
        "The calls are distributed by organization, over 4 shards.\n",
        "The calls are distributed already, over 4 shards.\n",
    ):
        words = ("db", "distribute", "--shards", "4")
        done = run_here(tmp_path, *words, database_url=plain.url)
        assert (done.returncode, done.stdout) == (0, expected), done.stderr
    after = Platform(plain.url, plain._runner)
    after.calls, after.assistants = plain.calls, plain.assistants
    assert_all_is_right(after, organizations)
    after.close()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("DROP EXTENSION citus", "the database has no Citus"),
        (
            "SELECT citus_remove_node(nodename, nodeport) FROM pg_dist_node WHERE groupid > 0",
            "the cluster has no worker that may have shards",
        ),
        (
            "SELECT citus_remove_node(nodename, nodeport) FROM pg_dist_node WHERE groupid = 0",
            "the cluster does not know the address of its coordinator",
        ),
    ],
)
def test_what_is_missing_is_told(
    plain: Platform, citus: CitusCluster, tmp_path: Path, change: str, problem: str
) -> None:
    citus.run(str(plain.writer.url.database), change)
    done = run_here(tmp_path, "db", "distribute", database_url=plain.url)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith(f"- {problem}"), done.stdout
    assert plain.run(rollup_status(plain.writer)).state is RollupState.READY


def test_writers_need_no_privilege_on_the_rollups_and_readers_of_calls_may_read_them(
    platform: Platform, citus: CitusCluster
) -> None:
    tenant = make_tenant(platform)
    database = str(platform.writer.url.database)
    for statement in (
        "CREATE ROLE call_analytics_caller LOGIN",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON calls TO call_analytics_caller",
        "GRANT SELECT ON assistants TO call_analytics_caller",
        "GRANT USAGE ON SEQUENCE calls_id_seq TO call_analytics_caller",
    ):
        citus.run(database, statement)
    url = platform.url.replace("postgres@", "call_analytics_caller@")
    caller = Platform(url, platform._runner)
    platform.run(disable_rollups(platform.writer))
    platform.run(enable_rollups(platform.writer, lambda *_: None))
    before = platform.run(read(platform, tenant.organization_id)).groups[0][0].calls
    rows = [platform.call_row(assistant_id=tenant.assistants[0]) for _ in range(3)]
    try:
        caller.run(caller.execute(insert(Call), rows))
        with pytest.raises(DatabaseUnavailable, match="permission denied"):
            caller.run(caller.execute(text("DELETE FROM call_rollups_log")))
        figures = caller.run(read(caller, tenant.organization_id))
        assert figures.from_rollups
        assert figures.groups[0][0].calls == before + 3
    finally:
        caller.close()
        citus.run(database, "DROP OWNED BY call_analytics_caller")
        citus.run(database, "DROP ROLE call_analytics_caller")
    platform.calls += rows
    assert_all_is_right(platform, [tenant.organization_id])
