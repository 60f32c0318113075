"""What the clocks of a zone show. What is not told by one instant is found by trying many."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

QUARTER = timedelta(minutes=15)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


class Piece(NamedTuple):
    """Instants between which a clock shows one date, hour and quarter, with one offset."""

    start: datetime
    end: datetime


class Bucket(NamedTuple):
    """A bucket of a series: from its first instant to the first after its last."""

    start: datetime
    end: datetime
    pieces: tuple[Piece, ...]


def bucket_name(step: str, zone: ZoneInfo, moment: datetime, week_starts_on: int = 0) -> Any:
    """Which bucket of a zone's calendar an instant is in; other instants of it give the same."""
    local = moment.astimezone(zone)
    if step == "quarter hour":
        return local.date(), local.hour, local.minute // 15, local.utcoffset()
    if step == "hour":
        return local.date(), local.hour, local.utcoffset()
    if step == "day":
        return local.date()
    if step == "week":
        return local.date() - timedelta(days=(local.weekday() - week_starts_on) % 7)
    return local.year, local.month


def first_at(reading: datetime, zone: ZoneInfo) -> datetime:
    """The first instant at which the clocks of a zone show a reading, or have gone past it."""
    # Clocks are changed at whole seconds.
    moment = reading.replace(tzinfo=UTC, microsecond=0) - timedelta(days=2)
    for step in (QUARTER, MINUTE, SECOND):
        while _shown(moment + step, zone) < reading:
            moment += step
    shown = _shown(moment, zone)
    if _shown(moment + SECOND, zone) == shown + SECOND:
        return moment + (reading - shown)
    return moment + SECOND  # where the clocks were changed


def first_of_date(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a local date, or of the next one that there is."""
    return first_at(datetime.combine(day, time()), zone)


def buckets(
    step: str, zone: ZoneInfo, week_starts_on: int, first: datetime, last: datetime
) -> dict[Any, Bucket]:
    """The whole buckets that hold an instant from ``first`` to ``last``, and some more, by name."""
    margin = timedelta(days={"month": 33, "week": 9}.get(step, 3))
    day = (first - margin).astimezone(UTC).date()
    found: dict[Any, list[Piece]] = {}
    while day <= (last + margin).astimezone(UTC).date():
        for name, pieces in _pieces_by_name(step, zone, week_starts_on, day):
            found.setdefault(name, []).extend(pieces)
        day += timedelta(days=1)
    return {
        name: Bucket(pieces[0].start, pieces[-1].end, tuple(pieces))
        for name, pieces in found.items()
    }


def _shown(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


@lru_cache(maxsize=8192)
def _pieces_by_name(
    step: str, zone: ZoneInfo, week_starts_on: int, day: date
) -> tuple[tuple[Any, tuple[Piece, ...]], ...]:
    """The pieces of a UTC day, by the bucket that they are in."""
    found: dict[Any, list[Piece]] = {}
    for piece in _pieces(zone, day):
        found.setdefault(bucket_name(step, zone, piece.start, week_starts_on), []).append(piece)
    return tuple((name, tuple(pieces)) for name, pieces in found.items())


@lru_cache(maxsize=8192)
def _pieces(zone: ZoneInfo, day: date) -> tuple[Piece, ...]:
    """The pieces of a UTC day."""

    def name(moment: datetime) -> Any:
        return bucket_name("quarter hour", zone, moment)

    start = datetime.combine(day, time(), UTC)
    edges = [start]
    for until in (start + number * QUARTER for number in range(1, 97)):
        moment = until - QUARTER
        # Clocks that are off by minutes or seconds begin a quarter in the middle of one of UTC.
        while name(moment) != name(until - timedelta.resolution):
            for step in (MINUTE, SECOND):
                while name(moment + step) == name(moment):
                    moment += step
            moment += SECOND
            edges.append(moment)
        edges.append(until)
    return tuple(Piece(*pair) for pair in pairwise(edges))
