"""Time zones whose clocks do everything that clocks do, and when they do it."""

from typing import NamedTuple


class Zone(NamedTuple):
    """A zone, and instants near which its calendar is unusual."""

    name: str
    changes: tuple[str, ...]
    has_whole_quarters: bool = True
    """Whether its clock changes, and stands, at whole quarter hours near these instants."""


ZONES = (
    Zone("UTC", ("2026-03-10T12:00+00:00",)),
    Zone("America/New_York", ("2026-03-08T07:00+00:00", "2026-11-01T06:00+00:00")),
    Zone("Asia/Kolkata", ("2026-03-10T12:00+00:00",)),
    Zone("Asia/Kathmandu", ("2026-03-10T12:00+00:00", "1986-01-01T00:00+00:00")),
    # Half an hour is repeated, and skipped.
    Zone("Australia/Lord_Howe", ("2026-04-04T15:00+00:00", "2026-10-03T15:30+00:00")),
    # Midnight is skipped.
    Zone("America/Santiago", ("2026-09-06T04:00+00:00", "2026-04-05T03:00+00:00")),
    Zone("Africa/Cairo", ("2026-04-23T22:00+00:00", "2026-10-29T21:00+00:00")),
    # The 30th of December 2011 is skipped.
    Zone("Pacific/Apia", ("2011-12-30T10:00+00:00",)),
    Zone("Europe/Dublin", ("2026-03-29T01:00+00:00", "2026-10-25T01:00+00:00")),
    # Clocks are set back from one minute after midnight into the day before.
    Zone("America/St_Johns", ("2010-11-07T02:31+00:00", "2010-03-14T03:31+00:00"), False),
    # An offset of minutes and seconds.
    Zone("Africa/Monrovia", ("1972-01-07T00:44:30+00:00",), False),
)
