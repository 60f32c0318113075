"""A minute of reads and writes while replicas lag, hang and die, and another becomes the primary.

Every transaction writes two calls, of two assistants. An oracle knows when each was committed. So
it knows the oldest state that an answer may show, and that each answer must be even.
"""

import asyncio
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from math import inf
from subprocess import CalledProcessError
from typing import Any

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.testclient import TestClient

from call_analytics.db.addresses import parse_database_url
from call_analytics.db.engine import Database, create_engine, read, transaction
from call_analytics.db.errors import DatabaseError
from call_analytics.db.models import Call
from tests.command import wait_until
from tests.db.rollups.agreement import differences
from tests.platform import Platform
from tests.postgres import PostgresCluster
from tests.replicated import Replicated, address, replicated

BEFORE_FAILOVER, AFTER_FAILOVER = 40, 20
"""Seconds."""
BOUND = 5
"""How old an answer may be, in seconds."""
READERS = 3
PAUSE = 0.3
"""Seconds between what a reader asks, so that the rest of the machine is not starved."""
QUERY = {
    "query": "{ callAnalytics { totalCalls completedCalls totalDuration dailyStats { total } "
    "topAssistants { calls } } }"
}
IMPATIENT = "max_standby_streaming_delay = 0; wal_retrieve_retry_interval = 200"
"""Standbys cancel statements that are in the way of recovery, and soon find a new primary."""


class Oracle:
    """Knows what was written when, and so which answers are right."""

    def __init__(self) -> None:
        self.may_write = threading.Lock()
        self.mistakes: list[str] = []
        self.refused_at: list[float] = []
        self.answers = 0
        self.from_replicas = 0
        self._committed: list[float] = []
        """When each transaction was committed: infinity where it was lost with its primary."""
        self._unknown = 0
        """Transactions of which nobody knows whether they were committed."""
        self._kept = 0

    def write_ended(self, *, is_committed: bool) -> None:
        """A transaction is committed, or its server has gone before it said so."""
        if is_committed:
            self._committed.append(time.monotonic())
        else:
            self._unknown += 1

    def failed_over(self, kept: int) -> None:
        """The new primary has so many transactions; the last of the old one may be lost."""
        known = len(self._committed)
        for number in range(kept, known):
            self._committed[number] = inf
        self._kept = kept - known

    @property
    def expected(self) -> int:
        """How many transactions there must be in the end."""
        return len(self._committed) + self._kept

    def judge(self, asked_at: float, answer: dict[str, Any]) -> None:
        """Judge the answer to a question."""
        if answer["data"] is None:
            if answer["errors"][0]["extensions"]["code"] != "UNAVAILABLE":
                self.mistakes.append(f"refused: {answer}")
            self.refused_at.append(asked_at)
            return
        figures, extensions = answer["data"]["callAnalytics"], answer["extensions"]
        self.answers += 1
        self.from_replicas += "replica" in extensions["sources"]
        total = figures["totalCalls"]
        of_assistants = [row["calls"] for row in figures["topAssistants"]]
        sums = {figures["completedCalls"], figures["totalDuration"], sum(of_assistants)}
        sums.add(sum(row["total"] for row in figures["dailyStats"]))
        if sums != {total} or len(set(of_assistants)) > 1:
            self.mistakes.append(f"mixes two states: {answer}")
        committed = list(self._committed)
        oldest = sum(at < asked_at - BOUND for at in committed)
        newest = len(committed) + self._unknown + 1  # one may be running
        if not oldest <= total / 2 <= newest:
            self.mistakes.append(f"{total} calls, not {2 * oldest} to {2 * newest}: {extensions}")
        if extensions["ageSeconds"] > BOUND:
            self.mistakes.append(f"says itself that it is too old: {extensions}")


@pytest.mark.slow
def test_answers_stay_right_whatever_becomes_of_the_servers(runner: asyncio.Runner) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - where it fails
    dice = random.Random(seed)
    oracle = Oracle()
    changes = {
        "max_staleness_seconds": BOUND,
        "statement_timeout_seconds": 3,
        "connect_timeout_seconds": 3,
        "requests_per_minute": 0,
    }
    with replicated(runner, IMPATIENT) as servers, servers.client(**changes) as client:
        platform = servers.platform
        organization = platform.add_organization()
        for _ in range(2):
            platform.add_assistant(organization)
        headers = {"Authorization": f"Bearer {platform.add_key(organization)}"}

        def both_are_in_use() -> bool:
            return bool(client.get("/readyz").json().get("replicasInUse") == 2)

        wait_until(both_are_in_use)
        with _writing(servers, oracle), _reading(client, oracle, headers):
            _break(servers.standbys, servers.primary, dice, seconds=BEFORE_FAILOVER)
            wait_until(both_are_in_use)
            began = time.monotonic()
            survivor, other = _fail_over(servers, oracle)
            wait_until(both_are_in_use)
            ended = time.monotonic()
            _break((other,), survivor, dice, seconds=AFTER_FAILOVER)
        promoted = platform.moved_to(survivor.url("postgres"))
        assert promoted.run(differences(promoted)) == []
        assert promoted.run(read(promoted.reader, _transactions)) == oracle.expected
        promoted.close()

    assert oracle.mistakes == []
    # Only while there was no primary could there be none to answer.
    assert [at for at in oracle.refused_at if not began - BOUND < at < ended] == []
    assert 0 < oracle.from_replicas < oracle.answers


@contextmanager
def _writing(servers: Replicated, oracle: Oracle) -> Iterator[None]:
    """Transactions, one after the other."""
    url = parse_database_url(address(servers.primary, *servers.standbys))

    async def write_all(has_ended: threading.Event) -> None:
        database = create_engine(url, read_only=False, connect_timeout=3)
        while not has_ended.is_set():
            with oracle.may_write:
                oracle.write_ended(is_committed=await _write(database, servers.platform))
            await asyncio.sleep(0.02)
        await database.dispose()

    with _in_thread(lambda has_ended: asyncio.run(write_all(has_ended))):
        yield


async def _write(database: Database, platform: Platform) -> bool:
    """A transaction; tells whether it was committed."""
    calls = [
        platform.call_row(
            assistant_id=assistant["id"],
            organization_id=assistant["organization_id"],
            status="completed",
            duration=1,
        )
        for assistant in platform.assistants
    ]
    try:
        async with transaction(database) as connection:
            for call in calls:
                await connection.execute(insert(Call), [call])
    except DatabaseError:
        return False
    return True


@contextmanager
def _reading(client: TestClient, oracle: Oracle, headers: dict[str, str]) -> Iterator[None]:
    """Several who ask, again and again."""

    def read_all(has_ended: threading.Event) -> None:
        while not has_ended.is_set():
            asked_at = time.monotonic()
            oracle.judge(asked_at, client.post("/graphql", json=QUERY, headers=headers).json())
            has_ended.wait(PAUSE)

    with ExitStack() as readers:
        for _ in range(READERS):
            readers.enter_context(_in_thread(read_all))
        yield


@contextmanager
def _in_thread(work: Callable[[threading.Event], None]) -> Iterator[None]:
    """Work in a thread, until the end of the block."""
    has_ended = threading.Event()
    faults: list[BaseException] = []

    def run() -> None:
        try:
            work(has_ended)
        except BaseException as fault:
            faults.append(fault)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        has_ended.set()
        thread.join(120)
    assert not thread.is_alive(), "it hangs"
    if faults:
        raise faults[0]


def _break(
    standbys: Sequence[PostgresCluster],
    primary: PostgresCluster,
    dice: random.Random,
    *,
    seconds: float,
) -> None:
    """Have one fault after the other befall standbys, and then none."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(dice.uniform(0, 1))
        dice.choice((_lag, _lag, _freeze, _crash, _conflict))(
            dice.sample(standbys, dice.randint(1, len(standbys))), primary, dice
        )


def _lag(
    standbys: Sequence[PostgresCluster], _primary: PostgresCluster, dice: random.Random
) -> None:
    for standby in standbys:
        _tell(standby, "SELECT pg_wal_replay_pause()")
    time.sleep(dice.uniform(0, 2 * BOUND))
    for standby in standbys:
        _tell(standby, "SELECT pg_wal_replay_resume()")


def _tell(standby: PostgresCluster, statement: str) -> None:
    """Run a statement that recovery may cancel, as any other, until it was not."""

    def is_done() -> bool:
        try:
            standby.execute(statement)
        except CalledProcessError:
            return False
        return True

    wait_until(is_done)


def _freeze(
    standbys: Sequence[PostgresCluster], _primary: PostgresCluster, dice: random.Random
) -> None:
    with ExitStack() as frozen:
        for standby in standbys:
            frozen.enter_context(standby.frozen())
        time.sleep(dice.uniform(0, BOUND))


def _crash(
    standbys: Sequence[PostgresCluster], _primary: PostgresCluster, dice: random.Random
) -> None:
    for standby in standbys:
        standby.kill()
    time.sleep(dice.uniform(0, 1))
    for standby in standbys:
        standby.start()


def _conflict(
    _standbys: Sequence[PostgresCluster], primary: PostgresCluster, _dice: random.Random
) -> None:
    for _ in range(10):
        primary.execute("BEGIN; LOCK TABLE calls; LOCK TABLE call_rollups_log; COMMIT")


def _fail_over(servers: Replicated, oracle: Oracle) -> tuple[PostgresCluster, PostgresCluster]:
    """Kill the primary and promote the standby that has more; returns both standbys."""
    servers.primary.kill()
    with oracle.may_write:
        received = {}
        for standby in servers.standbys:
            there = servers.platform.moved_to(standby.url("postgres"))
            received[there.run(read(there.reader, _received))] = standby
            there.run(there.reader.dispose())
        survivor = received[max(received)]
        (other,) = (standby for standby in servers.standbys if standby is not survivor)
        survivor.promote()
        there = servers.platform.moved_to(survivor.url("postgres"))
        oracle.failed_over(there.run(read(there.reader, _transactions)))
        there.close()
    other.follow(survivor)
    return survivor, other


async def _transactions(connection: AsyncConnection) -> int:
    calls = await connection.scalar(select(func.count()).select_from(Call))
    assert calls is not None
    return calls // 2


async def _received(connection: AsyncConnection) -> int:
    received = "SELECT (pg_last_wal_receive_lsn() - '0/0')::bigint"
    return int(await connection.scalar(text(received)) or 0)
