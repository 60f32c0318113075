"""A frame: a window in its zone, and how it is cut into buckets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from cachetools import LRUCache, cached

from call_analytics.db.figures.query import Steps
from call_analytics.db.figures.query import Window as StoredWindow
from call_analytics.db.rollups.grains import Grain
from call_analytics.resolvers.calendar import Step, points, steps
from call_analytics.resolvers.calendar_unit import Weekday
from call_analytics.resolvers.local_time import as_local, as_stored
from call_analytics.resolvers.question import Selection
from call_analytics.resolvers.series_points import checked_points
from call_analytics.resolvers.window import Window

REMEMBERED_BUCKETS = 100_000
"""Bound of the memory of buckets, some 50 MB."""


class Bucket(NamedTuple):
    """A bucket's own bounds."""

    start: datetime
    """As a stored timestamp, and so is ``end``."""
    end: datetime
    written_start: str
    """On the zone's clock, as in ISO 8601 with its offset, and so is ``written_end``."""
    written_end: str


def stored_window(window: Window) -> StoredWindow:
    """A window as the database knows it."""
    return StoredWindow(as_stored(window.start), window.until and as_stored(window.until))


@dataclass(frozen=True, slots=True)
class Frame:
    """What the sections of one window have in common."""

    window: Window
    number: int
    """The window's number in the query."""
    zone: ZoneInfo
    week_starts_on: Weekday
    now: datetime

    @property
    def stored_window(self) -> StoredWindow:
        """The window as the database knows it."""
        return stored_window(self.window)

    @property
    def last(self) -> datetime:
        """The last instant whose bucket a series has: now, or the last one of the window.

        Of a window to come it is the first one, whose bucket may have begun.
        """
        until = self.window.until
        last = self.now if until is None else min(self.now, until - timedelta.resolution)
        return max(last, self.window.start)

    def steps(self, step: Step) -> Steps:
        """How the window is cut into buckets of a length."""
        return steps(
            step,
            self.zone,
            first=self.window.start,
            last=self.last,
            week_starts_on=self.week_starts_on.value,
        )

    def points(self, selection: Selection) -> int:
        """How many points all series of the window have, under all of their aliases, and how many
        dates ``daily_stats`` may have.

        Raises:
            BadInput: where one has too many.
        """
        first, last = self.window.start, self.last
        dates = 0
        if selection.daily is not None:
            dates = points(Step.DAY, self.zone, first=first, last=last)
        return dates + sum(
            selection.series_aliases[step]
            * checked_points(
                step,
                self.zone,
                first=first,
                last=last,
                week_starts_on=self.week_starts_on,
            )
            for step in selection.series
        )

    def buckets(self, cut: Steps) -> list[Bucket]:
        """The buckets of a series, ascending: those that do not begin after now."""
        window, now = self.stored_window, as_stored(self.now)
        if window.start == window.end:  # a date that the zone skipped
            return []
        if not cut.spans:
            first, last = cut.rest.floor(window.start), cut.rest.floor(as_stored(self.last))
            found = _of_grain(cut.rest, self.zone, first, last)
            return [bucket for bucket in found if bucket.start <= now]
        # Between the two parts of a date may be a date that is not in the window.
        inside = {
            span.bucket
            for span in cut.spans
            if window.start < span.end and (window.end is None or span.start < window.end)
        }
        found = _of_spans(cut, self.zone)
        return [bucket for bucket in found if bucket.start <= now and bucket.start in inside]

    def are_partial(self, buckets: Sequence[Bucket]) -> list[bool]:
        """Which buckets the window, or now, cuts."""
        window, until = self.stored_window, as_stored(self.now)
        if window.end is not None:
            until = min(window.end, until)
        return [bucket.start < window.start or bucket.end > until for bucket in buckets]


_remembered: LRUCache[Any, tuple[Bucket, ...]] = LRUCache(REMEMBERED_BUCKETS, getsizeof=len)
"""They are the same from request to request. To write them anew each time would be much of the
work of an answer of thousands of points."""


@cached(_remembered)
def _of_grain(grain: Grain, zone: ZoneInfo, first: datetime, last: datetime) -> tuple[Bucket, ...]:
    ends = {}
    start = first
    while start <= last:
        ends[start] = grain.next(start)
        start = ends[start]
    return _with_bounds(ends, zone)


@cached(_remembered)
def _of_spans(cut: Steps, zone: ZoneInfo) -> tuple[Bucket, ...]:
    return _with_bounds({span.bucket: span.end for span in cut.spans}, zone)


def _with_bounds(ends: Mapping[datetime, datetime], zone: ZoneInfo) -> tuple[Bucket, ...]:
    """Buckets, from the start and the end of each."""
    return tuple(
        Bucket(start, end, as_local(start, zone).isoformat(), as_local(end, zone).isoformat())
        for start, end in sorted(ends.items())
    )
