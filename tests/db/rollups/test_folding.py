"""Folding: it changes no figure, whatever it is interrupted by and whoever writes meanwhile."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import textwrap
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, text, update

from call_analytics.db.dialects import backend_of
from call_analytics.db.engine import connect, snapshot_transaction, transaction
from call_analytics.db.errors import DatabaseUnavailable, OperatorError
from call_analytics.db.figures.measures import MEASURES
from call_analytics.db.models import Assistant, Call
from call_analytics.db.rollups.folding import fold_batch, fold_rollups
from call_analytics.db.rollups.layout import (
    assistant_moves,
    assistant_sums,
    columns_of,
    organization_sums,
    rollup_log,
)
from call_analytics.db.rollups.state import rollup_backlog
from call_analytics.db.rollups.upkeep import enable_rollups, verify_rollups
from tests.conftest import in_parts_too
from tests.db.rollups.agreement import agree_in_one_snapshot, assert_agreement, differences
from tests.platform import NOW, Platform
from tests.postgres import PostgresCluster

START = NOW.replace(tzinfo=None)
ALL = 2**62
"""More than any id of the log."""
STATUSES = ["completed", "failed", "ongoing", "busy"]


@pytest.fixture
def organization(platform: Platform) -> int:
    """An organization with calls that are not folded."""
    return with_calls(platform)


def with_calls(platform: Platform) -> int:
    organization = platform.add_organization()
    for _ in range(4):
        platform.add_assistant(organization)
    platform.add_calls(some_calls(platform, 50))
    return organization


def some_calls(platform: Platform, number: int) -> list[dict[str, Any]]:
    chance = random.Random(number)
    return [
        {
            "assistant_id": chance.choice(platform.assistants)["id"],
            "status": chance.choice(STATUSES),
            "duration": chance.choice([None, 0, 30, 600]),
            "started_at": START - timedelta(minutes=chance.randrange(60 * 24 * 60)),
        }
        for _ in range(number)
    ]


def assert_all_is_right(platform: Platform, organization: int, *, waiting: int = 0) -> None:
    """Before and after a fold."""
    assert platform.run(assert_agreement(platform, [organization])) == [True]
    assert platform.run(differences(platform)) == []
    platform.run(fold_rollups(platform.writer))
    assert platform.run(rollup_backlog(platform.writer)) == waiting
    assert platform.run(assert_agreement(platform, [organization])) == [True]
    assert platform.run(differences(platform)) == []


async def rows_of(platform: Platform, table: Any) -> list[Any]:
    columns = columns_of(platform.shape().placement)[table.name]
    async with connect(platform.reader) as connection:
        rows = await connection.execute(select(*(table.c[name] for name in columns)))
        return [tuple(row) for row in rows]


@in_parts_too
def test_folding_leaves_one_row_for_each_key_and_goes_in_batches(
    platform: Platform, organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("call_analytics.db.rollups.folding.FOLD_ROWS", 30)
    platform.run(platform.execute(update(Call).values(status="failed")))
    for call in platform.calls:
        call["status"] = "failed"
    waiting = platform.run(rollup_backlog(platform.writer))

    async def batches() -> list[int]:
        folded: list[int] = []
        while not folded or folded[-1]:
            async with snapshot_transaction(platform.writer) as connection:
                folded.append(await connection.run_sync(fold_batch, ALL))
            await assert_agreement(platform, [organization])
        return folded

    sizes = platform.run(batches())

    assert sum(sizes) == waiting
    assert all(30 <= size <= 32 for size in sizes[:2]), "and what else there is of the last key"
    assert max(sizes) <= 32
    quarters = {
        (
            call["assistant_id"],
            call["started_at"] - timedelta(minutes=call["started_at"].minute % 15),
        )
        for call in platform.calls
    }
    rows = platform.run(rows_of(platform, assistant_sums))
    assert {(row[3], row[2]) for row in rows if row[1] == 1} == quarters
    assert len([row for row in rows if row[1] == 1]) == len(quarters)
    assert platform.run(rows_of(platform, rollup_log)) == []
    assert_all_is_right(platform, organization)


@in_parts_too
def test_one_fold_takes_all_batches_that_were_there_when_it_began(
    platform: Platform, organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("call_analytics.db.rollups.folding.FOLD_ROWS", 30)
    waiting = platform.run(rollup_backlog(platform.writer))

    assert platform.run(fold_rollups(platform.writer)) == waiting
    assert platform.run(fold_rollups(platform.writer)) == 0
    assert_all_is_right(platform, organization)


@in_parts_too
def test_sums_that_come_to_nothing_go(platform: Platform, organization: int) -> None:
    platform.run(fold_rollups(platform.writer))
    platform.run(platform.execute(delete(Call)))
    platform.calls.clear()
    assert_all_is_right(platform, organization)
    for table in (rollup_log, assistant_sums, organization_sums, assistant_moves):
        assert platform.run(rows_of(platform, table)) == []


def test_a_repair_leaves_no_sums_that_come_to_nothing(
    platform: Platform, organization: int
) -> None:
    platform.run(fold_rollups(platform.writer))
    other = platform.add_organization()
    strays = update(assistant_sums).where(assistant_sums.c.grain == 1)
    platform.run(platform.execute(strays.values(organization_id=other)))
    for is_right in (False, True):
        found: list[Any] = []
        platform.run(verify_rollups(platform.writer, found.append, repair=True))
        assert (found == []) is is_right
    assert_all_is_right(platform, organization)
    rows = platform.run(rows_of(platform, assistant_sums))
    assert not any(row[0] == other for row in rows)


def test_rows_of_an_unknown_assistant_stay_until_it_is_there(
    platform: Platform, organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where they are: a fold does not write them anew each time; and none is in its way."""
    monkeypatch.setattr("call_analytics.db.rollups.folding.FOLD_ROWS", 3)
    unknown = platform.next_id()
    platform.run(fold_rollups(platform.writer))
    log = [
        {"assistant_id": unknown, "bucket": START, **dict.fromkeys(map(str, MEASURES), 1)}
        for _ in range(10)
    ]
    platform.run(platform.execute(insert(rollup_log), log))
    before = platform.run(rows_of(platform, rollup_log))
    platform.add_calls(some_calls(platform, 8))

    assert platform.run(fold_rollups(platform.writer)) > 0

    assert platform.run(rows_of(platform, rollup_log)) == before
    assert platform.run(assert_agreement(platform, [organization])) == [True]
    platform.add_assistant(organization, id=unknown)
    assert platform.run(fold_rollups(platform.writer)) == 10
    assert platform.run(rows_of(platform, rollup_log)) == []
    rows = platform.run(rows_of(platform, assistant_sums))
    assert [row[4] for row in rows if row[3] == unknown] == [10] * 4


KILLED = """
import asyncio, os, signal, sys
from call_analytics.db.addresses import parse_database_url
from call_analytics.db.engine import create_engine
from call_analytics.db.rollups import folding

left = int(sys.argv[2])
add = folding._add

def add_and_die(*arguments):
    global left
    add(*arguments)
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

folding._add = add_and_die
folding.FOLD_ROWS = 20
asyncio.run(folding.fold_rollups(create_engine(parse_database_url(sys.argv[1]), read_only=False)))
"""


@pytest.mark.slow
@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_process_that_is_killed_in_the_middle_of_a_fold(
    platform: Platform, organization: int, at: int
) -> None:
    """In its first batch or in its second; what it had committed stays, the rest is as it was."""
    waiting = platform.run(rollup_backlog(platform.writer))
    command = [sys.executable, "-c", textwrap.dedent(KILLED), platform.url, str(at)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert platform.run(rollup_backlog(platform.writer)) == waiting - (20 if at > 2 else 0)
    assert_all_is_right(platform, organization)


def test_a_backend_that_is_killed_in_the_middle_of_a_fold(
    own_cluster: PostgresCluster, own_platform: Platform
) -> None:
    platform = own_platform
    organization = with_calls(platform)
    platform.run(fold_rollups(platform.writer))
    platform.add_calls(some_calls(platform, 40))
    own_cluster.execute("CHECKPOINT")

    async def run() -> None:
        async with platform.writer.connect() as blocking:
            # The sums of organizations come last, so those of assistants are written by then.
            await blocking.execute(text("SELECT 1 FROM call_rollups_organizations FOR UPDATE"))
            folding = asyncio.create_task(fold_rollups(platform.writer))
            await kill_who_waits(platform)
            with pytest.raises(DatabaseUnavailable):
                await folding
            await blocking.invalidate()
        await until_it_answers(platform)

    platform.run(run())

    assert platform.run(rollup_backlog(platform.writer)) > 0
    assert_all_is_right(platform, organization)


async def kill_who_waits(platform: Platform) -> None:
    """Kill the backend that waits for another one's row."""
    waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'transactionid'"
    for _ in range(1_000):
        async with connect(platform.reader) as connection:
            found = list(await connection.scalars(text(waiting)))
        if found:
            os.kill(found[0], signal.SIGKILL)
            return
        await asyncio.sleep(0.02)
    raise AssertionError("nobody waited")


async def until_it_answers(platform: Platform) -> None:
    """Wait until the server has recovered from the loss of a process."""
    for _ in range(1_000):
        try:
            async with connect(platform.reader) as connection:
                await connection.execute(text("SELECT 1"))
        except DatabaseUnavailable:
            await asyncio.sleep(0.02)
        else:
            return
    raise AssertionError("the server did not come back")


def test_a_fold_waits_for_another_and_sees_what_it_did(attached: Platform) -> None:
    """Even where it has nothing to fold itself, and an assistant has moved meanwhile."""
    platform = attached
    platform.run(enable_rollups(platform.writer, lambda *_: None))
    here = with_calls(platform)
    there = platform.add_organization()

    async def run() -> None:
        async with snapshot_transaction(platform.writer) as first:
            assert await first.run_sync(fold_batch, 1_000_000) > 0
            platform.assistants[0]["organization_id"] = there
            moved = update(Assistant).where(Assistant.id == platform.assistants[0]["id"])
            await platform.execute(moved.values(organization_id=there))
            second = asyncio.create_task(fold_nothing())
            await until_locked(platform)
            assert not second.done()
        await second

    async def fold_nothing() -> None:
        async with snapshot_transaction(platform.writer) as connection:
            assert await connection.run_sync(fold_batch, 0) == 0

    platform.run(run())

    assert platform.run(rows_of(platform, assistant_moves)) == []
    assert platform.run(assert_agreement(platform, [here, there])) == [True, True]
    assert platform.run(differences(platform)) == []


async def until_locked(platform: Platform) -> None:
    """Wait until somebody waits for the lock of who folds."""
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'call_rollups_moves'"
    for _ in range(1_000):
        async with connect(platform.reader) as connection:
            if await connection.scalar(text(f"{waiting}::regclass")):
                return
        await asyncio.sleep(0.02)
    raise AssertionError("nobody waited")


@pytest.mark.slow
def test_two_servers_fold_at_once(rolled_up: Platform, runner: asyncio.Runner) -> None:
    """While calls are written and an assistant moves back and forth; nobody fails."""
    platform = rolled_up
    second = Platform(platform.url, runner)
    here = with_calls(platform)
    there = platform.add_organization()
    stop = asyncio.Event()

    async def fold(server: Platform) -> int:
        folded = 0
        while not stop.is_set():
            folded += await fold_rollups(server.writer)
            await asyncio.sleep(0)
        return folded

    async def write() -> None:
        assistant = platform.assistants[0]
        for number in range(20):
            rows = [platform.call_row(**call) for call in some_calls(platform, 3)]
            platform.calls += rows
            assistant["organization_id"] = (there, here)[number % 2]
            async with transaction(platform.writer) as connection:
                await connection.execute(insert(Call), rows)
                changed = update(Assistant).where(Assistant.id == assistant["id"])
                await connection.execute(
                    changed.values(organization_id=assistant["organization_id"])
                )
            for organization in (here, there):
                await agree_in_one_snapshot(platform, organization)
        stop.set()

    async def run() -> list[Any]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("call_analytics.db.rollups.folding.FOLD_ROWS", 20)
            return await asyncio.gather(write(), *map(fold, [platform, second]))

    _, *folded = platform.run(run())

    assert sum(folded) > 20
    platform.run(fold_rollups(platform.writer))
    assert platform.run(assert_agreement(platform, [here, there])) == [True, True]
    assert platform.run(differences(platform)) == []
    second.close()


@pytest.mark.slow
def test_folds_while_a_hundred_thousand_rows_come_in(
    postgres_url: str, runner: asyncio.Runner
) -> None:
    platform = Platform(postgres_url, runner)
    organization = with_calls(platform)
    rows = [platform.call_row(**call) for call in some_calls(platform, 100_000)]
    platform.calls += rows
    columns = Call.__table__.columns.keys()

    async def copy() -> None:
        for first in range(0, len(rows), 25_000):
            values = [tuple(row[name] for name in columns) for row in rows[first : first + 25_000]]
            async with transaction(platform.writer) as connection:
                await connection.execute(select(Call.id).limit(0))
                backend = backend_of(connection.dialect)
                await backend.bulk_insert(connection, Call.__table__, values)  # type: ignore[arg-type]

    async def run() -> int:
        copying = asyncio.create_task(copy())
        folds = 0
        while not copying.done():
            await fold_rollups(platform.writer)
            assert await agree_in_one_snapshot(platform, organization)
            folds += 1
            await asyncio.sleep(0.01)
        await copying
        return folds

    assert platform.run(run()) > 1
    assert_all_is_right(platform, organization)
    platform.close()


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ"])
def test_a_transaction_that_stays_open_over_several_folds(
    postgres_url: str, runner: asyncio.Runner, isolation: str
) -> None:
    """Its rows of the log have low ids, and are seen long after higher ones were folded."""
    platform = Platform(postgres_url, runner)
    organization = with_calls(platform)
    gone = platform.calls[0]

    async def run() -> None:
        async with platform.writer.connect() as late:
            await late.execution_options(isolation_level=isolation)
            row = platform.call_row(assistant_id=gone["assistant_id"])
            await late.execute(insert(Call), [row])
            await late.execute(delete(Call).where(Call.id == gone["id"]))
            for number in range(3):
                calls = [platform.call_row(**call) for call in some_calls(platform, number + 9)]
                platform.calls += calls
                await platform.execute(insert(Call), calls)
                await fold_rollups(platform.writer)
                assert await rows_of(platform, rollup_log) == []
                assert await assert_agreement(platform, [organization]) == [True]
            await late.commit()
            platform.calls[0] = row

    platform.run(run())

    assert platform.run(rollup_backlog(platform.writer)) > 0
    assert_all_is_right(platform, organization)
    platform.close()


def test_a_role_that_may_not_fold_is_told_what_it_needs(
    postgres_url: str, runner: asyncio.Runner
) -> None:
    """And with just that it folds."""
    platform = Platform(postgres_url, runner)
    organization = with_calls(platform)
    tables = (
        "call_rollups_log, call_rollups_assistants, call_rollups_organizations, "
        "call_rollups_moves, call_rollups_heartbeat"
    )
    platform.run(platform.execute(text("CREATE ROLE folder LOGIN")))
    for statement in (
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO folder",
        f"GRANT INSERT, UPDATE ON {tables} TO folder",
    ):
        platform.run(platform.execute(text(statement)))
    folder = Platform(postgres_url.replace("postgres@", "folder@"), runner)

    with pytest.raises(OperatorError) as refused:
        folder.run(fold_rollups(folder.writer))

    remedy = f"GRANT INSERT, UPDATE, DELETE ON {tables} TO folder"
    assert str(refused.value) == (
        "role folder may not fold the rollups, so their log grows unless another role folds it; "
        f"the remedy is: {remedy};"
    )
    platform.run(platform.execute(text(remedy)))
    assert folder.run(fold_rollups(folder.writer)) > 0
    assert_all_is_right(platform, organization)
    folder.close()
    platform.run(platform.execute(text("DROP OWNED BY folder")))
    platform.run(platform.execute(text("DROP ROLE folder")))
    platform.close()


def test_rollups_are_folded_where_all_tables_are_published(attached: Platform) -> None:
    """PostgreSQL refuses to delete from a published table that has no identity."""
    attached.run(attached.execute(text("CREATE PUBLICATION everything FOR ALL TABLES")))
    attached.run(enable_rollups(attached.writer, lambda *_: None))
    organization = with_calls(attached)
    for _ in range(2):
        assert attached.run(rollup_backlog(attached.writer)) > 0
        attached.run(fold_rollups(attached.writer))
        assert attached.run(rollup_backlog(attached.writer)) == 0
        attached.run(attached.execute(update(Call).values(status="failed")))
        for call in attached.calls:
            call["status"] = "failed"
    assert_all_is_right(attached, organization)
