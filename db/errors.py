"""The errors of the service.

Errors of a database, for commands and the log::

    DatabaseError
    ├── DatabaseUnavailable   it did not answer: down, unreachable, too slow, or unreadable
    │   ├── DatabaseChanged   a table is not there, or no longer what it was
    │   └── ConnectionLost    it, or what is between, has ended a connection
    ├── ConnectionsInUse      it was not asked: all of the service's connections were in use
    └── OperatorError         a command cannot be carried out; the message says what to do

Errors that clients get, with a code and a message that is safe to show to anyone::

    ExpectedError
    ├── Unavailable       UNAVAILABLE       the database cannot answer now, or not in time
    ├── Overloaded        OVERLOADED        too many requests are running, or waiting
    ├── Unauthenticated   UNAUTHENTICATED   no valid key came with the request (``access``)
    ├── RateLimited       RATE_LIMITED      the key or the address has asked too often (``access``)
    ├── TooManyExports    RATE_LIMITED      the key has too many exports running (``access``)
    └── BadInput          BAD_USER_INPUT    an argument is outside its range (``resolvers``)

Their base is here because ``access`` and ``resolvers`` do not import each other. Every other
exception is a fault of ours: clients get an id, under which the log has it.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

logger = logging.getLogger("call_analytics")


class DatabaseError(Exception):
    """Base of all errors that the ``db`` room raises on purpose."""


class DatabaseUnavailable(DatabaseError):  # noqa: N818 - a state of affairs
    """The database could not answer; asking again later may help."""


class DatabaseChanged(DatabaseUnavailable):
    """A table is not there, or not to be read; or it changed since it was last used."""


class ConnectionLost(DatabaseUnavailable):
    """The connection has ended; the database may answer over another one."""


class ConnectionsInUse(DatabaseError):  # noqa: N818 - a state of affairs
    """The service has more to ask than it has connections; the database is not to blame."""

    def __init__(self, connections: int) -> None:
        super().__init__(
            f"all {connections} database connections of this process are in use; "
            "raise CALL_ANALYTICS_POOL_SIZE, or see what keeps them busy"
        )


class OperatorError(DatabaseError):
    """The operator asked for something that cannot be done; the message is one line for them."""


class ExpectedError(Exception):
    """An error that clients get; its message is safe to show to anyone."""

    code: str


class Unavailable(ExpectedError):  # noqa: N818 - a state of the service
    """The database cannot answer now; the same request may succeed later."""

    code = "UNAVAILABLE"

    def __init__(self) -> None:
        super().__init__("The analytics are unavailable at the moment; try again shortly.")


class Overloaded(ExpectedError):  # noqa: N818 - a state of the service
    """Too many requests are running, or waiting for a database connection."""

    code = "OVERLOADED"

    def __init__(self) -> None:
        super().__init__("The service is busy; try again shortly.")


@contextmanager
def expected_errors() -> Iterator[None]:
    """Log a failure of the database, and raise the error that clients get instead.

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
