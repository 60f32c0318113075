"""Rollups: at every instant, whatever happens to the calls, the same figures as the calls."""

import asyncio
import os
import random
import signal
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete, insert, select, text, update

from call_analytics.db.dialects import backend_of
from call_analytics.db.engine import connect, transaction
from call_analytics.db.errors import DatabaseUnavailable, OperatorError
from call_analytics.db.figures.measures import MEASURES
from call_analytics.db.figures.query import FigureQuery, Figures, Window
from call_analytics.db.models import Call
from call_analytics.db.placement import Placement
from call_analytics.db.rollups.differences import Difference
from call_analytics.db.rollups.folding import fold_rollups
from call_analytics.db.rollups.state import RollupState, rollup_state, rollup_status
from call_analytics.db.rollups.upkeep import disable_rollups, enable_rollups, verify_rollups
from tests.conftest import ServiceFactory, in_parts_too
from tests.db.rollups.agreement import assert_right, differences
from tests.figures import EVERYTHING
from tests.platform import NOW, PERIOD_DAYS, Platform
from tests.postgres import PostgresCluster

START = NOW.replace(tzinfo=None)

NO_TIMES = {
    "sqlite": [
        "garbage",
        "",
        "2026-03-10",
        "2026-03-10 11:00:00",
        "2026-03-10T11:00:00.000000",
        "2026-03-10 11:00:00.000000Z",
        "2026-03-10 11:00:00.00000x",
        "2026-02-30 11:00:00.000000",
        "2026-13-10 11:00:00.000000",
        "2026-03-10 24:00:00.000000",
        "2026-03-10 11:60:00.000000",
        "0000-03-10 11:00:00.000000",
        "10000-03-10 11:00:00.000000",
        "9999999999",
        "now",
    ],
    "postgresql": [
        "infinity",
        "-infinity",
        "10000-01-01 00:00:00",
        "294276-12-31 23:59:59.999999",
        "0001-12-31 23:59:59.999999 BC",
        "4713-01-01 00:00:00 BC",
    ],
}
"""What a column of timestamps may hold all the same, and what never counts."""

# A few days with hours and midnights to cross.
_moments = st.none() | st.builds(
    lambda days, delta: START - timedelta(days=days) + delta,
    st.integers(0, 4),
    st.sampled_from([timedelta(0), timedelta(microseconds=-1)])
    | st.timedeltas(min_value=timedelta(hours=-30), max_value=timedelta(hours=30)),
)
_statuses = st.sampled_from(["completed", "failed", "ongoing", "busy", "Completed"])
_durations = st.none() | st.sampled_from([0, 1, -5, -(2**31), 2**31 - 1]) | st.integers(0, 600)
_which = st.integers(0, 1_000)
_assistants = st.sampled_from([3, 2, 1, 0])
_new_call = st.fixed_dictionaries(
    {
        "assistant": _assistants,
        "status": _statuses,
        "duration": _durations,
        "started_at": _moments,
    }
)
_new_calls = st.lists(_new_call, min_size=1, max_size=6)


of_many_writers = pytest.mark.parametrize(
    "database_url", ["postgresql", "partitioned"], indirect=True
)


class RollupMachine(RuleBasedStateMachine):
    """Anything that may happen to calls, in any order; the figures must agree after each step."""

    platform: Platform

    def __init__(self) -> None:
        super().__init__()
        self.platform.clear()
        self.enable()
        self.organizations = [self.platform.add_organization() for _ in range(2)]
        self.assistants = [
            self.platform.add_assistant(self.organizations[number % 2]) for number in range(4)
        ]

    @initialize(calls=st.lists(_new_call, min_size=4, max_size=8))
    def begin(self, calls: list[Any]) -> None:
        self.insert(calls)

    @rule(calls=_new_calls)
    def insert(self, calls: list[Any]) -> None:
        self.platform.add_calls([self._row(call) for call in calls])

    @rule(calls=_new_calls)
    def bulk_load(self, calls: list[Any]) -> None:
        rows = [self.platform.call_row(**self._row(call)) for call in calls]
        columns = Call.__table__.columns.keys()
        self.platform.run(
            _bulk_load(self.platform, [[row[name] for name in columns] for row in rows])
        )
        self.platform.calls += rows

    @rule(calls=_new_calls)
    def insert_and_roll_back(self, calls: list[Any]) -> None:
        rows = [self.platform.call_row(**self._row(call)) for call in calls]
        self.platform.run(_roll_back(self.platform, rows))

    @rule(which=_which, status=_statuses)
    def change_status(self, which: int, status: str) -> None:
        self._update(which, {"status": status})

    @rule(which=_which, duration=_durations)
    def correct_duration(self, which: int, duration: int | None) -> None:
        self._update(which, {"duration": duration})

    @rule(which=_which, assistant=_assistants)
    def reassign(self, which: int, assistant: int) -> None:
        its = self.platform.assistants[assistant]
        owner = {"assistant_id": its["id"], "organization_id": its["organization_id"]}
        self._update(which, owner)

    @rule(which=_which, started_at=_moments)
    def move_in_time(self, which: int, started_at: datetime | None) -> None:
        self._update(which, {"started_at": started_at})

    @rule(which=_which)
    def change_what_does_not_matter(self, which: int) -> None:
        self._update(which, {"customer_phone_number": "+1"})

    @rule(which=_which, odd=_which)
    def take_time_away(self, which: int, odd: int) -> None:
        if self.platform.calls:
            call = self.platform.calls[which % len(self.platform.calls)]
            values = NO_TIMES[self.platform.reader.dialect.name]
            call["started_at"] = values[odd % len(values)]
            self.platform.run(_set_time(self.platform, call["id"], call["started_at"]))

    @rule(status=_statuses, started_at=_moments)
    def update_all(self, status: str, started_at: datetime | None) -> None:
        changes = {"status": status, "started_at": started_at}
        self.platform.run(self.platform.execute(update(Call).values(changes)))
        for call in self.platform.calls:
            call.update(changes)

    @rule(which=_which)
    def delete(self, which: int) -> None:
        if self.platform.calls:
            gone = self.platform.calls.pop(which % len(self.platform.calls))
            self.platform.run(self.platform.execute(delete(Call).where(Call.id == gone["id"])))

    @precondition(lambda self: len(self.platform.calls) > 8)
    @rule()
    def empty(self) -> None:
        verb = {"sqlite": "DELETE FROM calls", "postgresql": "TRUNCATE calls"}
        statement = text(verb[self.platform.reader.dialect.name])
        self.platform.run(self.platform.execute(statement))
        self.platform.calls.clear()

    @rule()
    def fold(self) -> None:
        self.platform.run(fold_rollups(self.platform.writer))

    @rule(calls=_new_calls)
    def disable_for_a_while(self, calls: list[Any]) -> None:
        self.platform.run(disable_rollups(self.platform.writer))
        self.are_rolled_up = False
        self.insert(calls)
        self.look(0, 0)
        self.enable()

    def enable(self) -> None:
        self.platform.run(enable_rollups(self.platform.writer, _ignore))
        self.are_rolled_up = True

    @rule(minutes=st.integers(0, 60 * 24 * 3), fraction=st.sampled_from([0, 1, 999_999]))
    def look(self, minutes: int, fraction: int) -> None:
        """Compare the figures of windows whose edges fall anywhere."""
        now = NOW - timedelta(minutes=minutes, microseconds=fraction)
        self.platform.figures.look_again()
        for organization in self.organizations:
            figures = _assert_agreement(self.platform, organization, "7d", 7, now)
            assert figures.from_rollups is self.are_rolled_up

    @invariant()
    def figures_agree(self) -> None:
        self.look(0, 0)

    def _row(self, call: dict[str, Any]) -> dict[str, Any]:
        columns = dict(call)
        return {"assistant_id": self.assistants[columns.pop("assistant")], **columns}

    def _update(self, which: int, changes: dict[str, Any]) -> None:
        if self.platform.calls:
            call = self.platform.calls[which % len(self.platform.calls)]
            statement = update(Call).where(Call.id == call["id"]).values(changes)
            self.platform.run(self.platform.execute(statement))
            call.update(changes)


@in_parts_too
@pytest.mark.slow
def test_whatever_happens_the_figures_agree(platform: Platform) -> None:
    class Machine(RollupMachine):
        pass

    Machine.platform = platform
    # Of a partitioned table PostgreSQL does most as of any other.
    examples = 5 if platform.shape().placement is Placement.PARTITIONED else 15
    run_state_machine_as_test(
        Machine, settings=hypothesis_settings(max_examples=examples, stateful_step_count=20)
    )


@in_parts_too
@pytest.mark.parametrize("are_rolled_up", [True, False])
def test_what_is_no_time_never_counts(
    platform: Platform, service: ServiceFactory, *, are_rolled_up: bool
) -> None:
    """However it comes and goes; and the first and the last instant that there are do count."""
    organization = _with_calls(platform)
    key = platform.add_key(organization)
    if not are_rolled_up:
        platform.run(disable_rollups(platform.writer))
    last = platform.calls[-1]
    last["started_at"] = datetime(9999, 12, 31, 23, 59, 59, 999998)
    platform.run(_set_time(platform, last["id"], str(last["started_at"])))
    for call, value in zip(platform.calls, NO_TIMES[platform.reader.dialect.name], strict=False):
        call["started_at"] = value
        platform.run(_set_time(platform, call["id"], value))

    client = service()
    for period, days in PERIOD_DAYS.items():
        figures = _assert_agreement(platform, organization, period, days, NOW)
        assert figures.from_rollups is are_rolled_up
        response = client.get(
            f"/api/v1/calls/analytics?period={period}", headers={"Authorization": f"Bearer {key}"}
        )
        assert response.json() == platform.expected(organization, period)
    if are_rolled_up:
        assert _differences(platform) == []

    platform.run(platform.execute(text("UPDATE calls SET status = 'failed'")))
    platform.run(platform.execute(delete(Call).where(Call.id == platform.calls[0]["id"])))
    del platform.calls[0]
    for call in platform.calls:
        call["status"] = "failed"
    if not are_rolled_up:
        platform.run(_enable(platform.writer))
    platform.figures.look_again()
    assert _assert_agreement(platform, organization, "90d", 90, NOW).from_rollups
    assert _differences(platform) == []


def test_a_managed_database_has_rollups_from_the_beginning(platform: Platform) -> None:
    assert platform.run(rollup_status(platform.writer))[:2] == (RollupState.READY, 0)


def test_what_is_off_leaves_no_trace(platform: Platform) -> None:
    def names() -> set[str]:
        catalogs = {
            "sqlite": "SELECT name FROM sqlite_master",
            "postgresql": "SELECT relname FROM pg_class UNION ALL SELECT proname FROM pg_proc "
            "UNION ALL SELECT tgname FROM pg_trigger",
        }
        found = platform.run(_scalars(platform, catalogs[platform.reader.dialect.name]))
        return {name for name in found if "rollup" in name}

    assert names()
    platform.run(disable_rollups(platform.writer))
    assert names() == set()
    platform.run(disable_rollups(platform.writer))
    with pytest.raises(OperatorError, match="rollups are off"):
        platform.run(verify_rollups(platform.writer, _ignore, repair=False))


def test_a_reader_follows_rollups_that_come_and_go(platform: Platform) -> None:
    organization = _with_calls(platform)
    sources = []
    for change in (_nothing, disable_rollups, _enable):
        platform.run(change(platform.writer))
        platform.figures.look_again()
        figures = platform.run(_read(platform, organization, NOW, 1, raw=False))
        sources.append(figures.from_rollups)
        _assert_agreement(platform, organization, "1d", 1, NOW)

    assert sources == [True, False, True]


def test_rollups_that_are_not_filled_are_not_read(platform: Platform) -> None:
    organization = _with_calls(platform)
    assert platform.run(_read(platform, organization, NOW, 7, raw=False)).from_rollups
    for statement in (
        "UPDATE call_rollups_state SET is_ready = false",
        "DELETE FROM call_rollups_log",
    ):
        platform.run(platform.execute(text(statement)))

    figures = platform.run(_read(platform, organization, NOW, 7, raw=False))

    assert not figures.from_rollups
    _assert_agreement(platform, organization, "7d", 7, NOW)


def test_rollups_whose_trigger_is_gone_are_not_read(platform: Platform) -> None:
    """By the very next answer of a process that has read them so far."""
    organization = _with_calls(platform)
    assert platform.run(_read(platform, organization, NOW, 7, raw=False)).from_rollups
    on_table = {"sqlite": "", "postgresql": " ON calls"}[platform.reader.dialect.name]
    platform.run(platform.execute(text(f"DROP TRIGGER call_rollups_insert{on_table}")))
    platform.add_calls([{"assistant_id": platform.assistants[0]["id"]}])

    assert not _assert_agreement(platform, organization, "7d", 7, NOW).from_rollups
    assert platform.run(rollup_state(platform.writer)) is RollupState.DETACHED
    with pytest.raises(OperatorError, match="do not see every write"):
        platform.run(verify_rollups(platform.writer, _ignore, repair=True))

    platform.run(_enable(platform.writer))

    platform.figures.look_again()
    assert _assert_agreement(platform, organization, "7d", 7, NOW).from_rollups
    assert _differences(platform) == []


@in_parts_too
def test_verify_finds_and_repairs_what_is_wrong(platform: Platform) -> None:
    organization = _with_calls(platform)
    assert _differences(platform) == []

    platform.run(fold_rollups(platform.writer))
    assert _differences(platform) == []

    for statement in (
        "UPDATE call_rollups_assistants SET calls = calls + 1 WHERE grain = 1",
        "DELETE FROM call_rollups_assistants WHERE grain = 3",
        "UPDATE call_rollups_organizations SET duration = duration + 1 WHERE grain = 4",
    ):
        platform.run(platform.execute(text(statement)))
    found = _differences(platform)

    assert {
        (difference.organization_id is None, difference.assistant_id is None, difference.grain)
        for difference in found
    } == {
        (not platform.shape().placement.keys_log, False, 1),
        (False, False, 2),
        (False, False, 3),
        (False, False, 4),
        (False, True, 1),
        (False, True, 3),
        (False, True, 4),
    }
    _differences(platform, repair=True)
    assert _differences(platform) == []
    platform.run(fold_rollups(platform.writer))
    assert _differences(platform) == []
    _assert_agreement(platform, organization, "7d", 7, NOW)


def test_writers_need_no_privilege_on_rollups_and_readers_of_calls_may_read_them(
    postgres_url: str, cluster: PostgresCluster, runner: asyncio.Runner
) -> None:
    platform = Platform(postgres_url, runner)
    database = postgres_url.rpartition("/")[2].partition("?")[0] or "postgres"
    name = postgres_url.split("@/")[1].partition("?")[0] or database
    organization = _with_calls(platform)
    cluster.execute(
        "CREATE ROLE caller LOGIN; CREATE ROLE reader LOGIN;"
        "GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON calls TO caller;"
        "GRANT USAGE ON SEQUENCE calls_id_seq TO caller;"
        "GRANT SELECT ON calls, assistants TO reader",
        name,
    )
    platform.run(disable_rollups(platform.writer))
    platform.run(_enable(platform.writer))
    caller = Platform(postgres_url.replace("postgres@", "caller@"), runner)
    reader = Platform(postgres_url.replace("postgres@", "reader@"), runner)

    platform.calls.append(platform.call_row(assistant_id=platform.assistants[0]["id"]))
    caller.run(caller.execute(insert(Call), platform.calls[-1:]))
    caller.run(caller.execute(update(Call).values(status="failed")))
    for call in platform.calls:
        call["status"] = "failed"

    figures = reader.run(_read(reader, organization, NOW, 7, raw=False))
    assert figures.from_rollups
    assert figures.groups[0][0].failed == platform.expected(organization, "7d")["failed_calls"]
    with pytest.raises(DatabaseUnavailable, match="permission denied"):
        caller.run(caller.execute(text("DELETE FROM call_rollups_log")))
    for opened in (caller, reader, platform):
        opened.close()
    cluster.execute("DROP OWNED BY caller, reader; DROP ROLE caller, reader", name)


@of_many_writers
def test_writers_folding_and_readers_at_once(database_url: str, runner: asyncio.Runner) -> None:
    """Nothing lost, nothing counted twice, and no writer fails."""
    platform = Platform(database_url, runner)
    organization = _with_calls(platform)

    async def run() -> int:
        stop = asyncio.Event()
        writers = [asyncio.create_task(_write(platform, seed, stop)) for seed in range(6)]
        folding = asyncio.create_task(_repeat(stop, lambda: fold_rollups(platform.writer)))
        reads = 0
        for _ in range(60):
            figures = await _read(platform, organization, NOW, 90, raw=False)
            _assert_parts_agree(figures)
            reads += 1
            await asyncio.sleep(0.02)
        stop.set()
        written = sum(await asyncio.gather(*writers))
        await folding
        assert reads == 60
        return written

    assert platform.run(run()) > 100
    assert _differences(platform) == []
    platform.run(fold_rollups(platform.writer))
    assert _differences(platform) == []
    platform.close()


@of_many_writers
def test_truncation_beside_writers_folding_and_readers(
    database_url: str, runner: asyncio.Runner
) -> None:
    """TRUNCATE takes the strongest locks; still nobody fails, and nothing is left behind."""
    platform = Platform(database_url, runner)
    organization = _with_calls(platform)

    async def truncate() -> None:
        async with transaction(platform.writer) as connection:
            await connection.execute(text("TRUNCATE calls"))
        await asyncio.sleep(0.05)

    async def run() -> int:
        stop = asyncio.Event()
        writers = [asyncio.create_task(_write(platform, seed, stop)) for seed in range(3)]
        others = [
            asyncio.create_task(_repeat(stop, truncate)),
            asyncio.create_task(_repeat(stop, lambda: fold_rollups(platform.writer))),
        ]
        for _ in range(60):
            _assert_parts_agree(await _read(platform, organization, NOW, 90, raw=False))
            await asyncio.sleep(0.02)
        stop.set()
        await asyncio.gather(*others)
        return sum(await asyncio.gather(*writers))

    assert platform.run(run()) > 10
    assert _differences(platform) == []
    platform.close()


def test_rollups_come_and_go_under_write_load(postgres_url: str, runner: asyncio.Runner) -> None:
    platform = Platform(postgres_url, runner)
    organization = _with_calls(platform)

    async def run() -> int:
        stop = asyncio.Event()
        writers = [asyncio.create_task(_write(platform, seed, stop)) for seed in range(4)]
        for _ in range(4):
            await disable_rollups(platform.writer)
            figures = await _read(platform, organization, NOW, 90, raw=False)
            assert not figures.from_rollups
            _assert_parts_agree(figures)
            await _enable(platform.writer)
            platform.figures.look_again()
            figures = await _read(platform, organization, NOW, 90, raw=False)
            assert figures.from_rollups
            _assert_parts_agree(figures)
        stop.set()
        return sum(await asyncio.gather(*writers))

    assert platform.run(run()) > 10
    assert _differences(platform) == []
    platform.close()


def test_two_processes_do_not_fill_at_once(postgres_url: str, runner: asyncio.Runner) -> None:
    platform = Platform(postgres_url, runner)
    _with_calls(platform)
    platform.run(disable_rollups(platform.writer))

    async def run() -> list[object]:
        return list(
            await asyncio.gather(
                *(_enable(platform.writer) for _ in range(3)), return_exceptions=True
            )
        )

    outcomes = platform.run(run())

    assert outcomes.count(None) >= 1
    assert all(outcome is None or isinstance(outcome, OperatorError) for outcome in outcomes)
    assert platform.run(rollup_state(platform.writer)) is RollupState.READY
    assert _differences(platform) == []
    platform.close()


def test_enable_gives_up_where_a_transaction_never_ends(
    postgres_url: str, runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And meanwhile no other writer waits for long."""
    monkeypatch.setattr("call_analytics.db.rollups.upkeep.LOCK_ATTEMPTS", 3)
    platform = Platform(postgres_url, runner)
    _with_calls(platform)
    platform.run(disable_rollups(platform.writer))

    async def run() -> None:
        async with transaction(platform.writer) as endless:
            await endless.execute(update(Call).values(status="busy"))
            enabling = asyncio.create_task(_enable(platform.writer))
            while not enabling.done():
                async with asyncio.timeout(5), transaction(platform.writer) as connection:
                    await connection.execute(insert(Call), [_row_of(platform, random.Random(1))])
                await asyncio.sleep(0.05)
            with pytest.raises(OperatorError, match="has been writing calls all the time"):
                await enabling

    platform.run(run())
    platform.close()


def test_a_backend_that_is_killed_in_mid_filling(
    own_cluster: PostgresCluster, own_platform: Platform
) -> None:
    platform = own_platform
    organization = _with_calls(platform)
    platform.run(disable_rollups(platform.writer))
    own_cluster.execute("CHECKPOINT")
    done: list[int] = []

    async def run() -> None:
        victims = await _backends(platform)

        def kill(number: int, _total: int) -> None:
            done.append(number)
            if number == 2:
                os.kill(victims[0], signal.SIGKILL)

        with pytest.raises(DatabaseUnavailable):
            await enable_rollups(platform.writer, kill)

    platform.run(run())

    _until_it_answers(platform)
    assert 2 <= len(done) < len(platform.assistants)
    assert platform.run(rollup_state(platform.writer)) is not RollupState.READY
    _assert_agreement(platform, organization, "7d", 7, NOW)
    platform.run(_enable(platform.writer))
    assert platform.run(rollup_state(platform.writer)) is RollupState.READY
    assert _differences(platform) == []
    _assert_agreement(platform, organization, "7d", 7, NOW)


def _ignore(*_arguments: object) -> None:
    pass


async def _nothing(_database: Any) -> None:
    pass


async def _enable(database: Any) -> None:
    await enable_rollups(database, _ignore)


def _with_calls(platform: Platform) -> int:
    """An organization with some assistants and calls; returns its id."""
    organization = platform.add_organization()
    for _ in range(6):
        platform.add_assistant(organization)
    chance = random.Random(1)
    platform.add_calls([_row_of(platform, chance) for _ in range(200)])
    return organization


def _row_of(platform: Platform, chance: random.Random) -> dict[str, Any]:
    """A random whole call of one of the platform's assistants."""
    return platform.call_row(
        assistant_id=chance.choice(platform.assistants)["id"],
        status=chance.choice(["completed", "failed", "ongoing", "busy"]),
        duration=chance.choice([None, 0, 30, 600]),
        started_at=START - timedelta(minutes=chance.randrange(60 * 24 * 9)),
    )


async def _write(platform: Platform, seed: int, stop: asyncio.Event) -> int:
    """Change calls in transactions of every kind, until told to stop; returns how many."""
    chance = random.Random(seed)
    count = 0
    while not stop.is_set():
        row = _row_of(platform, chance)
        changes = [
            insert(Call).values(row),
            update(Call).where(Call.id == row["id"]).values(status="completed", duration=7),
            update(Call)
            .where(Call.id == row["id"])
            .values(started_at=row["started_at"] - timedelta(hours=5)),
            update(Call)
            .where(Call.id == row["id"])
            .values(assistant_id=chance.choice(platform.assistants)["id"]),
            delete(Call).where(Call.id == row["id"]),
        ][: chance.randrange(1, 6)]
        async with platform.writer.connect() as connection:
            for change in changes:
                await connection.execute(change)
                if chance.random() < 0.3:
                    await asyncio.sleep(0)
            if chance.random() < 0.2:
                await connection.rollback()
            else:
                await connection.commit()
        count += 1
    return count


async def _repeat(stop: asyncio.Event, work: Any) -> None:
    while not stop.is_set():
        await work()
        await asyncio.sleep(0.01)


async def _read(
    platform: Platform, organization: int, now: datetime, days: int, *, raw: bool
) -> Figures:
    reader = platform.raw_figures if raw else platform.figures
    window = Window((now - timedelta(days=days)).replace(tzinfo=None))
    return await reader.read(FigureQuery(organization, (window,), EVERYTHING))


def _assert_agreement(
    platform: Platform, organization: int, period: str, days: int, now: datetime
) -> Figures:
    """Rollups, calls and the oracle give the same figures."""
    figures: Figures
    figures, raw = (
        platform.run(_read(platform, organization, now, days, raw=raw)) for raw in (False, True)
    )
    assert_right(figures, raw, platform.expected(organization, period, now=now))
    return figures


def _assert_parts_agree(figures: Figures) -> None:
    (totals,), *lists = figures.groups
    for rows in lists:
        for measure in MEASURES:
            parts = sum(getattr(row, measure.name) for row in rows)
            assert parts == getattr(totals, measure.name)


def _differences(platform: Platform, *, repair: bool = False) -> list[Difference]:
    found: list[Difference] = platform.run(differences(platform, repair=repair))
    return found


async def _scalars(platform: Platform, sql: str) -> list[Any]:
    async with connect(platform.reader) as connection:
        return list(await connection.scalars(text(sql)))


async def _set_time(platform: Platform, call: int, value: str) -> None:
    """Store something that no program in Python would write as a time."""
    await platform.execute(text(f"UPDATE calls SET started_at = '{value}' WHERE id = {call}"))


async def _bulk_load(platform: Platform, rows: list[Any]) -> None:
    async with transaction(platform.writer) as connection:
        await connection.execute(select(Call.id).limit(0))
        backend = backend_of(connection.dialect)
        await backend.bulk_insert(connection, Call.__table__, [tuple(row) for row in rows])  # type: ignore[arg-type]


async def _roll_back(platform: Platform, rows: list[Any]) -> None:
    async with platform.writer.connect() as connection:
        await connection.execute(insert(Call), rows)
        await connection.execute(update(Call).values(status="failed"))
        await connection.rollback()


async def _backends(platform: Platform, query: str = "%") -> list[int]:
    return await _scalars(
        platform,
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' "
        f"AND pid <> pg_backend_pid() AND query LIKE '{query}'",
    )


async def _kill(platform: Platform, query: str) -> None:
    """Kill the backend that is running a query, as soon as it does."""
    for _ in range(500):
        for process in await _backends(platform, query):
            os.kill(process, signal.SIGKILL)
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the query was never seen")


def _until_it_answers(platform: Platform) -> None:
    """Wait until the server has recovered from the loss of a process."""

    async def wait() -> None:
        for _ in range(500):
            try:
                await _scalars(platform, "SELECT 1")
            except DatabaseUnavailable:
                await asyncio.sleep(0.02)
            else:
                return
        raise AssertionError("the server did not come back")

    platform.run(wait())
