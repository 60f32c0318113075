"""The key of a request, from its ``Authorization`` header (RFC 6750)."""

import re

from starlette.datastructures import Headers

LONGEST = 4_000
"""Characters of the header; keys have 38, and no token in use has more than some 2,000."""

_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)


def bearer_key(headers: Headers) -> str | None:
    """The API key that a request carries; None where there is none or it is malformed."""
    header = headers.get("authorization", "")
    if len(header) > LONGEST:
        return None
    match = _BEARER.fullmatch(header.strip())
    return match and match[1]
