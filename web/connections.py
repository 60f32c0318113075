"""The connections that one server process holds: how many in all, and of each address."""

import asyncio
import ipaddress
import logging
from collections import Counter
from collections.abc import Callable, Hashable
from time import monotonic
from typing import Any, Protocol, TypeAlias

IPV6_NETWORK_BITS = 64
"""The network that a provider gives to one customer."""
SECONDS_BETWEEN_WARNINGS = 60

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

logger = logging.getLogger("call_analytics")


class Connection(Protocol, Hashable):
    """One connection."""

    def abort(self) -> None:
        """End it at once."""


class Connections:
    """Limits the number of all connections and of those from one address. None is any number.

    At the limit, a new connection takes the place of the one for which the server has waited
    longest. So a client that only holds connections does not keep other clients out. The
    connections of a proxy belong to many clients, so a trusted proxy may have any number. The
    proxies are addresses and networks, with commas between, or ``*`` alone.
    """

    def __init__(
        self, *, at_most: int, at_most_per_address: int | None, trusted_proxies: str
    ) -> None:
        self.are_ending = False  # set when the server stops
        self._at_most = at_most
        trusts_all = trusted_proxies == "*"
        self._at_most_per_address = None if trusts_all else at_most_per_address
        self._trusted = () if trusts_all else _networks(trusted_proxies)
        self._open: dict[Connection, Network | None] = {}
        self._of_network: Counter[Network] = Counter()
        self._waiting: dict[Connection, None] = {}
        self._warned_at = float("-inf")

    def enter(self, connection: Connection, address: str | None) -> bool:
        """Count a new connection, if it may stay. The address of a Unix socket is None."""
        network = self._counted_network(address)
        if network is not None and self._of_network[network] == self._at_most_per_address:
            self._warn(f"{network} has {self._at_most_per_address} connections")
            return False
        if len(self._open) >= self._at_most:
            longest = next(iter(self._waiting), None)
            if longest is None:
                self._warn(f"there are {self._at_most} connections, all of them busy")
                return False
            self.leave(longest)
            longest.abort()
        self._open[connection] = network
        if network is not None:
            self._of_network[network] += 1
        return True

    def note(self, connection: Connection, *, is_waiting: bool) -> None:
        """Note whether the server waits for this client from now on."""
        self._waiting.pop(connection, None)
        if is_waiting and connection in self._open:
            self._waiting[connection] = None

    def leave(self, connection: Connection) -> None:
        """Forget a connection. It may have been refused, or forgotten before."""
        self._waiting.pop(connection, None)
        network = self._open.pop(connection, None)
        if network is not None:
            self._of_network[network] -= 1
            if not self._of_network[network]:
                del self._of_network[network]

    def _counted_network(self, address: str | None) -> Network | None:
        """The network for which a connection counts. None where it counts for no network."""
        if address is None or self._at_most_per_address is None:
            return None
        host = ipaddress.ip_address(address)
        if isinstance(host, ipaddress.IPv6Address) and host.ipv4_mapped is not None:
            host = host.ipv4_mapped
        if any(host in network for network in self._trusted):
            return None
        bits = IPV6_NETWORK_BITS if host.version == 6 else host.max_prefixlen
        return ipaddress.ip_network((int(host), bits), strict=False)

    def _warn(self, reason: str) -> None:
        if monotonic() - self._warned_at >= SECONDS_BETWEEN_WARNINGS:
            self._warned_at = monotonic()
            logger.warning("connections are refused: %s", reason)


class BoundedTransport:
    """A connection's transport, as uvicorn sees it.

    ``on_close`` is called before it is closed, because it then waits for the client to take the
    rest of the answer. While it is held, it receives nothing.
    """

    def __init__(self, transport: asyncio.Transport, on_close: Callable[[], None]) -> None:
        self._transport = transport
        self._on_close = on_close
        self.is_held = False
        self.is_closing = transport.is_closing
        self.write = transport.write

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - everything else is the transport's
        return getattr(self._transport, name)

    def close(self) -> None:
        """Close it after everything is sent."""
        if not self._transport.is_closing():
            self._on_close()
            self._transport.close()

    def resume_reading(self) -> None:
        """Receive again, unless it is held."""
        if not self.is_held:
            self._transport.resume_reading()

    def hold(self) -> None:
        """Receive nothing."""
        self.is_held = True
        self._transport.pause_reading()


def _networks(text: str) -> tuple[Network, ...]:
    """The networks of a list."""
    return tuple(ipaddress.ip_network(item.strip()) for item in text.split(",") if item.strip())
