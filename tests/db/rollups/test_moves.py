"""Assistants that change their organization, go while their calls stay, and come again."""

import collections
import contextlib
import copy
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete, event, insert, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from call_analytics.db.engine import transaction
from call_analytics.db.errors import DatabaseUnavailable
from call_analytics.db.models import Assistant, Call
from call_analytics.db.rollups.folding import fold_batch, fold_rollups
from call_analytics.db.rollups.state import rollup_backlog
from call_analytics.db.rollups.upkeep import enable_rollups
from tests.db.rollups.agreement import agree_in_one_snapshot, assert_agreement, differences
from tests.platform import NOW, Platform, call_row

pytestmark = pytest.mark.slow

START = NOW.replace(tzinfo=None)


LOOK = "SELECT count(*) FROM calls, assistants"
CALL = """
    INSERT INTO calls (call_sid, assistant_id, to_phone_number, customer_phone_number, status,
                       duration, started_at)
    VALUES (gen_random_uuid(), {x}, '', '', 'completed', 60, '2026-03-10 10:07')
"""
MOVE = "UPDATE assistants SET organization_id = {there} WHERE id = {x}"
RETURN = "UPDATE assistants SET organization_id = {here} WHERE id = {x}"
CHANGE_ID = "UPDATE assistants SET id = id + 500000 WHERE id = {x}"
DELETE = "DELETE FROM assistants WHERE id = {x}"
INSERT = """
    INSERT INTO assistants (id, organization_id, user_id, name) VALUES ({x}, {there}, {there}, 'X')
    ON CONFLICT DO NOTHING
"""


def let_go(platform: Platform) -> None:
    """Let assistants be deleted while their calls stay."""
    if platform.writer.dialect.name == "postgresql":
        statement = (
            "DO $$ BEGIN EXECUTE (SELECT 'ALTER TABLE calls DROP CONSTRAINT ' || conname"
            " FROM pg_constraint WHERE conrelid = 'calls'::regclass AND contype = 'f'); END $$"
        )
        platform.run(platform.execute(text(statement)))
        return

    # Other programs leave it off, which is the default.
    @event.listens_for(platform.writer.sync_engine, "connect")
    def leave_foreign_keys_alone(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA foreign_keys = OFF")

    platform.run(platform.writer.dispose())


@pytest.fixture
def loose(rolled_up: Platform) -> Platform:
    """An attached database whose calls may refer to nobody."""
    let_go(rolled_up)
    return rolled_up


@pytest.fixture
def loose_attached(attached: Platform) -> Platform:
    """One on PostgreSQL, whose assistants may refer to no organization, too."""
    let_go(attached)
    attached.run(enable_rollups(attached.writer, lambda *_: None))
    attached.run(
        attached.execute(text("ALTER TABLE assistants ALTER organization_id DROP NOT NULL"))
    )
    return attached


class Change:
    """Changes of assistants and calls, in one transaction and in the oracle's memory."""

    def __init__(self, platform: Platform, connection: AsyncConnection) -> None:
        self.platform = platform
        self.connection = connection

    async def call(self, assistant: int, hours: int = 1, **columns: Any) -> None:
        """Insert a call, even of nobody."""
        started_at = START - timedelta(hours=hours, minutes=hours)
        row = call_row(
            self.platform.next_id(), assistant_id=assistant, started_at=started_at, **columns
        )
        await self.connection.execute(insert(Call), [row])
        self.platform.calls.append(row)

    async def delete_call(self, number: int) -> None:
        """Delete a call."""
        if self.platform.calls:
            gone = self.platform.calls.pop(number % len(self.platform.calls))
            await self.connection.execute(delete(Call).where(Call.id == gone["id"]))

    async def reassign(self, number: int, assistant: int) -> None:
        """Make a call another assistant's, or nobody's."""
        if self.platform.calls:
            call = self.platform.calls[number % len(self.platform.calls)]
            call["assistant_id"] = assistant
            changed = update(Call).where(Call.id == call["id"]).values(assistant_id=assistant)
            await self.connection.execute(changed)

    async def move(self, assistant: int, organization: int | None) -> None:
        """Give an assistant to another organization, or to none."""
        await self._update_assistants(
            [assistant], "organization_id", organization, Assistant.id == assistant
        )

    async def move_all(self, organization: int) -> None:
        """Give all assistants to one organization, in one statement."""
        every = [row["id"] for row in self.platform.assistants]
        await self._update_assistants(every, "organization_id", organization, Assistant.id > 0)

    async def change_id(self, assistant: int, new: int) -> None:
        """Give an assistant another id, and leave its calls with the old one."""
        if not self._row_of(new):
            await self._update_assistants([assistant], "id", new, Assistant.id == assistant)

    async def go(self, assistant: int) -> None:
        """Delete an assistant and leave its calls."""
        await self.connection.execute(delete(Assistant).where(Assistant.id == assistant))
        self.platform.assistants[:] = [
            row for row in self.platform.assistants if row["id"] != assistant
        ]

    async def come(self, assistant: int, organization: int) -> None:
        """Insert an assistant, where it is not there."""
        if not self._row_of(assistant):
            row = {
                "id": assistant,
                "organization_id": organization,
                "user_id": organization,
                "name": f"Assistant {assistant}",
            }
            await self.connection.execute(insert(Assistant), [row])
            self.platform.assistants.append(row)

    async def _update_assistants(
        self, assistants: list[int], column: str, value: int | None, condition: Any
    ) -> None:
        changed = update(Assistant).where(condition).values({column: value})
        await self.connection.execute(changed)
        for row in self.platform.assistants:
            if row["id"] in assistants:
                row[column] = value

    def _row_of(self, assistant: int) -> Any:
        return next((row for row in self.platform.assistants if row["id"] == assistant), None)


Step = Callable[[Change], Awaitable[None]]


async def change(platform: Platform, *steps: Step) -> None:
    """Take steps in one transaction."""
    async with transaction(platform.writer) as connection:
        for step in steps:
            await step(Change(platform, connection))


def two_organizations(platform: Platform) -> list[int]:
    """Two organizations with two assistants each, which have calls."""
    organizations = [platform.add_organization() for _ in range(2)]
    for organization in organizations * 2:
        platform.add_assistant(organization)
    chance = random.Random(1)
    platform.add_calls(
        [
            {
                "assistant_id": assistant["id"],
                "status": chance.choice(["completed", "failed", "ongoing", "busy"]),
                "duration": chance.choice([None, 0, 30, 600]),
                "started_at": START - timedelta(minutes=chance.randrange(60 * 24 * 95)),
            }
            for assistant in platform.assistants
            for _ in range(15)
        ]
    )
    return organizations


def history(organizations: list[int], assistants: list[int]) -> list[list[Step]]:
    """Transactions after each of which the figures must agree."""
    here, there = organizations
    one, _other, two, _another = assistants
    new = two + 500_000
    return [
        [lambda to: to.move(one, there)],
        [lambda to: to.call(one)],
        [lambda to: to.call(one, 30), lambda to: to.move(one, here), lambda to: to.call(one, 2)],
        [lambda to: to.move(one, there), lambda to: to.move(one, here)],
        [lambda to: to.go(one)],
        [lambda to: to.call(one, 3), lambda to: to.delete_call(0)],
        [lambda to: to.come(one, there)],
        [lambda to: to.change_id(two, new)],
        [lambda to: to.call(new), lambda to: to.call(two), lambda to: to.reassign(1, new)],
        [lambda to: to.change_id(new, two), lambda to: to.call(new, 5)],
        [lambda to: to.go(two), lambda to: to.come(two, there), lambda to: to.call(two, 7)],
        [lambda to: to.move_all(there)],
        [lambda to: to.move_all(here), lambda to: to.go(one), lambda to: to.come(one, there)],
    ]


def walk_through(platform: Platform, *, fold: bool) -> None:
    """Take every step of the history, fold before each of them or never, and compare."""
    organizations = two_organizations(platform)
    assistants = [row["id"] for row in platform.assistants]
    for steps in history(organizations, assistants):
        platform.run(change(platform, *steps))
        platform.run(assert_agreement(platform, organizations))
        assert platform.run(differences(platform)) == []
        if fold:
            platform.run(fold_rollups(platform.writer))
            assert platform.run(assert_agreement(platform, organizations)) == [True, True]
            assert platform.run(differences(platform)) == []
    platform.run(fold_rollups(platform.writer))
    assert platform.run(assert_agreement(platform, organizations)) == [True, True]
    assert platform.run(differences(platform)) == []


@pytest.mark.parametrize("fold", [True, False])
def test_assistants_come_and_go(loose: Platform, *, fold: bool) -> None:
    walk_through(loose, fold=fold)


def test_calls_are_read_from_a_move_to_the_next_fold(rolled_up: Platform) -> None:
    """By both organizations, and by no other; and all read rollups afterwards."""
    platform = rolled_up
    here, there = two_organizations(platform)
    other = platform.add_organization()
    platform.add_assistant(other)
    platform.run(fold_rollups(platform.writer))
    everyone = [here, there, other]
    assert platform.run(assert_agreement(platform, everyone)) == [True, True, True]

    platform.run(change(platform, lambda to: to.move(platform.assistants[0]["id"], there)))

    assert platform.run(assert_agreement(platform, everyone)) == [False, False, True]
    platform.run(fold_rollups(platform.writer))
    assert platform.run(assert_agreement(platform, everyone)) == [True, True, True]


@pytest.mark.parametrize("change", [MOVE, DELETE, CHANGE_ID])
def test_an_assistant_of_a_managed_database_stays_while_it_has_calls(
    platform: Platform, change: str
) -> None:
    here, there = two_organizations(platform)
    assistant = platform.assistants[0]["id"]
    statement = text(change.format(x=assistant, here=here, there=there))

    with pytest.raises(
        DatabaseUnavailable, match=r"(?i)violates.*foreign key|foreign key constraint"
    ):
        platform.run(platform.execute(statement))

    platform.run(platform.execute(delete(Call).where(Call.assistant_id == assistant)))
    platform.run(platform.execute(statement))
    platform.calls[:] = [call for call in platform.calls if call["assistant_id"] != assistant]
    del platform.assistants[0]
    platform.run(fold_rollups(platform.writer))
    assert platform.run(assert_agreement(platform, [here, there])) == [True, True]
    assert platform.run(differences(platform)) == []


def test_an_assistant_may_lose_its_organization(loose_attached: Platform) -> None:
    """Its calls wait in the log until it has another."""
    platform = loose_attached
    here, there = two_organizations(platform)
    assistant = platform.assistants[0]["id"]
    for organization in (None, here, None, there):
        for _ in range(2):
            platform.run(fold_rollups(platform.writer))
            platform.run(assert_agreement(platform, [here, there]))
            assert platform.run(differences(platform)) == []
            platform.run(change(platform, lambda to: to.call(assistant)))
        platform.run(
            change(platform, lambda to, which=organization: to.move(assistant, which))  # type: ignore[misc]
        )
    platform.run(fold_rollups(platform.writer))
    assert platform.run(assert_agreement(platform, [here, there])) == [True, True]
    assert platform.run(differences(platform)) == []


@pytest.mark.parametrize("calls_go", ["first", "at once", "last"])
def test_nothing_is_left_of_an_assistant_that_goes_with_its_calls(
    loose: Platform, calls_go: str
) -> None:
    here, there = two_organizations(loose)
    loose.run(fold_rollups(loose.writer))
    gone = loose.assistants[0]["id"]
    loose.calls[:] = [call for call in loose.calls if call["assistant_id"] != gone]
    statements = [
        delete(Call).where(Call.assistant_id == gone),
        delete(Assistant).where(Assistant.id == gone),
    ]
    for statement in reversed(statements) if calls_go == "last" else statements:
        loose.run(loose.execute(statement))
        if calls_go != "at once":
            loose.run(fold_rollups(loose.writer))
    del loose.assistants[0]

    loose.run(fold_rollups(loose.writer))

    assert loose.run(rollup_backlog(loose.writer)) == 0
    assert loose.run(assert_agreement(loose, [here, there])) == [True, True]
    assert loose.run(differences(loose)) == []


# Ids and organizations are few, so that the same come and go again.
_ids = st.integers(11, 14)
_places = st.integers(0, 2)
_which = st.integers(0, 1_000)
_step = st.one_of(
    st.tuples(st.just("call"), _ids, st.sampled_from([1, 2, 3, 30, 24 * 40])),
    st.tuples(st.just("call"), _ids, st.sampled_from([1, 2, 3, 30, 24 * 40])),
    st.tuples(st.just("delete_call"), _which),
    st.tuples(st.just("reassign"), _which, _ids),
    st.tuples(st.just("move"), _ids, _places),
    st.tuples(st.just("move"), _ids, _places),
    st.tuples(st.just("move_all"), _places),
    st.tuples(st.just("change_id"), _ids, _ids),
    st.tuples(st.just("go"), _ids),
    st.tuples(st.just("come"), _ids, _places),
)


class MovingMachine(RuleBasedStateMachine):
    """Anything that may happen to assistants and their calls, in any order and any transaction."""

    platform: Platform

    def __init__(self) -> None:
        super().__init__()
        self.platform.clear()
        self.organizations = [self.platform.add_organization() for _ in range(3)]
        for number in (11, 12, 13):
            self.platform.add_assistant(self.organizations[number % 2], id=number)
        self.platform.add_calls([{"assistant_id": number} for number in (11, 12, 13)])

    @rule(steps=st.lists(_step, min_size=1, max_size=6), is_committed=st.sampled_from([1, 1, 1, 0]))
    def change(self, steps: list[Any], is_committed: int) -> None:
        self.platform.run(self._change(steps, is_committed=bool(is_committed)))

    @rule(rows=st.sampled_from([1, 2, 5_000]))
    def fold(self, rows: int) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("call_analytics.db.rollups.folding.FOLD_ROWS", rows)
            self.platform.run(fold_rollups(self.platform.writer))
        figures = self.platform.run(assert_agreement(self.platform, self.organizations))
        assert figures == [True] * len(self.organizations)

    @rule()
    def verify(self) -> None:
        assert self.platform.run(differences(self.platform)) == []

    @invariant()
    def figures_agree(self) -> None:
        self.platform.run(assert_agreement(self.platform, self.organizations))

    def teardown(self) -> None:
        self.verify()
        self.fold(5_000)
        self.verify()

    async def _change(self, steps: list[Any], *, is_committed: bool) -> None:
        before = copy.deepcopy((self.platform.assistants, self.platform.calls))
        async with self.platform.writer.connect() as connection:
            to = Change(self.platform, connection)
            for name, *arguments in steps:
                if name in ("move", "move_all", "come"):
                    arguments[-1] = self.organizations[arguments[-1]]
                await getattr(to, name)(*arguments)
            if is_committed:
                await connection.commit()
                return
            await connection.rollback()
        self.platform.assistants[:], self.platform.calls[:] = before


@pytest.mark.slow
def test_whatever_happens_to_assistants_the_figures_agree(loose: Platform) -> None:
    class Machine(MovingMachine):
        pass

    Machine.platform = loose
    run_state_machine_as_test(
        Machine, settings=hypothesis_settings(max_examples=6, stateful_step_count=10)
    )


# A trigger that waits in vain for a lock notes it, and the rollups are not read any more.
TRUNCATE = """
    DO $$ BEGIN
        LOCK TABLE calls, call_rollups_log, call_rollups_assistants, call_rollups_organizations
        IN ACCESS EXCLUSIVE MODE;
        TRUNCATE calls;
    END $$
"""
FOLD = "fold"
CONCURRENT = {
    "a move": [[CALL], [MOVE], [FOLD]],
    "a move and a way back": [[CALL], [MOVE], [FOLD], [RETURN]],
    "a move there and back at once": [[CALL], [MOVE, CALL, RETURN], [FOLD]],
    "a deletion": [[CALL], [DELETE], [FOLD]],
    "a deletion, and its return elsewhere": [[CALL], [DELETE], [FOLD], [INSERT]],
    "a replacement": [[CALL], [DELETE, INSERT], [FOLD], [RETURN]],
    "another id": [[CALL], [CHANGE_ID], [FOLD], [INSERT]],
    "two folds": [[CALL], [MOVE], [FOLD], [FOLD]],
    "emptying": [[CALL], [MOVE], [FOLD], [TRUNCATE]],
}
"""The statements of some transactions, which take turns."""
ORDERS = 2
"""So many orders of the turns are tried of each, chosen at random."""


class Participant:
    """A transaction that takes turns with others, statement by statement."""

    def __init__(self, connection: AsyncConnection, statements: list[str]) -> None:
        self._connection = connection
        self._left = statements

    async def take_turn(self) -> bool:
        """Execute the next statement, or commit; false where that would wait for another."""
        if not self._left:
            await self._connection.commit()
            return True
        try:
            async with self._connection.begin_nested():
                await self._connection.execute(text("SET LOCAL lock_timeout = 50"))
                if self._left[0] == FOLD:
                    await self._connection.run_sync(fold_batch, 10**12)
                else:
                    await self._connection.execute(text(self._left[0]))
        except DBAPIError as error:
            if "lock timeout" in str(error):
                return False
            if "could not serialize" not in str(error):
                raise
            await self._connection.rollback()
            self._left = ["SELECT 1" for _ in self._left]
            return True
        if self._left[0] == TRUNCATE:  # until it ends, nobody can look
            await self._connection.commit()
        del self._left[0]
        return True


async def take_turns(
    platform: Platform, isolation: str, transactions: list[list[str]], order: list[int]
) -> AsyncIterator[None]:
    """Have transactions take turns in an order; yields whenever one has ended."""
    async with contextlib.AsyncExitStack() as stack:
        participants = []
        for statements in transactions:
            connection = await stack.enter_async_context(platform.writer.connect())
            level = "REPEATABLE READ" if FOLD in statements else isolation
            await connection.execution_options(isolation_level=level)
            participants.append(Participant(connection, list(statements)))
        waiting = collections.deque(order)
        while waiting:
            number = waiting.popleft()
            if not await participants[number].take_turn():
                waiting.append(number)
            elif number not in waiting:
                yield


@pytest.mark.slow
@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ"])
@pytest.mark.parametrize("case", CONCURRENT)
def test_no_order_of_concurrent_transactions_shows_a_wrong_figure(
    attached: Platform, isolation: str, case: str
) -> None:
    """Each of them may have looked at the database before another moved an assistant."""
    platform = attached
    let_go(platform)
    platform.run(enable_rollups(platform.writer, lambda *_: None))
    organizations = [platform.add_organization() for _ in range(2)]
    here, there = organizations
    look = [LOOK] if isolation == "REPEATABLE READ" else []
    chance = random.Random(case)

    async def run() -> None:
        for _ in range(ORDERS):
            assistant = platform.next_id()
            names = {"x": assistant, "here": here, "there": there}
            for statement in (INSERT, RETURN, CALL, FOLD, CALL):
                if statement == FOLD:
                    await fold_rollups(platform.writer)
                else:
                    await platform.execute(text(statement.format(**names)))
            transactions = [
                statements if FOLD in statements else look + statements
                for statements in CONCURRENT[case]
            ]
            transactions = [
                [statement.format(**names) for statement in statements]
                for statements in transactions
            ]
            order = [
                number
                for number, statements in enumerate(transactions)
                for _ in range(len(statements) + 1)
            ]
            chance.shuffle(order)
            async for _ in take_turns(platform, isolation, transactions, order):
                for organization in organizations:
                    await agree_in_one_snapshot(platform, organization)
            await fold_rollups(platform.writer)
            for organization in organizations:
                assert await agree_in_one_snapshot(platform, organization), (case, order)

    platform.run(run())
    assert platform.run(differences(platform)) == []
