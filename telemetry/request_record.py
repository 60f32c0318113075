"""What is noted about one request while it is answered."""

import secrets
from contextvars import ContextVar
from dataclasses import dataclass, field
from time import perf_counter


@dataclass(slots=True)
class RequestRecord:
    """One request. Everything here that comes from a client was checked."""

    request_id: str = field(default_factory=lambda: secrets.token_hex(8))
    endpoint: str = "other"
    """The endpoint: graphql, rest, or another."""
    operation: str | None = None
    """Name of the GraphQL operation that ran."""
    organization_id: int | None = None
    sources: tuple[str, ...] = ()
    """What the answer was read from."""
    codes: list[str] = field(default_factory=list)
    """Codes of the errors in the answer."""
    statements: int = 0
    """SQL statements that this request began. Other requests may share their results."""
    waits: int = 0
    """Database connections that it waits for now."""
    waits_since: float = 0
    """When it began to wait for the first of these, by ``perf_counter``."""
    waited_seconds: float = 0
    """How long it had waited before."""

    def wait_began(self) -> None:
        """It waits for one more connection."""
        if not self.waits:
            self.waits_since = perf_counter()
        self.waits += 1

    def wait_ended(self) -> None:
        """It has one of those connections, or stopped waiting for it."""
        self.waits -= 1
        if not self.waits:
            self.waited_seconds += perf_counter() - self.waits_since

    def wait_seconds(self) -> float:
        """How long it has waited for database connections until now."""
        going_on = perf_counter() - self.waits_since if self.waits else 0
        return self.waited_seconds + going_on


current_record: ContextVar[RequestRecord | None] = ContextVar("current_record", default=None)
"""The request that is being answered."""
