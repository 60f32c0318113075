"""The key of a request, from its ``Authorization`` header (RFC 6750)."""

import re

from starlette.datastructures import Headers

LONGEST = 4_000
"""Characters of the header. Keys have 38, and tokens in use have at most about 2,000."""

_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)


def bearer_key(headers: Headers) -> str | None:
    """The API key of a request. None where it is missing or malformed."""
    header = headers.get("authorization", "")
    if len(header) > LONGEST:
        return None
    match = _BEARER.fullmatch(header.strip())
    return match and match[1]
