"""Instants as the database stores them, in UTC without a zone, and as a local clock shows them."""

from bisect import bisect_left
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def as_stored(moment: datetime) -> datetime:
    """An aware instant as a stored timestamp."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def as_local(moment: datetime, zone: ZoneInfo) -> datetime:
    """A stored timestamp as an aware instant on the clock of a zone."""
    return moment.replace(tzinfo=UTC).astimezone(zone)


def instant_of(reading: datetime, zone: ZoneInfo) -> datetime:
    """The first instant (UTC, aware) at which the clocks of a zone show a reading or a later one.

    So of a reading that the clocks repeat it is the first of the two, and of one that they skip the
    first instant after the gap. The reading carries no zone.
    """
    found = reading.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) == reading:
        return found
    # Skipped: the offset after the gap leads to before it, the offset before it to after it.
    before = reading.replace(tzinfo=zone, fold=1).astimezone(UTC)
    floor = before.replace(microsecond=0)
    seconds = range(int((found - floor).total_seconds()) + 1)
    offset = found.astimezone(zone).utcoffset()
    index = bisect_left(
        seconds,
        1,
        key=lambda second: (
            (floor + timedelta(seconds=second)).astimezone(zone).utcoffset() == offset
        ),
    )
    return floor + timedelta(seconds=index)


def first_instant(day: date, zone: ZoneInfo) -> datetime:
    """The instant (UTC, aware) at which a local date begins.

    It is midnight, or what comes after it where the clocks skip that. A date that a zone skipped
    altogether begins where the next one does.
    """
    return instant_of(datetime.combine(day, time()), zone)
