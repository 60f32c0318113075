"""Time zones by their names: those of the package ``tzdata``, so the same on every machine.

The zones that the machine itself has may be older, and some machines have none.
"""

from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from call_analytics.resolvers.errors import BadInput

LONGEST_NAME = 64
"""Characters. Longer ones are no name of a zone, and are not looked at closely."""
MOST_SIMILAR = 3
IS_NO_PLACE = frozenset({"Factory"})
"""Names that stand for a zone that is yet to be chosen."""


@cache
def zone_names() -> frozenset[str]:
    """The names of all time zones, links such as ``Asia/Calcutta`` included."""
    text = (files("tzdata") / "zones").read_text(encoding="utf-8")
    return frozenset(text.split()) - IS_NO_PLACE


def zone_for(name: str) -> ZoneInfo:
    """The time zone of this name; the same object each time.

    Raises:
        BadInput: where there is none. Names are told apart by case.
    """
    if name not in zone_names():
        raise BadInput(_no_such_zone(name))
    return _zone(name)


@cache
def _zone(name: str) -> ZoneInfo:
    with (files("tzdata") / "zoneinfo").joinpath(*name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def _no_such_zone(name: str) -> str:
    if len(name) > LONGEST_NAME:
        return f"The time zone is no IANA name: it has {len(name):,} characters."
    message = f"There is no time zone {name!r}."
    by_small_letters = {known.casefold(): known for known in sorted(zone_names())}
    wrong = name.casefold()
    exact = wrong in by_small_letters
    similar = [wrong] if exact else get_close_matches(wrong, by_small_letters, MOST_SIMILAR)
    if not similar:
        return f"{message} Write an IANA name, such as 'Europe/Berlin'."
    return f"{message} Did you mean {' or '.join(repr(by_small_letters[one]) for one in similar)}?"
