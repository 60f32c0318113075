"""Rollups that nobody can change but by writing calls."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from call_analytics.db.admin.check import check_database
from call_analytics.db.errors import DatabaseUnavailable
from call_analytics.db.rollups.state import RollupState, rollup_state
from call_analytics.db.rollups.upkeep import enable_rollups, verify_rollups
from tests.platform import Platform
from tests.postgres import PostgresCluster

OLD_ROLLUPS = (Path(__file__).parents[1] / "revision_0002_postgresql.sql").read_text()
"""Whose functions anybody may execute, and which work for whatever table they are put on."""

EVENTS = {
    "insert": ("REFERENCING NEW TABLE AS new_rows", "INSERT INTO {0} SELECT * FROM {0}"),
    "update": (
        "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
        "UPDATE {0} SET duration = 100000",
    ),
    "delete": ("REFERENCING OLD TABLE AS old_rows", "DELETE FROM {0}"),
    "truncate": ("", "TRUNCATE {0}"),
}
FORGED = (
    "(assistant_id bigint, started_at timestamp, status text, duration integer);"
    "INSERT INTO {0} VALUES ({1}, '2026-03-10 11:00', 'completed', 5000)"
)


@pytest.fixture
def sums(attached: Platform) -> Callable[[], list[Any]]:
    """Fills the rollups of a platform with some calls, and hands out what reads all of them."""
    assistant = attached.add_assistant(attached.add_organization())
    attached.add_calls([{"assistant_id": assistant}] * 3)

    async def read() -> list[Any]:
        async with attached.reader.connect() as connection:
            rows = await connection.execute(text("SELECT r::text FROM call_rollups r ORDER BY 1"))
            return list(rows.scalars())

    return lambda: list(attached.run(read()))


@pytest.fixture
def stranger(
    cluster: PostgresCluster, attached_url: str, runner: asyncio.Runner
) -> Iterator[Platform]:
    """A role without a single grant."""
    cluster.execute("CREATE ROLE stranger LOGIN")
    opened = Platform(attached_url.replace("postgres@", "stranger@"), runner)
    yield opened
    opened.close()
    cluster.execute("DROP OWNED BY stranger; DROP ROLE stranger", "attached")


def attack(attacker: Platform, event: str, assistant: int, *, table: str = "own") -> None:
    """Have the function of an event run for a table of the attacker's own."""
    referencing, write = EVENTS[event]
    kind = "TABLE" if "." in table else "TEMPORARY TABLE"
    statements = [
        *f"CREATE {kind} {table} {FORGED}".format(table, assistant).split(";"),
        (
            f"CREATE TRIGGER forge AFTER {event} ON {table} {referencing} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION public.call_rollups_{event}()"
        ),
        write.format(table),
    ]

    async def run() -> None:
        async with attacker.writer.begin() as connection:
            for statement in statements:
                await connection.execute(text(statement.replace(":", "\\:")))

    attacker.run(run())


@pytest.mark.parametrize("event", EVENTS)
def test_a_stranger_cannot_have_the_functions_run_for_its_own_table(
    attached: Platform, stranger: Platform, sums: Callable[[], list[Any]], event: str
) -> None:
    attached.run(enable_rollups(attached.writer, lambda *_: None))
    before = sums()

    with pytest.raises(
        Exception, match=f"permission denied for function public.call_rollups_{event}"
    ):
        attack(stranger, event, attached.assistants[0]["id"])

    assert sums() == before
    assert attached.run(rollup_state(attached.writer)) is RollupState.READY


@pytest.mark.parametrize("table", ["own", "calls", "pg_temp.calls", "evil.calls"])
@pytest.mark.parametrize("event", EVENTS)
def test_the_functions_refuse_every_other_table(
    attached: Platform,
    stranger: Platform,
    sums: Callable[[], list[Any]],
    cluster: PostgresCluster,
    event: str,
    table: str,
) -> None:
    """Whatever its name and schema, and though somebody gave the stranger the right to run them."""
    attached.run(enable_rollups(attached.writer, lambda *_: None))
    cluster.execute(
        f"CREATE SCHEMA evil AUTHORIZATION stranger; CREATE SCHEMA stranger AUTHORIZATION stranger;"
        f"GRANT EXECUTE ON FUNCTION call_rollups_{event} TO stranger",
        "attached",
    )
    before = sums()

    with pytest.raises(Exception, match="only triggers of the table calls may do this"):
        attack(stranger, event, attached.assistants[0]["id"], table=table)

    assert sums() == before
    assert attached.run(rollup_state(attached.writer)) is RollupState.READY


def test_an_attack_on_rollups_of_the_older_release_is_over_once_they_are_enabled_again(
    attached: Platform,
    stranger: Platform,
    sums: Callable[[], list[Any]],
    cluster: PostgresCluster,
) -> None:
    """They are not read; and the triggers that a stranger has put on its tables are gone."""
    cluster.execute("CREATE SCHEMA evil AUTHORIZATION stranger", "attached")
    cluster.execute(OLD_ROLLUPS, "attached")
    attached.run(attached.execute(text("UPDATE call_rollups_state SET is_ready = true")))
    assistant = attached.assistants[0]["id"]
    attack(stranger, "insert", assistant, table="evil.loot")
    assert any("5000" in row for row in sums())  # the attack works there

    assert attached.run(rollup_state(attached.reader)) is RollupState.OUTDATED
    _state, findings = attached.run(check_database(attached.reader))
    assert findings[-1].remedy == "call-analytics rollups enable"

    attached.run(enable_rollups(attached.writer, lambda *_: None))

    before = sums()
    assert not any("5000" in row for row in before)
    stranger.run(stranger.execute(text("INSERT INTO evil.loot SELECT * FROM evil.loot")))
    assert sums() == before
    assert attached.run(rollup_state(attached.reader)) is RollupState.READY


def test_privileges_that_come_by_default_are_taken_away(
    attached: Platform, stranger: Platform, cluster: PostgresCluster
) -> None:
    cluster.execute(
        "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO stranger, PUBLIC;"
        "ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO stranger WITH GRANT OPTION;",
        "attached",
    )
    attached.run(enable_rollups(attached.writer, lambda *_: None))

    async def privileges() -> set[tuple[str, str, str]]:
        async with attached.reader.connect() as connection:
            rows = await connection.execute(
                text(
                    "SELECT relname, grantee\\:\\:regrole\\:\\:text, privilege_type "
                    "FROM pg_class, aclexplode(relacl) WHERE relname LIKE 'call\\_rollups%' "
                    "AND grantee <> relowner UNION "
                    "SELECT proname, grantee\\:\\:regrole\\:\\:text, privilege_type FROM pg_proc, "
                    "aclexplode(coalesce(proacl, acldefault('f', proowner))) "
                    "WHERE proname LIKE 'call\\_rollups%' AND grantee <> proowner"
                )
            )
            return {(row[0], row[1], row[2]) for row in rows}

    assert attached.run(privileges()) == {
        (table, "analytics_reader", "SELECT")
        for table in ("call_rollups", "call_rollups_state", "call_rollups_failures")
    }
    with pytest.raises(DatabaseUnavailable, match="permission denied"):
        stranger.run(stranger.execute(text("UPDATE call_rollups_state SET is_ready = false")))


def test_no_operator_of_somebody_else_runs_in_a_trigger(
    attached: Platform,
    stranger: Platform,
    sums: Callable[[], list[Any]],
    cluster: PostgresCluster,
) -> None:
    """Where anybody may create in the platform's schema, as everywhere before PostgreSQL 15."""
    attached.run(enable_rollups(attached.writer, lambda *_: None))
    cluster.execute("GRANT CREATE ON SCHEMA public TO PUBLIC", "attached")
    before = sums()
    for statement in (
        "CREATE FUNCTION evil(varchar, text) RETURNS boolean LANGUAGE sql AS 'SELECT 1/0 = 1'",
        "CREATE OPERATOR = (FUNCTION = evil, LEFTARG = varchar, RIGHTARG = text)",
        "CREATE FUNCTION evil(varchar, varchar) RETURNS boolean LANGUAGE sql AS 'SELECT 1/0 = 1'",
        "CREATE OPERATOR = (FUNCTION = evil, LEFTARG = varchar, RIGHTARG = varchar)",
    ):
        stranger.run(
            stranger.execute(text(f"SET search_path = public; {statement}".split("; ")[1]))
        )

    row = "SELECT 'x' || id, assistant_id, '', '', 'completed', 7, started_at FROM calls LIMIT 1"
    attached.run(
        attached.execute(
            text(
                "INSERT INTO calls (call_sid, assistant_id, to_phone_number, customer_phone_number,"
                f" status, duration, started_at) {row}"
            )
        )
    )

    assert len(sums()) == len(before) + 2
    assert attached.run(rollup_state(attached.writer)) is RollupState.READY
    cluster.execute("DROP OWNED BY stranger CASCADE", "attached")
    differences: list[Any] = []
    attached.run(verify_rollups(attached.writer, differences.append, repair=False))
    assert differences == []
