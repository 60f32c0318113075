"""The scalars of dates, times and time zones, with the standard that defines them.

Strawberry has scalars for dates and times, but says of neither what it is written like. A generator
of client code reads that from ``@specifiedBy``.
"""

import datetime as dt
from collections.abc import Callable
from contextlib import suppress
from operator import methodcaller
from typing import Any, NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

RFC_3339 = "https://datatracker.ietf.org/doc/html/rfc3339#section-5.6"

IANA_TIME_ZONES = "https://www.iana.org/time-zones"

TimeZone = NewType("TimeZone", str)
"""The name of a zone. Whether there is one is for the resolvers to say."""

_write = methodcaller("isoformat")


def _write_instant(instant: object) -> str:
    """An instant; some are remembered as they are written."""
    return instant if isinstance(instant, str) else str(_write(instant))


def _reader(name: str, read: Callable[[str], Any], example: str) -> Callable[[object], Any]:
    """Reads the values of a scalar, which are strings."""

    def parse(value: object) -> Any:  # noqa: ANN401 - as the scalar is
        if isinstance(value, str):
            with suppress(ValueError):
                return read(value)
        raise GraphQLError(f"{name} cannot represent {value!r:.50}; write it as in '{example}'.")

    return parse


SCALARS: dict[object, ScalarDefinition] = {
    dt.date: strawberry.scalar(
        name="Date",
        description="A calendar date, as in `2026-03-10`: `full-date` of RFC 3339.",
        specified_by_url=RFC_3339,
        serialize=_write,
        parse_value=_reader("Date", dt.date.fromisoformat, "2026-03-10"),
    ),
    dt.datetime: strawberry.scalar(
        name="DateTime",
        description="An instant with its offset from UTC, as in `2026-03-10T12:00:00+00:00`: "
        "`date-time` of RFC 3339.",
        specified_by_url=RFC_3339,
        serialize=_write_instant,
        parse_value=_reader("DateTime", dt.datetime.fromisoformat, "2026-03-10T12:00:00Z"),
    ),
    TimeZone: strawberry.scalar(
        name="TimeZone",
        description="A time zone, by its name in the IANA database, as in `Europe/Berlin` or "
        "`UTC`. Old names such as `Asia/Calcutta` are accepted. Case matters.",
        specified_by_url=IANA_TIME_ZONES,
        serialize=str,
        parse_value=_reader("TimeZone", str, "Europe/Berlin"),
    ),
}
