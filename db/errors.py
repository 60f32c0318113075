"""What can go wrong with a database, in the words of its caller.

::

    DatabaseError
    ├── DatabaseUnavailable   it did not answer: down, unreachable, too slow, or unreadable
    │   └── DatabaseChanged   a table is not there, or no longer what it was
    ├── ConnectionsInUse      it was not asked: all of the service's connections were in use
    └── OperatorError         a command cannot be carried out; the message says what to do
"""


class DatabaseError(Exception):
    """Base of all errors that the ``db`` room raises on purpose."""


class DatabaseUnavailable(DatabaseError):  # noqa: N818 - a state of affairs
    """The database could not answer; asking again later may help."""


class DatabaseChanged(DatabaseUnavailable):
    """A table is not there, or not to be read; or it changed since it was last used."""


class ConnectionsInUse(DatabaseError):  # noqa: N818 - a state of affairs
    """The service has more to ask than it has connections; the database is not to blame."""

    def __init__(self, connections: int) -> None:
        super().__init__(
            f"all {connections} database connections of this process are in use; "
            "raise CALL_ANALYTICS_POOL_SIZE, or see what keeps them busy"
        )


class OperatorError(DatabaseError):
    """The operator asked for something that cannot be done; the message is one line for them."""
