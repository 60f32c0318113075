"""Addresses of clients, as they count who show no valid key."""

import ipaddress
import re

SUBNET_BITS = 64
"""The least that a provider hands to one customer: the host part is anybody's to choose."""
SITE_BITS = 48
"""The most that it hands out without being asked for reasons."""
NO_ADDRESS = "no address"

_PADDING = re.compile("(?<![0-9a-f])0+(?=[0-9a-f])", re.IGNORECASE)


def networks_of(address: str) -> tuple[str, ...]:
    """What an address counts as: itself, or of IPv6 its /64 and then its /48.

    An address counts as the same however it is written. All that is no address counts as one, so
    that an invented address does not start a new count.
    """
    text = _PADDING.sub("", address.partition("%")[0].strip())
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        return (NO_ADDRESS,)
    if isinstance(parsed, ipaddress.IPv4Address):
        return (str(parsed),)
    if parsed.ipv4_mapped is not None:
        return (str(parsed.ipv4_mapped),)
    return tuple(
        str(ipaddress.ip_network((parsed, bits), strict=False)) for bits in (SUBNET_BITS, SITE_BITS)
    )
