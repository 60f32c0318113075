"""Connecting to one of several PostgreSQL servers, as libpq does.

The driver takes several hosts, too, but gives them one time limit together: a first host that is
cut off from the network would take all of it.
"""

from collections.abc import Callable
from typing import Any

import asyncpg
from sqlalchemy.engine import Dialect

GONE = (
    OSError,  # also a connection that was not made in time
    asyncpg.CannotConnectNowError,
    asyncpg.TargetServerAttributeNotMatched,
)
"""How a host fails in whose place the next one is tried."""


def connector(dialect: Dialect) -> Callable[..., Any]:
    """Connects to the first host that answers and is of the kind that is wanted.

    The one that was connected to last is tried first. Each has a time limit of its own. Takes the
    arguments of the driver, and raises what it raises for the last host.
    """
    last = 0

    def connect(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - the driver's
        nonlocal last
        if not isinstance(options.get("host"), list):
            return dialect.connect(*arguments, **options)
        hosts, ports = options.pop("host"), options.pop("port")
        numbers = [*range(last, len(hosts)), *range(last)]
        for kind in _kinds(options.pop("target_session_attrs", "any")):
            for number in numbers:
                try:
                    connection = dialect.connect(
                        *arguments,
                        host=hosts[number],
                        port=ports[number],
                        target_session_attrs=kind,
                        **options,
                    )
                except Exception as error:
                    # SQLAlchemy translates errors of the driver, and no others.
                    if not isinstance(error, GONE) and not isinstance(error.__cause__, GONE):
                        raise
                    failure = error
                else:
                    last = number
                    return connection
        raise failure

    return connect


def _kinds(wanted: str) -> tuple[str, ...]:
    """The kinds of servers that will do, the better first."""
    return ("standby", "any") if wanted == "prefer-standby" else (wanted,)
