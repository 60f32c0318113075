"""The key of a request, from its ``Authorization`` header (RFC 6750)."""

import re

from starlette.datastructures import Headers

_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)


def bearer_key(headers: Headers) -> str | None:
    """The API key that a request carries; None where there is none or it is malformed."""
    match = _BEARER.fullmatch(headers.get("authorization", "").strip())
    return match and match[1]
