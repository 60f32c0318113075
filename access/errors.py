"""The errors of a request that may not be answered; ``db.errors`` draws the whole tree."""

from typing import NamedTuple

from call_analytics.db.errors import ExpectedError


class Allowance(NamedTuple):
    """What is left of the rate limit that is used up first."""

    limit: int
    """Requests in the whole window."""
    window_seconds: int
    remaining: int
    reset_seconds: int
    """Until the whole limit is available again."""


class Unauthenticated(ExpectedError):  # noqa: N818 - a state of the request
    """The request has no valid API key. The message does not say why the key is not valid."""

    code = "UNAUTHENTICATED"

    def __init__(self) -> None:
        super().__init__("A valid API key is required: send it as 'Authorization: Bearer KEY'.")


class RateLimited(ExpectedError):  # noqa: N818 - a state of the client
    """There were more requests than a rate limit allows. The message says when to ask again."""

    code = "RATE_LIMITED"

    def __init__(self, allowance: Allowance) -> None:
        self.allowance = allowance
        super().__init__(
            f"More than {allowance.limit} requests in {allowance.window_seconds} seconds: "
            f"ask again in {allowance.reset_seconds} seconds."
        )


class TooManyExports(ExpectedError):  # noqa: N818 - a state of the client
    """A key has as many exports running as it may have. Each process counts for itself."""

    code = "RATE_LIMITED"

    def __init__(self, most: int) -> None:
        super().__init__(f"{most} exports of this key are running; begin this one when one ends.")
