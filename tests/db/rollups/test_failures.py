"""Where a trigger cannot do its work, the platform's write goes on, and the calls are read."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from call_analytics.db.admin.check import check_database
from call_analytics.db.errors import OperatorError
from call_analytics.db.figures.query import FigureQuery, Figures, Window
from call_analytics.db.rollups.folding import fold_rollups
from call_analytics.db.rollups.layout import COLUMNS
from call_analytics.db.rollups.state import (
    RollupCondition,
    RollupState,
    rollup_condition,
    rollup_status,
)
from call_analytics.db.rollups.upkeep import enable_rollups, verify_rollups
from tests.figures import EVERYTHING
from tests.platform import NOW, Platform
from tests.postgres import PostgresCluster

WRITES = {
    "insert": "INSERT INTO calls (id, call_sid, assistant_id, to_phone_number, "
    "customer_phone_number, status, started_at) "
    "SELECT 7, 'CA7', assistant_id, '', '', 'failed', started_at FROM calls LIMIT 1",
    "update": "UPDATE calls SET status = 'failed'",
    "delete": "DELETE FROM calls WHERE id = (SELECT max(id) FROM calls)",
    "truncate": "TRUNCATE calls",
}
WAIT_SECONDS = 60
READY = RollupCondition(RollupState.READY)


@pytest.fixture
def platform(attached: Platform) -> Platform:
    """A platform with three calls, and rollups."""
    assistant = attached.add_assistant(attached.add_organization())
    attached.add_calls([{"assistant_id": assistant}] * 3)
    attached.run(enable_rollups(attached.writer, _ignore))
    assert _read(attached).from_rollups
    return attached


@pytest.mark.parametrize("event", ["insert", "update", "delete"])
@pytest.mark.parametrize(
    ("damage", "mending", "reason"),
    [
        (
            "ALTER TABLE calls RENAME duration TO seconds",
            "ALTER TABLE calls RENAME seconds TO duration",
            'column "duration" does not exist',
        ),
        (
            "ALTER TABLE calls ALTER status TYPE integer USING 1",
            "ALTER TABLE calls ALTER status TYPE text USING 'busy'",
            "invalid input syntax for type integer",
        ),
        (
            "ALTER TABLE call_rollups_log ADD CHECK (calls = 9) NOT VALID",
            "SELECT",
            'new row for relation "call_rollups_log" violates check constraint',
        ),
        (
            "ALTER SCHEMA public RENAME TO elsewhere",
            "ALTER SCHEMA elsewhere RENAME TO public",
            'relation "public.call_rollups_log" does not exist',
        ),
    ],
)
def test_a_write_goes_on_and_is_noted_until_the_rollups_are_enabled_again(
    platform: Platform, damage: str, mending: str, reason: str, event: str
) -> None:
    write = WRITES[event]
    _do(platform, damage)
    if "status" in damage:
        write = write.replace("'failed'", "1")
    if "SCHEMA" in damage:
        write = f"SET LOCAL search_path = elsewhere; {write}"
    _do(platform, write)
    _do(platform, mending)

    state, noted, _lacking = _condition(platform)
    assert state is RollupState.FAILED
    assert noted is not None
    assert reason in noted
    status = platform.run(rollup_status(platform.reader))
    assert status.finding is not None
    assert noted in status.finding.problem
    _assert_right(platform, from_rollups=False)
    with pytest.raises(OperatorError, match="a write of calls could not be added"):
        platform.run(verify_rollups(platform.writer, _ignore, repair=True))

    platform.run(enable_rollups(platform.writer, _ignore))

    assert _condition(platform) == READY
    _assert_right(platform, from_rollups=True)


@pytest.mark.parametrize("event", WRITES)
@pytest.mark.parametrize(
    "damage",
    [
        "DROP TABLE call_rollups_log",
        "DROP TABLE call_rollups_organizations",
        "DROP TABLE call_rollups_state",
        (
            "DROP TABLE call_rollups_log, call_rollups_assistants, call_rollups_organizations, "
            "call_rollups_moves, call_rollups_state, call_rollups_failures"
        ),
        "DELETE FROM call_rollups_state",
        "ALTER TABLE calls DISABLE TRIGGER ALL",
        "DROP FUNCTION call_rollups_insert CASCADE",
    ],
)
def test_a_write_goes_on_where_a_part_of_the_rollups_is_gone(
    platform: Platform, damage: str, event: str
) -> None:
    _do(platform, damage)
    _do(platform, WRITES[event])

    assert _condition(platform).state is not RollupState.READY
    _assert_right(platform, from_rollups=False)
    platform.run(enable_rollups(platform.writer, _ignore))
    assert _condition(platform) == READY
    _assert_right(platform, from_rollups=True)


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        ("UPDATE assistants SET organization_id = {other}", "violates check constraint"),
        ("DELETE FROM assistants WHERE id = {spare}", "violates check constraint"),
        ("TRUNCATE assistants CASCADE", "the table assistants was truncated"),
    ],
)
def test_a_write_of_assistants_goes_on_and_is_noted(
    platform: Platform, write: str, reason: str
) -> None:
    organization = platform.assistants[0]["organization_id"]
    other, spare = platform.add_organization(), platform.add_assistant(organization)
    _do(platform, "ALTER TABLE call_rollups_moves ADD CHECK (assistant_id = 9) NOT VALID")

    _do(platform, write.format(other=other, spare=spare))

    state, noted, _lacking = _condition(platform)
    assert state is RollupState.FAILED
    assert reason in noted
    for asking in (organization, other):
        _assert_right(platform, asking, from_rollups=False)
    platform.run(enable_rollups(platform.writer, _ignore))
    assert _condition(platform) == READY
    for asking in (organization, other):
        _assert_right(platform, asking, from_rollups=True)


@pytest.mark.parametrize(
    "damage",
    [
        "DROP TABLE call_rollups_moves",
        "ALTER TABLE call_rollups_moves DROP COLUMN organization_id",
        "DROP FUNCTION assistant_rollups_update CASCADE",
        "ALTER TABLE assistants DISABLE TRIGGER ALL",
    ],
)
def test_a_write_of_assistants_goes_on_where_a_part_of_the_rollups_is_gone(
    platform: Platform, damage: str
) -> None:
    organization, other = platform.assistants[0]["organization_id"], platform.add_organization()
    _do(platform, damage)
    _do(platform, f"UPDATE assistants SET organization_id = {other}")

    assert _condition(platform).state is not RollupState.READY
    for asking in (organization, other):
        _assert_right(platform, asking, from_rollups=False)
    platform.run(enable_rollups(platform.writer, _ignore))
    for asking in (organization, other):
        _assert_right(platform, asking, from_rollups=True)


def test_a_move_makes_only_its_organizations_read_the_calls_until_it_is_folded(
    platform: Platform,
) -> None:
    """By readers that know that rollups are ready, and by readers that look."""
    organization = platform.assistants[0]["organization_id"]
    other, third = platform.add_organization(), platform.add_organization()
    _do(platform, f"UPDATE assistants SET organization_id = {other}")

    assert _condition(platform) == READY
    for asking, from_rollups in ((organization, False), (other, False), (third, True)):
        _assert_right(platform, asking, from_rollups=from_rollups)

    platform.run(fold_rollups(platform.writer))
    for asking in (organization, other, third):
        _assert_right(platform, asking, from_rollups=True)


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
@pytest.mark.parametrize("table", COLUMNS)
@pytest.mark.parametrize("change", ["RENAME COLUMN {column} TO other", "ADD COLUMN other integer"])
def test_another_column_is_a_changed_database_and_the_calls_are_read(
    database_url: str, runner: asyncio.Runner, service: Any, table: str, change: str
) -> None:
    """A service that runs, and one that starts."""
    platform = Platform(database_url, runner)
    organization = platform.add_organization()
    platform.add_calls([{"assistant_id": platform.add_assistant(organization)}] * 3)
    headers = {"Authorization": f"Bearer {platform.add_key(organization)}"}
    column = COLUMNS[table][-1]
    running = service(compaction_seconds=0)

    def answer(client: Any, period: str) -> Any:
        query = {"query": f"{{ callAnalytics(period: {period}) {{ totalCalls }} }}"}
        return client.post("/graphql", json=query, headers=headers).json()

    expected = {"data": {"callAnalytics": {"totalCalls": 3}}}
    with_rollups = {**expected, "extensions": {"sources": ["calls", "rollups"]}}
    with_calls = {**expected, "extensions": {"sources": ["calls"]}}
    assert answer(running, "LAST_7_DAYS") == with_rollups

    _do(platform, f"ALTER TABLE {table} {change}".format(column=column))

    is_missing = change.startswith("RENAME")
    problem = f"table {table} has {f'no column {column}' if is_missing else 'the column other'}"
    assert _condition(platform) == RollupCondition(RollupState.OUTDATED, problem)
    assert answer(service(compaction_seconds=0), "LAST_7_DAYS") == with_calls
    # What a statement does not name it does not miss.
    assert answer(running, "LAST_30_DAYS")["data"] == expected["data"]
    assert running.get("/readyz").status_code == 200
    _do(platform, "UPDATE calls SET status = 'busy'")
    assert answer(running, "LAST_90_DAYS")["data"] == expected["data"]
    finding = platform.run(rollup_status(platform.reader)).finding
    assert finding is not None
    assert problem in finding.problem
    assert platform.run(check_database(platform.reader))[1] == [finding]

    assert finding.remedy == "call-analytics rollups enable"
    platform.run(enable_rollups(platform.writer, _ignore))
    assert _condition(platform) == READY
    assert answer(service(compaction_seconds=0), "LAST_7_DAYS") == with_rollups
    platform.close()


def test_a_table_in_the_place_of_calls_is_read_itself(platform: Platform) -> None:
    """As migrations do it; both tables can be written, and the triggers follow the old one."""
    _do(platform, "ALTER TABLE calls RENAME TO calls_2026")
    _do(platform, "CREATE TABLE calls (LIKE calls_2026 INCLUDING ALL)")
    _do(platform, "GRANT SELECT ON calls TO analytics_reader")
    _do(platform, "UPDATE calls_2026 SET status = 'busy'")
    _do(platform, "INSERT INTO calls SELECT * FROM calls_2026 LIMIT 1")

    assert _condition(platform).state is RollupState.DETACHED
    _assert_right(platform, from_rollups=False)

    platform.run(enable_rollups(platform.writer, _ignore))
    _assert_right(platform, from_rollups=True)
    _do(platform, "DELETE FROM calls_2026")
    _do(platform, "UPDATE calls SET status = 'failed'")
    _assert_right(platform, from_rollups=True)


def test_a_child_table_is_noticed_by_the_next_answer(platform: Platform) -> None:
    _do(platform, "CREATE TABLE calls_2027 () INHERITS (calls)")
    _do(platform, "INSERT INTO calls_2027 SELECT * FROM ONLY calls LIMIT 2")

    _assert_right(platform, from_rollups=False)
    with pytest.raises(OperatorError, match="other tables inherit from it"):
        platform.run(enable_rollups(platform.writer, _ignore))


def test_a_restored_copy_is_written_and_read_like_the_first(
    platform: Platform, cluster: PostgresCluster, runner: asyncio.Runner
) -> None:
    """A dump keeps names, and not the numbers behind them."""
    cluster.restore("attached", "restored")
    restored = Platform(platform.url.replace("/attached", "/restored"), runner)
    _do(restored, WRITES["update"])

    assert _condition(restored) == READY
    _assert_right(restored, platform.assistants[0]["organization_id"], from_rollups=True)
    restored.close()
    cluster.execute("DROP DATABASE restored WITH (FORCE)")


def test_a_lock_time_out_in_a_trigger_is_noted_and_the_write_goes_on(platform: Platform) -> None:
    async def run() -> None:
        async with platform.writer.connect() as locking:
            await locking.execute(text("LOCK TABLE call_rollups_log"))
            await _in_one_transaction(platform, "SET LOCAL lock_timeout = '20ms'", WRITES["update"])

    platform.run(run())

    assert _condition(platform) == RollupCondition(
        RollupState.FAILED, "canceling statement due to lock timeout"
    )
    _assert_right(platform, from_rollups=False)


def test_a_cancelled_statement_is_cancelled_in_the_trigger_too(platform: Platform) -> None:
    async def run() -> None:
        async with platform.writer.connect() as locking:
            await locking.execute(text("LOCK TABLE call_rollups_log"))
            with pytest.raises(Exception, match="canceling statement due to statement timeout"):
                await _in_one_transaction(
                    platform, "SET LOCAL statement_timeout = '200ms'", WRITES["update"]
                )

    platform.run(run())

    assert _condition(platform) == READY
    _assert_right(platform, from_rollups=True)


def test_a_deadlock_in_a_trigger_is_told_to_the_writer(platform: Platform) -> None:
    """Its transaction is lost, as the server says, and must not seem to have been done."""
    number = platform.calls[0]["id"]
    row = f"UPDATE calls SET status = 'busy' WHERE id = {number}"

    async def run() -> None:
        async with platform.writer.connect() as patient, platform.writer.connect() as victim:
            await patient.execute(text("SET LOCAL deadlock_timeout = '10min'"))
            await victim.execute(text("SET LOCAL deadlock_timeout = '50ms'"))
            await victim.execute(text(f"SELECT FROM calls WHERE id = {number} FOR UPDATE"))
            await patient.execute(text("LOCK TABLE call_rollups_log"))
            waiting = asyncio.create_task(patient.execute(text(row)))
            await _until_somebody_waits(platform)
            with pytest.raises(Exception, match="deadlock detected"):
                await victim.execute(text(WRITES["insert"]))
            await victim.rollback()
            await waiting
            await patient.commit()

    platform.run(run())

    assert _condition(platform) == READY
    _assert_right(platform, from_rollups=True)


def test_writers_whose_upkeep_fails_do_not_wait_for_each_other(platform: Platform) -> None:
    _do(platform, "ALTER TABLE call_rollups_log ADD CHECK (calls = 9) NOT VALID")

    async def run() -> None:
        async with platform.writer.connect() as first:
            await first.execute(text(WRITES["insert"]))
            async with asyncio.timeout(WAIT_SECONDS):
                await platform.execute(text(WRITES["insert"].replace("7", "8")))
            await first.rollback()

    platform.run(run())

    assert _condition(platform).state is RollupState.FAILED


def test_a_failure_that_is_rolled_back_is_none(platform: Platform) -> None:
    async def run() -> None:
        async with platform.writer.connect() as locking, platform.writer.connect() as writer:
            await locking.execute(text("LOCK TABLE call_rollups_log"))
            await writer.execute(text("SET LOCAL lock_timeout = '20ms'"))
            await writer.execute(text(WRITES["update"]))
            await locking.rollback()
            await writer.rollback()

    platform.run(run())

    assert _condition(platform) == READY
    _assert_right(platform, from_rollups=True)


def test_one_note_is_enough(platform: Platform) -> None:
    _do(platform, "ALTER TABLE call_rollups_log ADD CHECK (calls = 9) NOT VALID")
    for number in range(5):
        _do(platform, f"UPDATE calls SET duration = {number}")

    async def count() -> int | None:
        async with platform.reader.connect() as connection:
            counted = await connection.scalar(text("SELECT count(*) FROM call_rollups_failures"))
            return int(counted or 0)

    assert platform.run(count()) == 1


def test_enabling_waits_for_a_transaction_whose_upkeep_failed(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have relied on the note that enabling removes."""
    monkeypatch.setattr("call_analytics.db.rollups.upkeep.LOCK_ATTEMPTS", 2)
    _do(platform, "ALTER TABLE call_rollups_log ADD CHECK (calls = 9) NOT VALID")
    _do(platform, WRITES["update"])

    async def run() -> None:
        async with platform.writer.connect() as writer:
            await writer.execute(text(WRITES["insert"]))
            with pytest.raises(OperatorError, match="has been writing calls all the time"):
                await enable_rollups(platform.writer, _ignore)
            await writer.commit()

    platform.run(run())
    assert _condition(platform).state is RollupState.FAILED
    platform.run(enable_rollups(platform.writer, _ignore))
    _assert_right(platform, from_rollups=True)


def test_a_failure_while_the_rollups_are_filled_is_told(
    platform: Platform, cluster: PostgresCluster
) -> None:
    platform.add_assistant(platform.assistants[0]["organization_id"])
    _do(platform, "UPDATE call_rollups_state SET is_ready = false")

    def fail(number: int, _total: int) -> None:
        if number == 1:
            cluster.execute(
                "ALTER TABLE call_rollups_log ADD CONSTRAINT nine CHECK (calls = 9) NOT VALID;"
                f"{WRITES['update']}; ALTER TABLE call_rollups_log DROP CONSTRAINT nine",
                "attached",
            )

    with pytest.raises(OperatorError, match="a write of calls could not be added"):
        platform.run(enable_rollups(platform.writer, fail))

    _assert_right(platform, from_rollups=False)
    platform.run(enable_rollups(platform.writer, _ignore))
    _assert_right(platform, from_rollups=True)


def test_a_transaction_with_a_snapshot_from_before_is_added(platform: Platform) -> None:
    """Under REPEATABLE READ, which sees nothing of the rollups, nor of their state."""

    async def run() -> None:
        repeatable = platform.writer.execution_options(isolation_level="REPEATABLE READ")
        async with repeatable.connect() as writer:
            await writer.execute(text("SELECT FROM organizations"))
            await platform.execute(text("DROP FUNCTION call_rollups_insert CASCADE"))
            await enable_rollups(platform.writer, _ignore)
            await writer.execute(text(WRITES["insert"]))
            await writer.commit()

    platform.run(run())

    assert _condition(platform) == READY
    _assert_right(platform, from_rollups=True)


def _ignore(*_arguments: object) -> None:
    pass


def _do(platform: Platform, sql: str) -> None:
    """Statements of the platform's own, in one transaction."""
    platform.run(_in_one_transaction(platform, *sql.split("; ")))


async def _in_one_transaction(platform: Platform, *statements: str) -> None:
    async with platform.writer.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement))


async def _until_somebody_waits(platform: Platform) -> None:
    for _ in range(WAIT_SECONDS * 20):
        async with platform.reader.connect() as connection:
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            if await connection.scalar(text(waiting)):
                return
        await asyncio.sleep(0.05)
    raise AssertionError("nobody ever waited")


def _condition(platform: Platform) -> Any:
    return platform.run(rollup_condition(platform.reader))


def _read(platform: Platform, organization: int | None = None, *, raw: bool = False) -> Figures:
    """All figures of the last week, from a reader that looks for rollups."""
    reader = platform.raw_figures if raw else platform.figures
    reader.look_again()
    organization = organization or platform.assistants[0]["organization_id"]
    window = Window((NOW - timedelta(days=7)).replace(tzinfo=None))
    figures = platform.run(reader.read(FigureQuery(organization, (window,), EVERYTHING)))
    assert isinstance(figures, Figures)
    return figures


def _assert_right(
    platform: Platform, organization: int | None = None, *, from_rollups: bool
) -> None:
    figures = _read(platform, organization)
    assert figures.from_rollups is from_rollups
    assert figures.groups == _read(platform, organization, raw=True).groups
