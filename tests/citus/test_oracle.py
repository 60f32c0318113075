"""Writes of several organizations in one transaction, and whoever reads meanwhile.

Each transaction that is committed is known with the instants before and after its commit. An answer
must be the calls of one organization at some instant between its question and its end, whole: every
transaction is in it as far as it concerns the organization, or not at all.
"""

import asyncio
import math
import random
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import delete, insert, update

from call_analytics.db.engine import transaction
from call_analytics.db.errors import DatabaseUnavailable
from call_analytics.db.models import Call
from call_analytics.db.rollups.folding import fold_rollups
from tests.citus.cluster import CitusCluster
from tests.db.rollups.agreement import differences, read
from tests.platform import Platform

SECONDS = 25
WRITERS = 3
READERS = 2
ASSISTANTS = 3

Sums = tuple[int, int, int]
"""Calls, completed calls, and seconds of completed calls."""


@dataclass
class Change:
    """What an organization's calls are after a transaction."""

    sums: dict[int, Sums]
    """Of each assistant."""
    begin: float
    """When its commit was asked for."""
    end: float = math.inf
    """When it was known to be committed."""


@dataclass
class Organization:
    """What is known of an organization's calls."""

    number: int
    assistants: list[int]
    calls: dict[int, dict[str, Any]] = field(default_factory=dict)
    changes: list["Change"] = field(default_factory=list)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """One writer at a time, so that changes are in one order."""

    def sums(self) -> dict[int, Sums]:
        """The sums of each assistant's calls."""
        found = dict.fromkeys(self.assistants, (0, 0, 0))
        for call in self.calls.values():
            is_completed = call["status"] == "completed"
            calls, completed, seconds = found[call["assistant_id"]]
            found[call["assistant_id"]] = (
                calls + 1,
                completed + is_completed,
                seconds + (call["duration"] if is_completed else 0),
            )
        return found

    def possible(self, since: float, until: float) -> list[dict[int, Sums]]:
        """What an answer may be that was asked for and given between two instants."""
        before = [change.sums for change in self.changes if change.end <= since][-1:]
        return before + [
            change.sums for change in self.changes if change.end > since and change.begin <= until
        ]


async def write(
    platform: Platform, organizations: list[Organization], chance: random.Random
) -> None:
    """One transaction that changes calls of some organizations, several assistants of each."""
    some = sorted(chance.sample(organizations, chance.randint(2, 3)), key=lambda one: one.number)
    for one in some:
        await one.lock.acquire()
    before = {one.number: dict(one.calls) for one in some}
    changes: list[Change] = []
    try:
        async with transaction(platform.writer) as connection:
            for one in some:
                await _change(platform, connection, one, chance)
            for one in some:
                changes.append(Change(one.sums(), time.monotonic()))
                one.changes.append(changes[-1])
        ended = time.monotonic()
        for change in changes:
            change.end = ended
    except DatabaseUnavailable:  # a move that ends, or a deadlock: nothing of it is there
        for one in some:
            one.calls = before[one.number]
            one.changes = [change for change in one.changes if change not in changes]
    finally:
        for one in some:
            one.lock.release()


async def _change(
    platform: Platform, connection: Any, one: Organization, chance: random.Random
) -> None:
    rows = [
        platform.call_row(
            assistant_id=assistant,
            organization_id=one.number,
            status=chance.choice(["completed", "failed"]),
            duration=chance.randrange(600),
        )
        for assistant in one.assistants
    ]
    await connection.execute(insert(Call), rows)
    one.calls |= {row["id"]: row for row in rows}
    its = Call.organization_id == one.number
    for number in chance.sample(sorted(one.calls), min(2, len(one.calls))):
        one.calls[number] = one.calls[number] | {"duration": chance.randrange(600)}
        change = update(Call).where(its, Call.id == number)
        await connection.execute(change.values(duration=one.calls[number]["duration"]))
    if chance.random() < 0.5:
        gone = chance.choice(sorted(one.calls))
        del one.calls[gone]
        await connection.execute(delete(Call).where(its, Call.id == gone))


async def ask(platform: Platform, one: Organization) -> None:
    """One answer, which must be the sums of one instant."""
    since = time.monotonic()
    figures = await read(platform, one.number)
    until = time.monotonic()
    (totals,), days, assistants = figures.groups
    found = dict.fromkeys(one.assistants, (0, 0, 0))
    for row in assistants:
        found[row.assistant_id] = (row.calls, row.completed, row.completed_duration)
    whole = tuple(map(sum, zip(*found.values(), strict=True)))
    assert (totals.calls, totals.completed, totals.completed_duration) == whole, "it is torn"
    assert sum(day.calls for day in days) == totals.calls, "it is torn"
    assert found in one.possible(since, until), "it is wrong, or torn"


async def move(citus: CitusCluster, database: str, chance: random.Random) -> None:
    """Move the shards of some organizations to the other worker, while all goes on."""
    shard, host, port, to_host, to_port = chance.choice(
        await citus.fetch(
            database,
            "SELECT shardid, its.nodename, its.nodeport, other.nodename, other.nodeport "
            "FROM pg_dist_shard JOIN pg_dist_shard_placement AS its USING (shardid) "
            "JOIN pg_dist_node AS other ON other.nodeport <> its.nodeport "
            "WHERE other.shouldhaveshards AND logicalrelid = 'calls'::regclass",
        )
    )
    await citus.fetch(
        database,
        f"SELECT citus_move_shard_placement({shard}, '{host}', {port}, '{to_host}', {to_port})",
    )


@pytest.mark.slow
def test_no_answer_is_torn_and_none_is_wrong(platform: Platform, citus: CitusCluster) -> None:
    """While calls are written, folded, and their shards moved."""
    organizations = []
    for _ in range(6):
        number = platform.add_organization()
        its = platform.add_assistants(number, ASSISTANTS)
        organizations.append(Organization(number, its))
        organizations[-1].changes.append(Change(organizations[-1].sums(), 0.0, 0.0))
    database = str(platform.writer.url.database)
    done = dict.fromkeys(("written", "asked", "folded", "moved"), 0)

    async def repeat(name: str, work: Any) -> None:
        chance = random.Random(f"{name} {done}")
        while time.monotonic() < until:
            await work(chance)
            done[name] += 1
            await asyncio.sleep(0.01)

    async def fold(_chance: random.Random) -> None:
        with suppress(DatabaseUnavailable):  # tried again, as the service does
            await fold_rollups(platform.writer)

    async def run() -> None:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(WRITERS):
                tasks.create_task(
                    repeat("written", lambda chance: write(platform, organizations, chance))
                )
            for _ in range(READERS):
                tasks.create_task(
                    repeat("asked", lambda chance: ask(platform, chance.choice(organizations)))
                )
            tasks.create_task(repeat("folded", fold))
            tasks.create_task(repeat("moved", lambda chance: move(citus, database, chance)))

    until = time.monotonic() + SECONDS
    platform.run(run())

    assert min(done.values()) > 0, done
    assert platform.run(differences(platform)) == []
    platform.run(fold_rollups(platform.writer))
    assert platform.run(differences(platform)) == []
    for one in organizations:
        platform.run(ask(platform, one))
