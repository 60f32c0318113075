"""One answer for all who ask the same at the same moment.

A dashboard on many screens asks the same question many times at once. Those questions share one
answer, and each sees what it would have seen if it had asked alone: a read is joined only until it
begins, so every answer has a snapshot taken after its question came. A read for which no request
waits any more is cancelled, and gives its connection back.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from call_analytics.resolvers.errors import ExpectedError
from call_analytics.schema.masking import log_fault

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")


class _Read(Generic[Result]):
    def __init__(self, task: asyncio.Task[Result]) -> None:
        self.task = task
        self.askers = 0
        """How many wait for its result, or have it."""


class SharedReads(Generic[Key, Result]):
    """Reads by key: at most one runs, and one waits, for each key."""

    def __init__(self) -> None:
        self._running: dict[Key, _Read[Result]] = {}
        self._waiting: dict[Key, _Read[Result]] = {}

    async def read(self, key: Key, read: Callable[[], Awaitable[Result]]) -> Result:
        """The result of a read of this key that begins after this call; raises what it raises."""
        joined = self._waiting.get(key)
        if joined is None:
            joined = self._waiting[key] = _Read(asyncio.create_task(self._run(key, read)))
        joined.askers += 1
        try:
            # One who leaves must not take the answer from the others, so the task is not awaited.
            await asyncio.wait([joined.task])
        except asyncio.CancelledError:
            joined.askers -= 1
            if joined.askers == 0:
                self._abandon(key, joined)
            raise
        return joined.task.result()

    async def _run(self, key: Key, read: Callable[[], Awaitable[Result]]) -> Result:
        if key in self._running:
            await asyncio.wait([self._running[key].task])
        self._running[key] = self._waiting.pop(key)
        try:
            return await read()
        finally:
            del self._running[key]

    def _abandon(self, key: Key, abandoned: _Read[Result]) -> None:
        if self._waiting.get(key) is abandoned:  # a request that comes now must not join it
            del self._waiting[key]
        abandoned.task.cancel()
        abandoned.task.add_done_callback(_log_unheard_fault)


def _log_unheard_fault(task: asyncio.Task[Result]) -> None:
    if task.cancelled():
        return
    fault = task.exception()
    if fault is not None and not isinstance(fault, ExpectedError):
        log_fault(fault)
