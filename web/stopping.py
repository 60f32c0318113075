"""A server that stops, on SIGTERM or Ctrl-C, without resetting a connection.

The system completes connections before the server accepts them. When a listening socket is closed,
those that the server has not accepted yet are reset. So a server that stops takes three steps:

1. The system completes no new connection. One that a client tries now is refused in step 3.
2. The server accepts those that are complete.
3. The listening sockets are closed. Each open connection gets the answer to its request, or one
   more answer, and is closed (``BoundedHttpProtocol.shutdown``).

The exit status is 0, as it is with nginx, PostgreSQL and gunicorn, with any number of workers.
"""

import asyncio
import ctypes
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

SECONDS_TO_ACCEPT = 0.3
"""How long step 2 takes at least: for connections that were being completed."""
MOST_SECONDS_TO_ACCEPT = 5.0
"""How long it takes at most: on a busy machine the server accepts slowly."""

SO_ATTACH_FILTER = 26
"""Linux's socket option, which Python's ``socket`` does not name."""
# Berkeley packet filter; see the page "Linux Socket Filtering" of the kernel's documentation.
REFUSE_SYN = (
    (0x30, 0, 0, 13),  # load the flags of the TCP segment
    (0x45, 0, 1, 0x02),  # is it a SYN, which begins a connection?
    (0x06, 0, 0, 0),  # then drop it
    (0x06, 0, 0, 0xFFFFFFFF),  # else keep all of it
)


def run_until_stopped(config: uvicorn.Config, sockets: list[socket.socket]) -> None:
    """Serve on these sockets until a signal ends it; several workers are processes of their own.

    Raises:
        SystemExit: where the service cannot start.
    """
    if config.workers > 1:
        Workers(config, sockets).run()
        return
    server = Server(config)
    is_stopped = False

    def stop(*_: object) -> None:
        nonlocal is_stopped
        if not server.should_exit:  # it does not handle signals yet
            sys.exit(0)
        # uvicorn raises the signal again when the server has stopped, and another may come then.
        is_stopped = True

    signal.signal(signal.SIGTERM, stop)
    with suppress(KeyboardInterrupt):
        server.run(sockets)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the process ends by itself now
    if not server.started and not is_stopped:
        sys.exit(STARTUP_FAILURE)


class Server(uvicorn.Server):
    """The only server process."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take the three steps."""
        for listening in sockets or []:
            complete_no_connection(listening)
        for seconds in _pauses(sockets or []):
            await asyncio.sleep(seconds)
        await super().shutdown(sockets)


class Workers(Multiprocess):
    """Several server processes. A worker that stops alone leaves its connections to the others."""

    def init_processes(self) -> None:
        """Start the workers."""
        super().init_processes()
        self._leave_pipes_to_workers()

    def keep_subprocess_alive(self) -> None:
        """Replace workers that have died, or do not answer."""
        super().keep_subprocess_alive()
        self._leave_pipes_to_workers()

    def _leave_pipes_to_workers(self) -> None:
        # A pipe whose only other end a worker holds ends with it. So nobody waits for the answer of
        # one that dies while it is asked, until the time that a slow one may take is over.
        for process in self.processes:
            process.child_conn.close()

    def terminate_all(self) -> None:
        """Take the first two steps for all workers, and have each take the third."""
        for listening in self.sockets:
            complete_no_connection(listening)
        for seconds in _pauses(self.sockets):
            time.sleep(seconds)
        for listening in self.sockets:
            listening.close()
        super().terminate_all()


def _pauses(sockets: Sequence[socket.socket]) -> Iterator[float]:
    """Seconds to wait, again and again until no complete connection is left to be accepted."""
    yield SECONDS_TO_ACCEPT
    last = time.monotonic() + MOST_SECONDS_TO_ACCEPT
    while time.monotonic() < last and select.select(sockets, (), (), 0)[0]:
        yield 0.05


def complete_no_connection(listening: socket.socket) -> None:
    """Have the system drop what would begin a connection.

    Only Linux can do this. Elsewhere a connection of the last instant may be reset.
    """
    if sys.platform != "linux":
        return
    steps = b"".join(struct.pack("HBBI", *step) for step in REFUSE_SYN)
    buffer = ctypes.create_string_buffer(steps)
    filter_ = struct.pack("HP", len(REFUSE_SYN), ctypes.addressof(buffer))
    with suppress(OSError):  # a sandbox may forbid it
        listening.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, filter_)
