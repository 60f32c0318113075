"""What can go wrong with a database, in the words of its caller.

::

    DatabaseError
    ├── DatabaseUnavailable   it did not answer: down, unreachable, too slow, or unreadable
    └── OperatorError         a command cannot be carried out; the message says what to do
"""


class DatabaseError(Exception):
    """Base of all errors that the ``db`` room raises on purpose."""


class DatabaseUnavailable(DatabaseError):  # noqa: N818 - a state of affairs
    """The database could not answer; asking again later may help."""


class OperatorError(DatabaseError):
    """The operator asked for something that cannot be done; the message is one line for them."""
