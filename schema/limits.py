"""What the service lets a client ask for at once: the bounds that its settings give."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds of one request. ``schema.types.Limits`` tells clients what each means."""

    max_body_bytes: int
    max_tokens: int
    max_depth: int
    max_fields: int
    max_repeated_fields: int
    max_aliases: int
    max_root_fields: int
    max_directives: int
    max_errors: int
    max_concurrent_requests: int
    body_timeout_seconds: float
    request_timeout_seconds: float
    statement_timeout_seconds: float
