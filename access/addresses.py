"""Addresses of clients. They count the requests that come without a valid key."""

import ipaddress
import re

SUBNET_BITS = 64
"""The smallest network that a provider gives to one customer."""
SITE_BITS = 48
"""The largest network that a customer gets without giving reasons."""
NO_ADDRESS = "no address"

_PADDING = re.compile("(?<![0-9a-f])0+(?=[0-9a-f])", re.IGNORECASE)


def networks_of(address: str) -> tuple[str, ...]:
    """The networks for which an address counts: IPv4 the address itself, IPv6 its /64 and its /48.

    Different spellings of one address count as the same. Every text that is no address counts as
    the same too, so that an invented address does not start a new count.
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
