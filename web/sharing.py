"""One answer for equal requests of the same moment.

A dashboard on many screens sends the same request many times at once. Those requests share one
answer. A request may join a read only before that read begins, so the snapshot of each answer is
newer than its request; one of a replica is at most as much older as a replica may be. Where all
requests of a read have gone, the read is cancelled and gives its connection back.
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
        """How many requests wait for its result, or have it."""


class SharedReads(Generic[Key, Result]):
    """Reads by key. For each key, at most one runs and one waits."""

    def __init__(self) -> None:
        self._running: dict[Key, _Read[Result]] = {}
        self._waiting: dict[Key, _Read[Result]] = {}

    async def read(self, key: Key, read: Callable[[], Awaitable[Result]]) -> Result:
        """The result of a read that begins after this call. Raises what the read raises."""
        joined = self._waiting.get(key)
        if joined is None:
            joined = self._waiting[key] = _Read(asyncio.create_task(self._run(key, read)))
        joined.askers += 1
        try:
            # Not awaited directly: a cancelled request must not cancel the read of the others.
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
