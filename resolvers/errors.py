"""The errors that a question can end with; ``db.errors`` draws the whole tree."""

from call_analytics.db.errors import ExpectedError, Overloaded, Unavailable

__all__ = ["BadInput", "ExpectedError", "Overloaded", "Unavailable"]


class BadInput(ExpectedError):  # noqa: N818 - a state of the request
    """An argument has a value that makes no sense; the message says what it must be."""

    code = "BAD_USER_INPUT"
