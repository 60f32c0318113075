"""Reads that are shared: fewer of them, and never one that began before the question came."""

import asyncio

import pytest

from schema.sharing import SharedReads

pytestmark = pytest.mark.anyio


class Counter:
    """A source of numbers whose reads end when they are told to."""

    def __init__(self) -> None:
        self.value = 0
        self.reads = 0
        self.may_end = asyncio.Event()

    async def read(self) -> int:
        self.reads += 1
        seen = self.value
        await self.may_end.wait()
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
