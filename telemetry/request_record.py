"""What is noted about one request while it is answered."""

import secrets
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(slots=True)
class RequestRecord:
    """One request. Nothing here comes from a client unchecked."""

    request_id: str = field(default_factory=lambda: secrets.token_hex(8))
    endpoint: str = "other"
    """Which door: graphql, rest, or another."""
    operation: str | None = None
    """Name of the GraphQL operation that ran."""
    organization_id: int | None = None
    sources: tuple[str, ...] = ()
    """What the answer was read from."""
    codes: list[str] = field(default_factory=list)
    """Codes of the errors in the answer."""
    statements: int = 0
    """SQL statements that ran for this request; one that is shared counts for who began it."""


current_record: ContextVar[RequestRecord | None] = ContextVar("current_record", default=None)
"""The request that is being answered."""
