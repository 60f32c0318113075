"""The command on a terminal of 80 x 24, with a person before it."""

import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pyte

from tests.command import COMMAND, WAIT_SECONDS, environment, wait_until

CTRL_C = "\x03"
COLUMNS, ROWS = 80, 24


class Terminal:
    """What the command has drawn, and a keyboard."""

    def __init__(self, descriptor: int, process: "subprocess.Popen[bytes]") -> None:
        self.process = process
        self._descriptor = descriptor
        self._screen = pyte.HistoryScreen(COLUMNS, ROWS, history=1_000)
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                written = os.read(self._descriptor, 1 << 16)
            except OSError:  # the last process that had the terminal has ended
                return
            with self._lock:
                self._stream.feed(written)

    @property
    def lines(self) -> list[str]:
        """All lines, those above the screen as well, up to the last that has something on it."""
        with self._lock:
            above = [
                "".join(line[column].data for column in range(COLUMNS))
                for line in self._screen.history.top
            ]
            return _written([*above, *self._screen.display])

    @property
    def shown(self) -> list[str]:
        """The lines that are on the screen, up to the last that has something on it."""
        with self._lock:
            return _written(self._screen.display)

    @property
    def text(self) -> str:
        """The same; a line that goes on on the next is two."""
        return "\n".join(self.lines)

    @property
    def has_cursor(self) -> bool:
        """Whether one sees where one types."""
        with self._lock:
            return not self._screen.cursor.hidden

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._descriptor, keys.encode())

    def wait_for(self, text: str) -> None:
        """Wait until a text is there."""
        wait_until(lambda: text in self.text, lambda: f"{text!r} is not in:\n{self.text}")

    def wait_for_end(self) -> int:
        """The exit status."""
        status = self.process.wait(WAIT_SECONDS)
        self._reader.join(WAIT_SECONDS)
        return status


@contextmanager
def on_terminal(
    directory: Path,
    *arguments: str,
    stdin: IO[bytes] | None = None,
    on_ctrl_c: signal.Handlers = signal.SIG_DFL,
    **settings: object,
) -> Iterator[Terminal]:
    """Run the command; without ``stdin``, its standard input is the terminal too.

    ``on_ctrl_c`` is what the command finds set for SIGINT as it starts.
    """
    keyboard, screen = pty.openpty()
    fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    process = subprocess.Popen(
        [COMMAND, *arguments],
        cwd=directory,
        env=environment(settings) | {"TERM": "xterm-256color"},
        stdin=stdin or screen,
        stdout=screen,
        stderr=screen,
        start_new_session=True,
        preexec_fn=lambda: _take(screen, on_ctrl_c),  # noqa: PLW1509
    )
    os.close(screen)
    terminal = Terminal(keyboard, process)
    try:
        yield terminal
    finally:
        if process.poll() is None:
            process.kill()
        terminal.wait_for_end()
        os.close(keyboard)


def _written(lines: list[str]) -> list[str]:
    """Lines without the blanks after them, up to the last that has something on it."""
    written = [line.rstrip() for line in lines]
    while written and not written[-1]:
        written.pop()
    return written


def _take(screen: int, on_ctrl_c: signal.Handlers) -> None:
    """Make the terminal that of this process, which its Ctrl-C then reaches."""
    fcntl.ioctl(screen, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, on_ctrl_c)
