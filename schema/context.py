"""What the resolvers of one GraphQL request share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from call_analytics.resolvers.analytics import Analytics
from call_analytics.resolvers.errors import ExpectedError
from call_analytics.schema.limits_type import Limits


@dataclass(frozen=True, slots=True)
class Context:
    """One request: which organization asks, when, and where the answers come from."""

    caller: int | ExpectedError
    """The id of the organization, or why it is not known: ``limits`` is answered without it."""
    now: datetime
    """The instant of the request, read once."""
    analytics: Analytics
    limits: Callable[[], Limits]
    """The limits that hold for the caller."""
    sources: set[str] = field(default_factory=set)
    """What the answers were read from."""

    @property
    def organization_id(self) -> int:
        """The organization that asks.

        Raises:
            ExpectedError: where no valid key came with the request, or the database cannot say.
        """
        if isinstance(self.caller, ExpectedError):
            raise self.caller
        return self.caller
