"""One answer for all who ask the same at the same moment.

A dashboard on many screens asks the same question many times at once. Those questions share one
answer, and share it without anybody seeing less than if it had asked alone: a read is joined only
until it begins, so every answer has a snapshot taken after its question came.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")


class SharedReads(Generic[Key, Result]):
    """Reads by key: at most one runs, and one waits, for each key."""

    def __init__(self) -> None:
        self._running: dict[Key, asyncio.Task[Result]] = {}
        self._waiting: dict[Key, asyncio.Task[Result]] = {}

    async def read(self, key: Key, read: Callable[[], Awaitable[Result]]) -> Result:
        """The result of a read of this key that begins after this call; raises what it raises."""
        task = self._waiting.get(key)
        if task is None:
            task = asyncio.create_task(self._run(key, read))
            self._waiting[key] = task
        # One who no longer waits must not take the answer from the others.
        return await asyncio.shield(task)

    async def _run(self, key: Key, read: Callable[[], Awaitable[Result]]) -> Result:
        if key in self._running:
            await asyncio.wait([self._running[key]])
        self._running[key] = self._waiting.pop(key)
        try:
            return await read()
        finally:
            del self._running[key]
