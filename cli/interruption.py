"""Work that Ctrl-C and SIGTERM end."""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import typer
from rich.progress import Progress

from call_analytics.cli.terminal import say_beside

T = TypeVar("T")

PATIENCE_SECONDS = 1.0
"""How long the work may take to end before the user is told how to end it at once."""

CLOSING_SECONDS = 1.0
"""How long statements and connections may take to end after the second signal."""

ENDING = "Ending after what the database is doing now; Ctrl-C again ends at once."


class Interrupted(Exception):  # noqa: N818 - the user's wish
    """The user, or the system, has asked the command to end; the message says what stays."""

    def __init__(self, message: str, exit_status: int) -> None:
        super().__init__(message)
        self.exit_status = exit_status


async def interruptible(
    work: Coroutine[Any, Any, T], bar: Progress, what_stays: Callable[[], str]
) -> T:
    """Do work that Ctrl-C and SIGTERM cancel, also where the process was started to ignore them.

    A second signal cancels it again, and soon ends the process, whatever the database or a thread
    is waiting for.

    Raises:
        Interrupted: where the work has ended because of a signal.
    """
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    received: list[int] = []

    def receive(number: int) -> None:
        received.append(number)
        task.cancel()
        if len(received) == 1:
            loop.call_later(PATIENCE_SECONDS, tell_how_to_end)
        else:
            loop.call_later(CLOSING_SECONDS, leave)

    def tell_how_to_end() -> None:
        if not task.done():
            say_beside(bar, ENDING)

    def interruption() -> Interrupted:
        # What a shell expects of a process that a signal ends.
        return Interrupted(f"interrupted; {what_stays()}", 128 + received[0])

    def leave() -> None:
        bar.stop()
        last = interruption()
        typer.echo(f"call-analytics: {last}", err=True)
        os._exit(last.exit_status)  # the loop would wait for its tasks, Python for its threads

    for number in (signal.SIGINT, signal.SIGTERM):  # until the loop is closed
        loop.add_signal_handler(number, receive, number)
    try:
        return await task
    except asyncio.CancelledError:
        if received:
            raise interruption() from None
        raise
