"""What can go wrong with a database, in the words of its caller.

::

    DatabaseError
    ├── DatabaseUnavailable   it did not answer: down, unreachable, too slow, or unreadable
    │   └── DatabaseChanged   a table is not there, or no longer what it was
    └── OperatorError         a command cannot be carried out; the message says what to do
"""


class DatabaseError(Exception):
    """Base of all errors that the ``db`` room raises on purpose."""


class DatabaseUnavailable(DatabaseError):  # noqa: N818 - a state of affairs
    """The database could not answer; asking again later may help."""


class DatabaseChanged(DatabaseUnavailable):
    """A table is not there, or not to be read; or it changed since it was last used."""


class OperatorError(DatabaseError):
    """The operator asked for something that cannot be done; the message is one line for them."""
