"""The errors that a client may see.

::

    AnalyticsError
    ├── Unauthenticated   UNAUTHENTICATED   401   no valid key came with the request
    ├── BadInput          BAD_USER_INPUT    422   an argument is outside its range
    └── Unavailable       UNAVAILABLE       503   the database cannot answer now

Anything else is a fault of ours: it is masked, and logged with an id.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from db.errors import DatabaseUnavailable

logger = logging.getLogger("call_analytics")


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


class Unavailable(AnalyticsError):  # noqa: N818 - a state of the service
    """The database cannot answer now; the same request may succeed later."""

    code = "UNAVAILABLE"
    http_status = 503

    def __init__(self) -> None:
        super().__init__("The analytics are unavailable at the moment; try again shortly.")


@contextmanager
def unavailability_told() -> Iterator[None]:
    """Tell clients that the database does not answer, and the log why.

    Raises:
        Unavailable: in place of ``DatabaseUnavailable``.
    """
    try:
        yield
    except DatabaseUnavailable as error:
        logger.warning("%s", error)
        raise Unavailable from error
