"""The scalars of dates and times, with the standard that defines them.

Strawberry has scalars for both, but says of neither what it is written like. A generator of client
code reads that from ``@specifiedBy``.
"""

import datetime as dt
from operator import methodcaller

import strawberry
from strawberry.types.scalar import ScalarDefinition

RFC_3339 = "https://datatracker.ietf.org/doc/html/rfc3339#section-5.6"

_write = methodcaller("isoformat")

SCALARS: dict[object, ScalarDefinition] = {
    dt.date: strawberry.scalar(
        name="Date",
        description="A calendar date, as in `2026-03-10`: `full-date` of RFC 3339.",
        specified_by_url=RFC_3339,
        serialize=_write,
        parse_value=dt.date.fromisoformat,
    ),
    dt.datetime: strawberry.scalar(
        name="DateTime",
        description="An instant with its offset from UTC, as in `2026-03-10T12:00:00+00:00`: "
        "`date-time` of RFC 3339.",
        specified_by_url=RFC_3339,
        serialize=_write,
        parse_value=dt.datetime.fromisoformat,
    ),
}
