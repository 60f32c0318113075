"""What the resolvers of one GraphQL request share."""

from dataclasses import dataclass, field
from datetime import datetime

from call_analytics.access.authenticate import Principal
from call_analytics.access.rate_limits import RateLimits
from call_analytics.resolvers.analytics import Analytics
from call_analytics.resolvers.errors import AnalyticsError
from call_analytics.schema.limits import Limits


@dataclass(frozen=True, slots=True)
class Context:
    """One request: who asks, when, and where the answers come from."""

    caller: Principal | AnalyticsError
    """Who asks, or why that is not known: fields that are nobody's are answered all the same."""
    now: datetime
    """The instant of the request, read once."""
    analytics: Analytics
    limits: Limits
    rate_limits: RateLimits
    """What whoever asks may ask for in a while."""
    sources: set[str] = field(default_factory=set)
    """What the answers were read from."""

    @property
    def principal(self) -> Principal:
        """Who asks.

        Raises:
            AnalyticsError: where no valid key came with the request, or the database cannot say.
        """
        if isinstance(self.caller, AnalyticsError):
            raise self.caller
        return self.caller
