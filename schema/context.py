"""What the resolvers of one GraphQL request share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from call_analytics.resolvers.analytics import Analytics, Origin
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
    ages: list[float] = field(default_factory=list)
    """Where there are replicas, how old each answer is, in seconds."""

    def note(self, origin: Origin | None) -> None:
        """Note which server an answer was read from."""
        if origin is not None:
            self.sources.add(origin.server)
            self.ages.append(origin.age_seconds)

    @property
    def organization_id(self) -> int:
        """The organization that asks.

        Raises:
            ExpectedError: where no valid key came with the request, or the database cannot say.
        """
        if isinstance(self.caller, ExpectedError):
            raise self.caller
        return self.caller
