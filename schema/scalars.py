"""The scalars of dates, times and time zones, with the standard that defines them.

Strawberry has scalars for dates and times, but says of neither what it is written like. A generator
of client code reads that from ``@specifiedBy``.
"""

import datetime as dt
from operator import methodcaller
from typing import NewType

import strawberry
from strawberry.types.scalar import ScalarDefinition

RFC_3339 = "https://datatracker.ietf.org/doc/html/rfc3339#section-5.6"

IANA_TIME_ZONES = "https://www.iana.org/time-zones"

TimeZone = NewType("TimeZone", str)
"""The name of a zone. Whether there is one is for the resolvers to say."""

_write = methodcaller("isoformat")


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise ValueError(f"TimeZone cannot represent a non string value: {value!r:.50}")


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
    TimeZone: strawberry.scalar(
        name="TimeZone",
        description="A time zone, by its name in the IANA database, as in `Europe/Berlin` or "
        "`UTC`. Names for the same zone, such as `Asia/Calcutta`, are zones too.",
        specified_by_url=IANA_TIME_ZONES,
        serialize=str,
        parse_value=_text,
    ),
}
