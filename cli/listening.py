"""The sockets on which the service listens."""

import errno
import os
import socket
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from call_analytics.settings import PREFIX, SettingsError


@contextmanager
def listening_sockets(host: str, port: int) -> Iterator[list[socket.socket]]:
    """Listen on every address of a host, on one port; 0 picks one. Closed at the end.

    A command does this before anything else, so that one that cannot serve changes nothing.

    Raises:
        SettingsError: where that is not possible; the message names the host or the port.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError):
        raise SettingsError(
            f"there is no host {host!r}; choose another: --host or {PREFIX}HOST"
        ) from None
    addresses = dict.fromkeys((family, address[0]) for family, _, _, _, address in found)
    with ExitStack() as opened:
        yield _listening(addresses, host, port, opened)


def _listening(
    addresses: Collection[tuple[int, Any]], host: str, port: int, opened: ExitStack
) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    for family, address in addresses:
        # The first address picks the port where it is 0.
        chosen = sockets[0].getsockname()[1] if sockets else port
        try:
            listening = socket.create_server((str(address), chosen), family=family)
        except OSError as error:
            # Where IPv6 is off, "localhost" has an address that cannot be had, and one that can.
            if error.errno == errno.EADDRNOTAVAIL and len(addresses) > 1:
                continue
            in_use = error.errno == errno.EADDRINUSE
            reason = "is in use" if in_use else f"cannot be had ({os.strerror(error.errno or 0)})"
            raise SettingsError(
                f"port {port} of {host} {reason}; choose another: --port or {PREFIX}PORT"
            ) from None
        sockets.append(opened.enter_context(listening))
    return sockets
