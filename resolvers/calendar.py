"""The calendar of a time zone: how time is cut into steps, and where offsets from UTC change.

A local date is that of an instant in the zone, by the zone's rules at that instant. So a day may
have 23 or 25 hours, and where clocks are set back over midnight, a date has two spans.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from enum import Enum
from functools import lru_cache, partial
from typing import NamedTuple
from zoneinfo import ZoneInfo

from cachetools import LRUCache, cached

from call_analytics.db.figures.query import (
    REFERENCE_MONDAY,
    HoursOfWeek,
    Span,
    Spans,
    Steps,
    Stretch,
)
from call_analytics.db.rollups.grains import DAY, HOUR, MONTH, QUARTER_HOUR, Grain
from call_analytics.resolvers.local_time import as_local, as_stored

MARGIN = timedelta(days=2)
"""More than any offset from UTC, and than any change of it."""

REMEMBERED_SPANS = 200_000
"""Bound of the memory of calendars, some 50 MB."""


class Step(Enum):
    """The length of a bucket on the local calendar."""

    QUARTER_HOUR = "quarter hour"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


GRAINS: dict[Step, Grain] = {
    Step.QUARTER_HOUR: QUARTER_HOUR,
    Step.HOUR: HOUR,
    Step.DAY: DAY,
    Step.MONTH: MONTH,
}
"""The steps that are grains of rollups in UTC."""
SHORT_STEPS = (Step.QUARTER_HOUR, Step.HOUR)
"""Steps whose buckets have one offset from UTC: an hour that is repeated makes two buckets."""


class _Stretch(NamedTuple):
    """Instants (UTC, without a zone) between which a zone's offset from UTC is the same."""

    start: datetime
    end: datetime
    offset: timedelta


def steps(
    step: Step, zone: ZoneInfo, *, first: datetime, last: datetime, week_starts_on: int = 0
) -> Steps:
    """The buckets of a zone, from the one that holds ``first`` to the one that holds ``last``.

    Both are aware. What comes after the last bucket, which are calls that are stamped later than
    now, is cut into quarter hours: since 2023 the clocks of every zone change, and stand, at whole
    ones. In UTC it is cut into steps as long as those before. Weekdays are numbered as by
    ``datetime.weekday``.
    """
    if zone.key == "UTC" and step in GRAINS:
        return Steps(rest=GRAINS[step])
    begin, end = as_stored(first), as_stored(last)
    calendar = _calendar(step, zone, MONTH.floor(begin), MONTH.ceil(end), week_starts_on)
    return calendar.steps(begin, end)


def hours_of_week(zone: ZoneInfo, *, first: datetime, last: datetime) -> HoursOfWeek:
    """The hours of the week on a zone's clock, from ``first`` to ``last`` and a little longer.

    Both are aware.
    """
    begin, end = as_stored(first), as_stored(last)
    return _hours_of_week(zone, DAY.floor(begin), DAY.ceil(end))


@lru_cache(maxsize=256)
def _hours_of_week(zone: ZoneInfo, first: datetime, last: datetime) -> HoursOfWeek:
    return HoursOfWeek(
        tuple(
            Stretch(stretch.start, stretch.end, REFERENCE_MONDAY - stretch.offset)
            for stretch in _stretches(zone, first, last + MARGIN)
        )
    )


def points(
    step: Step, zone: ZoneInfo, *, first: datetime, last: datetime, week_starts_on: int = 0
) -> int:
    """How many buckets ``steps`` would make, counted without making them."""
    begin, end = as_stored(first), as_stored(last)
    number = partial(_number, step, week_starts_on)
    count = 0
    before = range(0)
    for stretch in _stretches(zone, begin, end + datetime.resolution):
        last_of_it = stretch.end - datetime.resolution
        buckets = range(
            number(stretch.start + stretch.offset), number(last_of_it + stretch.offset) + 1
        )
        count += len(buckets)
        if step not in SHORT_STEPS:  # a date, and what is longer, goes on where an offset changes
            both = range(max(before.start, buckets.start), min(before.stop, buckets.stop))
            count -= len(both)
        before = buckets
    return count


def _number(step: Step, week_starts_on: int, local: datetime) -> int:
    """The number of the bucket of a local clock's reading: one more for each bucket."""
    if step is Step.MONTH:
        return local.year * 12 + local.month
    if step is Step.WEEK:
        return (local.toordinal() - 1 - week_starts_on) // 7
    if step is Step.DAY:
        return local.toordinal()
    quarters = (local.toordinal() * 24 + local.hour) * 4 + local.minute // 15
    return quarters if step is Step.QUARTER_HOUR else quarters // 4


class _Calendar:
    """The spans of some months."""

    def __init__(self, spans: tuple[Span, ...]) -> None:
        self._spans = spans
        self._starts = [span.start for span in spans]
        self._first: dict[datetime, int] = {}
        """The number of the first span of each bucket."""
        self._last: dict[datetime, int] = {}
        for number, span in enumerate(spans):
            self._first.setdefault(span.bucket, number)
            self._last[span.bucket] = number
        self._steps: tuple[tuple[int, int], Steps] | None = None

    def __len__(self) -> int:
        return len(self._spans)

    def steps(self, first: datetime, last: datetime) -> Steps:
        """From the bucket that holds one instant to the bucket that holds another.

        They are the same from request to request, until one of these buckets is another.
        """
        # A bucket of two spans may end after the next one has begun.
        after = bisect_right(self._starts, last)
        begun = self._spans[max(after - 3, 0) : after]
        numbers = (
            self._first[self._bucket_of(first)],
            max(self._last[span.bucket] for span in begun),
        )
        if self._steps is None or self._steps[0] != numbers:
            spans = Spans(self._spans[numbers[0] : numbers[1] + 1])
            self._steps = numbers, Steps(rest=QUARTER_HOUR, spans=spans)
        return self._steps[1]

    def _bucket_of(self, moment: datetime) -> datetime:
        return self._spans[bisect_right(self._starts, moment) - 1].bucket


@cached(LRUCache(REMEMBERED_SPANS, getsizeof=len))
def _calendar(
    step: Step, zone: ZoneInfo, first: datetime, last: datetime, week_starts_on: int
) -> _Calendar:
    return _Calendar(_spans(step, zone, first, last, week_starts_on))


def _spans(
    step: Step, zone: ZoneInfo, first: datetime, last: datetime, week_starts_on: int
) -> tuple[Span, ...]:
    """The spans of all buckets that hold an instant from ``first`` to ``last``, and of some more.

    Those at either end may be cut.
    """
    floor, after = _local_buckets(step, week_starts_on)
    begin, end = floor(first - MARGIN) - MARGIN, after(floor(last + MARGIN)) + MARGIN
    found: list[Span] = []
    buckets: dict[datetime, datetime] = {}
    for stretch in _stretches(zone, begin, end):
        start, local_end = stretch.start, stretch.end + stretch.offset
        local = start + stretch.offset
        label = floor(local)
        while local < local_end:
            next_label = after(label)
            local = min(next_label, local_end)
            bucket = start if step in SHORT_STEPS else buckets.setdefault(label, start)
            if found and found[-1].bucket == bucket:
                start = found.pop().start
            found.append(Span(bucket, start, local - stretch.offset))
            start, label = found[-1].end, next_label
    return tuple(found)


def _local_buckets(
    step: Step, week_starts_on: int
) -> tuple[Callable[[datetime], datetime], Callable[[datetime], datetime]]:
    """For timestamps of the local clock: the start of the bucket, and the start of the next."""
    if step in GRAINS:
        grain = GRAINS[step]
        return grain.floor, grain.next
    assert step is Step.WEEK
    return partial(_week, week_starts_on), lambda first: first + timedelta(days=7)


def _week(week_starts_on: int, local: datetime) -> datetime:
    day = DAY.floor(local)
    return day - timedelta(days=(day.weekday() - week_starts_on) % 7)


def _stretches(zone: ZoneInfo, begin: datetime, end: datetime) -> Iterator[_Stretch]:
    """The stretches between two instants."""
    offset = _offset(zone, begin)
    for year in range(begin.year, end.year + 1):
        for change in _changes(zone, year):
            if begin < change < end:
                yield _Stretch(begin, change, offset)
                begin, offset = change, _offset(zone, change)
    yield _Stretch(begin, end, offset)


@lru_cache(maxsize=4096)
def _changes(zone: ZoneInfo, year: int) -> tuple[datetime, ...]:
    """The instants of a UTC year at which a zone's offset changes.

    ``zoneinfo`` does not tell them. No zone's offset changes twice within a day, so they are found
    between days whose offsets differ.
    """
    changes = []
    day, year_end = (datetime(number, 1, 1) for number in (year, year + 1))  # noqa: DTZ001 - UTC
    while day < year_end:
        next_day = day + timedelta(days=1)
        offset = _offset(zone, next_day)
        if offset != _offset(zone, day):
            seconds = range(int(timedelta(days=1).total_seconds()) + 1)
            index = bisect_left(
                seconds,
                1,
                key=lambda second: _offset(zone, day + timedelta(seconds=second)) == offset,
            )
            changes.append(day + timedelta(seconds=index))
        day = next_day
    return tuple(changes)


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    offset = as_local(moment, zone).utcoffset()
    assert offset is not None
    return offset
