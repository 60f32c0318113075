"""A frame: a window in its zone, and how it is cut into buckets."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from call_analytics.db.figures.query import Steps
from call_analytics.db.figures.query import Window as StoredWindow
from call_analytics.resolvers.calendar import Step, steps
from call_analytics.resolvers.calendar_unit import Weekday
from call_analytics.resolvers.question import Selection
from call_analytics.resolvers.series_points import checked_points
from call_analytics.resolvers.window import Window


class Bucket(NamedTuple):
    """A bucket's own bounds, as stored timestamps."""

    start: datetime
    end: datetime
    is_partial: bool
    """Whether the window, or now, cuts it."""


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
        until = self.window.until
        return StoredWindow(_stored(self.window.start), until and _stored(until))

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
        """How many points all series of the window have, under all of their aliases.

        Raises:
            BadInput: where one has too many.
        """
        return sum(
            selection.series_aliases[step]
            * checked_points(
                step,
                self.zone,
                first=self.window.start,
                last=self.last,
                week_starts_on=self.week_starts_on,
            )
            for step in selection.series
        )

    def buckets(self, cut: Steps) -> list[Bucket]:
        """The buckets of a series, ascending: those that do not begin after now."""
        window, now = self.stored_window, _stored(self.now)
        if window.start == window.end:  # a date that the zone skipped
            return []
        ends = {}
        if cut.spans:
            # Between the two parts of a date may be a date that is not in the window.
            inside = {
                span.bucket
                for span in cut.spans
                if window.start < span.end and (window.end is None or span.start < window.end)
            }
            ends = {span.bucket: span.end for span in cut.spans if span.bucket in inside}
        else:
            start, last = cut.rest.floor(window.start), _stored(self.last)
            while start <= last:
                ends[start] = cut.rest.next(start)
                start = ends[start]
        until = now if window.end is None else min(window.end, now)
        return [
            Bucket(start, end, is_partial=start < window.start or end > until)
            for start, end in sorted(ends.items())
            if start <= now
        ]


def _stored(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
