"""Rollups that nobody can change but by writing calls."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy import text

from call_analytics.db.addresses import parse_database_url
from call_analytics.db.admin.check import check_database
from call_analytics.db.errors import DatabaseUnavailable
from call_analytics.db.rollups.state import RollupState, rollup_state
from call_analytics.db.rollups.upkeep import enable_rollups, verify_rollups
from tests.platform import Platform
from tests.postgres import PostgresCluster

OLD_ROLLUPS = (Path(__file__).parents[1] / "revision_0002_postgresql.sql").read_text()
"""Whose functions anybody may execute, and which work for whatever table they are put on."""

CALL = (
    "(assistant_id bigint, started_at timestamp, status text, duration integer);"
    "INSERT INTO {0} VALUES ({1}, '2026-03-10 11:00', 'completed', 5000)"
)
ASSISTANT = "(id bigint, organization_id bigint);INSERT INTO {0} VALUES ({1}, 5000)"
FORGED = {"calls": CALL, "assistants": ASSISTANT}
"""The columns and a row of a table that takes another's place."""

OLD, NEW = "OLD TABLE AS old_rows", "NEW TABLE AS new_rows"


class Function(NamedTuple):
    """The function of a trigger, and the write that has it run."""

    name: str
    table: str
    event: str
    referencing: str
    write: str


FUNCTIONS = [
    Function(
        "call_rollups_insert",
        "calls",
        "insert",
        f"REFERENCING {NEW}",
        "INSERT INTO {0} SELECT * FROM {0}",
    ),
    Function(
        "call_rollups_update",
        "calls",
        "update",
        f"REFERENCING {OLD} {NEW}",
        "UPDATE {0} SET duration = 100000",
    ),
    Function("call_rollups_delete", "calls", "delete", f"REFERENCING {OLD}", "DELETE FROM {0}"),
    Function("call_rollups_truncate", "calls", "truncate", "", "TRUNCATE {0}"),
    Function(
        "assistant_rollups_update",
        "assistants",
        "update",
        f"REFERENCING {OLD} {NEW}",
        "UPDATE {0} SET organization_id = 1",
    ),
    Function(
        "assistant_rollups_delete", "assistants", "delete", f"REFERENCING {OLD}", "DELETE FROM {0}"
    ),
    Function("assistant_rollups_truncate", "assistants", "truncate", "", "TRUNCATE {0}"),
]
INSERT = FUNCTIONS[0]
TABLES = [
    f"call_rollups_{name}"
    for name in ("log", "assistants", "organizations", "moves", "state", "failures", "heartbeat")
]

each_function = pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)


@pytest.fixture
def sums(attached: Platform) -> Callable[[], list[Any]]:
    """Gives a platform some calls, and hands out what reads all of its rollups."""
    assistant = attached.add_assistant(attached.add_organization())
    attached.add_calls([{"assistant_id": assistant}] * 3)

    return lambda: contents_of(attached, *TABLES)


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


def contents_of(platform: Platform, *tables: str) -> list[Any]:
    """All rows of tables, as text."""
    rows = " UNION ALL ".join(
        f"SELECT '{table} ' || r\\:\\:text FROM {table} r" for table in tables
    )

    async def read() -> list[Any]:
        async with platform.reader.connect() as connection:
            return list(await connection.scalars(text(f"{rows} ORDER BY 1")))

    return list(platform.run(read()))


def attack(attacker: Platform, function: Function, assistant: int, *, table: str = "own") -> None:
    """Have a function run for a table of the attacker's own."""
    kind = "TABLE" if "." in table else "TEMPORARY TABLE"
    forged = FORGED[function.table]
    statements = [
        *f"CREATE {kind} {table} {forged}".format(table, assistant).split(";"),
        (
            f"CREATE TRIGGER forge AFTER {function.event} ON {table} {function.referencing} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION public.{function.name}()"
        ),
        function.write.format(table),
    ]

    async def run() -> None:
        async with attacker.writer.begin() as connection:
            for statement in statements:
                await connection.execute(text(statement.replace(":", "\\:")))

    attacker.run(run())


@each_function
def test_a_stranger_cannot_have_the_functions_run_for_its_own_table(
    attached: Platform, stranger: Platform, sums: Callable[[], list[Any]], function: Function
) -> None:
    attached.run(enable_rollups(attached.writer, lambda *_: None))
    before = sums()

    with pytest.raises(Exception, match=f"permission denied for function public.{function.name}"):
        attack(stranger, function, attached.assistants[0]["id"])

    assert sums() == before
    assert attached.run(rollup_state(attached.writer)) is RollupState.READY


@pytest.mark.parametrize("table", ["own", "{0}", "pg_temp.{0}", "evil.{0}"])
@each_function
def test_the_functions_refuse_every_other_table(
    attached: Platform,
    stranger: Platform,
    sums: Callable[[], list[Any]],
    cluster: PostgresCluster,
    function: Function,
    table: str,
) -> None:
    """Whatever its name and schema, and though somebody gave the stranger the right to run them."""
    attached.run(enable_rollups(attached.writer, lambda *_: None))
    cluster.execute(
        f"CREATE SCHEMA evil AUTHORIZATION stranger; CREATE SCHEMA stranger AUTHORIZATION stranger;"
        f"GRANT EXECUTE ON FUNCTION {function.name} TO stranger",
        "attached",
    )
    before = sums()

    refusal = f"only triggers of the table {function.table} may do this"
    with pytest.raises(Exception, match=refusal):
        attack(
            stranger,
            function,
            attached.assistants[0]["id"],
            table=table.format(function.table),
        )

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
    attack(stranger, INSERT, assistant, table="evil.loot")
    assert any("5000" in row for row in contents_of(attached, "call_rollups"))  # it works there

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
        "ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO stranger, PUBLIC;"
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
                    "WHERE proname LIKE '%\\_rollups\\_%' AND grantee <> proowner"
                )
            )
            return {(row[0], row[1], row[2]) for row in rows}

    assert attached.run(privileges()) == {(table, "analytics_reader", "SELECT") for table in TABLES}
    with pytest.raises(DatabaseUnavailable, match="permission denied"):
        stranger.run(stranger.execute(text("UPDATE call_rollups_state SET is_ready = false")))


def test_who_writes_assistants_needs_no_privilege_on_the_rollups(
    attached: Platform, stranger: Platform, sums: Callable[[], list[Any]], cluster: PostgresCluster
) -> None:
    attached.run(enable_rollups(attached.writer, lambda *_: None))
    other, spare = attached.add_organization(), attached.add_assistant(attached.add_organization())
    cluster.execute("GRANT SELECT, UPDATE, DELETE ON assistants TO stranger", "attached")
    before = sums()

    for write in (
        f"UPDATE assistants SET organization_id = {other}, name = 'moved' WHERE id <> {spare}",
        f"DELETE FROM assistants WHERE id = {spare}",
        "UPDATE assistants SET name = 'stays'",
    ):
        stranger.run(stranger.execute(text(write)))

    first, second = attached.assistants
    assert set(sums()) - set(before) == {
        f"call_rollups_moves ({assistant['organization_id']},{assistant['id']})"
        for assistant in (first, second)
    }
    assert attached.run(rollup_state(attached.writer)) is RollupState.READY


def test_a_managed_database_has_the_same_privileges(
    postgres_url: str, cluster: PostgresCluster, runner: asyncio.Runner
) -> None:
    """Whether its rollups were made by the migrations or by enabling them."""
    name = parse_database_url(postgres_url).database or ""
    platform = Platform(postgres_url, runner)
    privileges = (
        "SELECT relname || ' ' || coalesce(relacl\\:\\:text, '') FROM pg_class "
        "WHERE relname LIKE 'call\\_rollups%' UNION "
        "SELECT proname || ' ' || coalesce(proacl\\:\\:text, '') FROM pg_proc "
        "WHERE proname LIKE '%\\_rollups\\_%' ORDER BY 1"
    )

    async def read() -> list[str]:
        async with platform.reader.connect() as connection:
            return list(await connection.scalars(text(privileges)))

    migrated = platform.run(read())
    assert len(migrated) > len(FUNCTIONS) + len(TABLES)
    assert not any("=X/" in line and "postgres=X/" not in line for line in migrated)
    assert not any("{=" in line or ",=" in line for line in migrated)
    cluster.execute("DROP FUNCTION call_rollups_insert CASCADE", name)
    platform.run(enable_rollups(platform.writer, lambda *_: None))
    assert platform.run(read()) == migrated
    platform.close()


def test_the_owner_of_the_calls_may_read_what_another_role_has_made(
    attached: Platform, stranger: Platform, cluster: PostgresCluster
) -> None:
    """Though nobody was ever granted anything on the calls."""
    cluster.execute("ALTER TABLE calls OWNER TO stranger", "attached")
    cluster.execute("UPDATE pg_class SET relacl = NULL WHERE relname = 'calls'", "attached")
    attached.run(enable_rollups(attached.writer, lambda *_: None))

    assert stranger.run(rollup_state(stranger.reader)) is RollupState.READY
    cluster.execute("ALTER TABLE calls OWNER TO postgres", "attached")


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

    assert len(sums()) == len(before) + 1
    assert attached.run(rollup_state(attached.writer)) is RollupState.READY
    cluster.execute("DROP OWNED BY stranger CASCADE", "attached")
    differences: list[Any] = []
    attached.run(verify_rollups(attached.writer, differences.append, repair=False))
    assert differences == []
