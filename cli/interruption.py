"""Work that Ctrl-C and SIGTERM end in good order."""

import asyncio
import signal
from collections.abc import Coroutine
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")


class Interrupted(Exception):  # noqa: N818 - the user's wish
    """The user, or the system, has asked the command to end."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.exit_status = 128 + number
        """What a shell expects of a process that a signal ends."""


async def interruptible(work: Coroutine[Any, Any, T]) -> T:
    """Do work that each of these signals cancels.

    Raises:
        Interrupted: where one came and the work has ended because of it.
    """
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    received: list[int] = []

    def cancel(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        loop.call_soon_threadsafe(task.cancel)

    # One that is ignored stays so: a shell ignores Ctrl-C for what it runs in the background.
    handlers = {
        number: signal.signal(number, cancel)
        for number in (signal.SIGINT, signal.SIGTERM)
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        return await task
    except asyncio.CancelledError:
        if received:
            raise Interrupted(received[0]) from None
        raise
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
