"""Limits of connections and requests."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLimits:
    """The limits of one request; ``schema.limits_type.Limits`` describes each for clients."""

    max_body_bytes: int
    max_concurrent_requests: int
    body_timeout_seconds: float
    request_timeout_seconds: float
    statement_timeout_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """The limits of the TCP connections of one server process; ``Settings`` describes each."""

    max_connections: int
    max_connections_per_address: int
    trusted_proxies: str
    head_timeout_seconds: float
    body_timeout_seconds: float
    send_timeout_seconds: float
    retry_after_seconds: int
