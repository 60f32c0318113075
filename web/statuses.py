"""The HTTP status of each expected error."""

from call_analytics.access.errors import RateLimited, TooManyExports, Unauthenticated
from call_analytics.resolvers.errors import BadInput, ExpectedError, Overloaded, Unavailable

STATUSES: dict[type[ExpectedError], int] = {
    Unauthenticated: 401,
    BadInput: 422,
    RateLimited: 429,
    TooManyExports: 429,
    Overloaded: 503,
    Unavailable: 503,
}


def status_of(error: ExpectedError) -> int:
    """The status of a request that fails with this error."""
    return STATUSES[type(error)]
