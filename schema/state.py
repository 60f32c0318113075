"""What the server hands to every request."""

from collections.abc import Callable
from datetime import datetime
from typing import TypedDict

from resolvers.analytics import Analytics


class State(TypedDict):
    """The state that the server's lifespan yields."""

    analytics: Analytics
    clock: Callable[[], datetime]
    """The present instant, aware; read once per request."""
