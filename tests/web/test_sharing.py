"""Reads that are shared: fewer of them, and never one that began before the question came."""

import asyncio
import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from call_analytics.resolvers.errors import Unavailable
from call_analytics.web.sharing import SharedReads

pytestmark = pytest.mark.anyio


class Counter:
    """A source of numbers whose reads end when they are told to."""

    def __init__(self) -> None:
        self.value = 0
        self.reads = 0
        self.running = 0
        self.may_end = asyncio.Event()
        self.fault: Exception | None = None

    async def read(self) -> int:
        self.reads += 1
        self.running += 1
        seen = self.value
        try:
            await self.may_end.wait()
        finally:
            self.running -= 1
            if self.fault is not None:
                raise self.fault
        return seen


async def begun() -> None:
    """Let every task run as far as it can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_those_who_ask_together_share_one_read() -> None:
    source, shared = Counter(), SharedReads[str, int]()
    source.may_end.set()

    answers = await asyncio.gather(*(shared.read("a", source.read) for _ in range(10)))

    assert (answers, source.reads) == ([0] * 10, 1)


async def test_a_read_that_has_begun_is_not_joined() -> None:
    source, shared = Counter(), SharedReads[str, int]()
    early = asyncio.create_task(shared.read("a", source.read))
    await begun()
    source.value = 1  # a call is written, and only then do the others ask
    late = [asyncio.create_task(shared.read("a", source.read)) for _ in range(5)]
    await begun()
    assert source.reads == 1, "one at a time"
    source.may_end.set()

    assert (await early, await asyncio.gather(*late)) == (0, [1] * 5)
    assert source.reads == 2


async def test_other_keys_do_not_wait() -> None:
    source, shared = Counter(), SharedReads[str, int]()
    asked = [asyncio.create_task(shared.read(key, source.read)) for key in "abc"]
    await begun()
    assert source.reads == 3
    source.may_end.set()
    await asyncio.gather(*asked)


async def test_a_failure_is_told_to_all_and_remembered_by_none() -> None:
    shared = SharedReads[str, int]()

    async def fail() -> int:
        raise LookupError

    async def succeed() -> int:
        return 7

    failures = await asyncio.gather(
        *(shared.read("a", fail) for _ in range(3)), return_exceptions=True
    )

    assert [type(failure) for failure in failures] == [LookupError] * 3
    assert await shared.read("a", succeed) == 7


async def test_one_who_leaves_does_not_take_the_answer_from_the_others() -> None:
    source, shared = Counter(), SharedReads[str, int]()
    leaving, staying = (asyncio.create_task(shared.read("a", source.read)) for _ in range(2))
    await begun()
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    source.may_end.set()

    assert await staying == 0


async def test_a_read_that_all_have_left_before_it_began_never_begins() -> None:
    source, shared = Counter(), SharedReads[str, int]()
    with nothing_is_lost():
        first = asyncio.create_task(shared.read("a", source.read))
        await begun()
        await all_leave([asyncio.create_task(shared.read("a", source.read)) for _ in range(3)])
        source.may_end.set()
        assert await first == 0
        await begun()

    assert source.reads == 1


async def test_a_read_that_all_leave_while_it_runs_is_cancelled() -> None:
    source, shared = Counter(), SharedReads[str, int]()
    with nothing_is_lost():
        asked = [asyncio.create_task(shared.read("a", source.read)) for _ in range(3)]
        await begun()
        assert source.running == 1
        await all_leave(asked[:2])
        await begun()
        assert source.running == 1, "one waits still"
        await all_leave(asked[2:])
        await begun()

    assert (source.reads, source.running) == (1, 0)


async def test_who_comes_after_all_have_left_gets_a_read_of_its_own() -> None:
    source, shared = Counter(), SharedReads[str, int]()
    with nothing_is_lost():
        running = asyncio.create_task(shared.read("a", source.read))
        await begun()
        waiting = asyncio.create_task(shared.read("a", source.read))
        await begun()
        # In one step, so that nothing that was left has had the time to end.
        running.cancel()
        waiting.cancel()
        await asyncio.wait([running, waiting])
        source.value = 1
        late = asyncio.create_task(shared.read("a", source.read))
        source.may_end.set()
        assert await late == 1
        assert await shared.read("a", source.read) == 1

    assert (source.reads, source.running) == (3, 0)


@pytest.mark.parametrize(
    ("fault", "logged"), [(RuntimeError("secret"), "RuntimeError"), (Unavailable(), None)]
)
@pytest.mark.parametrize("ends_first", [True, False])
async def test_a_fault_that_nobody_hears_of_is_logged(
    caplog: pytest.LogCaptureFixture, fault: Exception, logged: str | None, ends_first: bool
) -> None:
    source, shared = Counter(), SharedReads[str, int]()
    source.fault = fault
    with nothing_is_lost(), caplog.at_level(logging.ERROR):
        asked = [asyncio.create_task(shared.read("a", source.read)) for _ in range(2)]
        await begun()
        if ends_first:  # the read ends, and before they are told they leave
            source.may_end.set()
            await asyncio.sleep(0)
        await all_leave(asked)
        await begun()

    assert source.running == 0
    assert [vars(record)["fault"] for record in caplog.records] == ([logged] if logged else [])


async def all_leave(asked: list["asyncio.Task[int]"]) -> None:
    """Have all stop waiting for their answers."""
    await asyncio.sleep(0)
    for task in asked:
        task.cancel()
    await asyncio.wait(asked)
    assert all(task.cancelled() for task in asked)


@contextmanager
def nothing_is_lost() -> Iterator[None]:
    """Nothing goes wrong meanwhile that only the event loop hears of."""
    problems: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: problems.append(context["message"]))
    yield
    gc.collect()  # a task tells as it goes that nobody asked for its exception
    loop.set_exception_handler(None)
    assert problems == []
