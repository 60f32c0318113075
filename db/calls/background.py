"""Work that blocks, in a thread of its own."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


async def in_background(work: Callable[[], T]) -> T:
    """What ``work`` returns or raises.

    Where the caller is cancelled, the work is left alone in its thread, which does not keep the
    process: it may wait for ever, as for more of standard input.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def settle(decide: Callable[[Any], None], value: object) -> None:
        if not outcome.done():
            decide(value)

    def run() -> None:
        decide: Callable[[Any], None]
        value: object
        try:
            decide, value = outcome.set_result, work()
        except Exception as error:
            decide, value = outcome.set_exception, error
        with suppress(RuntimeError):  # the loop is closed, and nothing waits any more
            loop.call_soon_threadsafe(settle, decide, value)

    threading.Thread(target=run, name="call-analytics reader", daemon=True).start()
    return await outcome
