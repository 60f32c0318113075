"""The errors that a client may see.

::

    AnalyticsError
    ├── Unauthenticated   UNAUTHENTICATED   401   no valid key came with the request
    ├── BadInput          BAD_USER_INPUT    422   an argument is outside its range
    ├── RateLimited       RATE_LIMITED      429   the key or the address has asked too often
    ├── Overloaded        OVERLOADED        503   too many requests are running, or waiting
    └── Unavailable       UNAVAILABLE       503   the database cannot answer now, or not in time

Anything else is a fault of ours: it is masked, and logged with an id.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from call_analytics.db.errors import ConnectionsInUse, DatabaseUnavailable

logger = logging.getLogger("call_analytics")


class Allowance(NamedTuple):
    """What is left of the rate limit that is nearest to its end."""

    limit: int
    """Requests in the whole window."""
    window_seconds: int
    remaining: int
    reset_seconds: int
    """Until all of it is there again."""


class AnalyticsError(Exception):
    """An expected error, whose message is safe to show to anyone."""

    code: str
    http_status: int


class Unauthenticated(AnalyticsError):  # noqa: N818 - a state of the request
    """No valid API key came with the request; which of the reasons it was is not told."""

    code = "UNAUTHENTICATED"
    http_status = 401

    def __init__(self) -> None:
        super().__init__("A valid API key is required: send it as 'Authorization: Bearer KEY'.")


class BadInput(AnalyticsError):  # noqa: N818 - a state of the request
    """An argument has a value that makes no sense; the message says what it must be."""

    code = "BAD_USER_INPUT"
    http_status = 422


class RateLimited(AnalyticsError):  # noqa: N818 - a state of the client
    """More was asked for than a rate limit allows; it says when there is more to be had."""

    code = "RATE_LIMITED"
    http_status = 429

    def __init__(self, allowance: Allowance) -> None:
        self.allowance = allowance
        super().__init__(
            f"More than {allowance.limit} requests in {allowance.window_seconds} seconds: "
            f"ask again in {allowance.reset_seconds} seconds."
        )


class Overloaded(AnalyticsError):  # noqa: N818 - a state of the service
    """So many requests are running that one more would only make all of them slower."""

    code = "OVERLOADED"
    http_status = 503

    def __init__(self) -> None:
        super().__init__("The service is busy; try again shortly.")


class Unavailable(AnalyticsError):  # noqa: N818 - a state of the service
    """The database cannot answer now; the same request may succeed later."""

    code = "UNAVAILABLE"
    http_status = 503

    def __init__(self) -> None:
        super().__init__("The analytics are unavailable at the moment; try again shortly.")


@contextmanager
def unavailability_told() -> Iterator[None]:
    """Tell clients that there is no answer now, and the log why.

    Raises:
        Unavailable: in place of ``DatabaseUnavailable``.
        Overloaded: in place of ``ConnectionsInUse``.
    """
    try:
        yield
    except DatabaseUnavailable as error:
        logger.warning("%s", error)
        raise Unavailable from error
    except ConnectionsInUse as error:
        logger.warning("%s", error)
        raise Overloaded from error
