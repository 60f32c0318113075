"""Tiles: ranges of rows that together hold the calls of a window exactly once.

A tile is a range of calls, or of rollup rows of one grain. The coarsest rows that fit are taken:
days where whole days are in one bucket, hours at both ends of these, and so on. Only what is left
at the ends of a window, or of a bucket, is read from the calls.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from operator import attrgetter
from typing import NamedTuple

from cachetools import LRUCache, cached

from call_analytics.db.figures.query import HoursOfWeek, Span, Steps, Window
from call_analytics.db.rollups.grains import GRAINS, HOUR, QUARTER_HOUR, Grain

REMEMBERED_TILES = 200_000
"""Bound of the memory of tiles, some 50 MB."""


class Tile(NamedTuple):
    """Rows from ``start`` to before ``end``, all in one bucket or each in its own."""

    bucket: datetime | None
    """The bucket of all its rows; None where ``grain`` makes each row's timestamp its bucket. With
    the hours of a week, an instant at which a Monday begins."""
    grain: int
    """The number of a grain; 0 where each row's timestamp is its bucket."""
    start: datetime
    end: datetime | None
    """None is the end of time."""


class Tiles(NamedTuple):
    """The tiles of one window, by what they are ranges of."""

    of_rollups: list[Tile]
    of_calls: list[Tile]


def tiles(window: Window, steps: Steps | HoursOfWeek | None, grains: Sequence[Grain]) -> Tiles:
    """The tiles of a window, whose rollups have these grains, the coarsest first.

    Without grains, all tiles are of calls. Without steps, the buckets of tiles mean nothing.
    """
    if steps is None:
        return _sorted(_in_bucket(window.start, window.start, window.end, grains))
    if isinstance(steps, HoursOfWeek):
        return _sorted(_by_hour_of_week(window, steps, grains))
    first, last = _whole_spans(window, steps.spans)
    before = _sorted(
        tile for span in steps.spans[:first] for tile in _in_span(span, window, grains)
    )
    whole = _in_whole_spans(steps, first, last, tuple(grains))
    after = _sorted(_after(window, steps, last, grains))
    return Tiles(
        [*before.of_rollups, *whole.of_rollups, *after.of_rollups],
        [*before.of_calls, *whole.of_calls, *after.of_calls],
    )


_Found = tuple[Tile, bool]
"""A tile, and whether it is one of rollups."""


def _sorted(found: Iterable[_Found]) -> Tiles:
    """Tiles by what they are ranges of, each as long as it can be."""
    tiles = Tiles([], [])
    for tile, is_stored in _merged(found):
        (tiles.of_rollups if is_stored else tiles.of_calls).append(tile)
    return tiles


def _after(window: Window, steps: Steps, number: int, grains: Sequence[Grain]) -> Iterator[_Found]:
    """The tiles of the spans from a number on, and of what comes after all spans."""
    for span in steps.spans[number:]:
        yield from _in_span(span, window, grains)
    rest = window.start
    if steps.spans and steps.spans[-1].end > window.start:
        # Up to the next bucket of the grain, which may have begun in another bucket of the zone.
        start = steps.spans[-1].end
        rest = steps.rest.ceil(start)
        until = rest if window.end is None else min(rest, window.end)
        yield from _in_bucket(start, start, until, grains)
    yield from _by_grain(steps.rest, rest, window.end, grains)


def _whole_spans(window: Window, spans: Sequence[Span]) -> tuple[int, int]:
    """The range of those spans that are wholly in the window."""
    first = bisect_left(spans, window.start, key=attrgetter("start"))
    last = len(spans)
    if window.end is not None:
        last = bisect_right(spans, window.end, key=attrgetter("end"))
    return first, max(first, last)


@cached(LRUCache(REMEMBERED_TILES, getsizeof=lambda tiles: 1 + sum(map(len, tiles))))
def _in_whole_spans(steps: Steps, first: int, last: int, grains: tuple[Grain, ...]) -> Tiles:
    """The tiles of spans that no window cuts: the same from request to request."""
    everything = Window(datetime.min)  # noqa: DTZ901 - stored timestamps have no zone
    return _sorted(
        tile for span in steps.spans[first:last] for tile in _in_span(span, everything, grains)
    )


def _in_span(span: Span, window: Window, grains: Sequence[Grain]) -> Iterator[_Found]:
    """The tiles of that part of a span that is in the window."""
    start = max(span.start, window.start)
    end = span.end if window.end is None else min(span.end, window.end)
    if start < end:
        grain = _grain_of(span)
        if grain is None:
            yield from _in_bucket(span.bucket, start, end, grains)
        else:
            yield from _by_grain(grain, start, end, grains)


def _grain_of(span: Span) -> Grain | None:
    """The grain of which a span is one bucket."""
    for grain in GRAINS:
        if grain.floor(span.start) == span.bucket and grain.next(span.bucket) == span.end:
            return grain
    return None


def _by_grain(
    grain: Grain, start: datetime, end: datetime | None, grains: Sequence[Grain]
) -> Iterator[_Found]:
    """The tiles of a range that is cut into the buckets of a grain."""
    if end is not None and start >= end:
        return
    if grain not in grains:
        yield Tile(None, grain.number, start, end), False
        return
    finer = grains[grains.index(grain) + 1 :]
    first = grain.ceil(start)
    last = None if end is None else grain.floor(end)
    if end is not None and last is not None and first > last:
        yield from _in_bucket(last, start, end, finer)
        return
    yield from _in_bucket(grain.floor(start), start, first, finer)
    if first != last:
        yield Tile(None, grain.number, first, last), True
    if end is not None and last is not None:
        yield from _in_bucket(last, last, end, finer)


def _by_hour_of_week(
    window: Window, hours: HoursOfWeek, grains: Sequence[Grain]
) -> Iterator[_Found]:
    """The tiles of a window that is cut into the hours of a week."""
    rest = window.start
    for stretch in hours.stretches:
        start = max(stretch.start, window.start)
        end = stretch.end if window.end is None else min(stretch.end, window.end)
        # Rows of a grain are in one hour of the clock where it has an edge at each of the hours'.
        fitting = [
            grain
            for grain in grains
            if grain in (HOUR, QUARTER_HOUR) and grain.floor(stretch.monday) == stretch.monday
        ]
        yield from _in_bucket(stretch.monday, start, end, fitting)
        rest = max(rest, stretch.end)
    yield from _by_grain(QUARTER_HOUR, rest, window.end, grains)


def _in_bucket(
    bucket: datetime, start: datetime, end: datetime | None, grains: Sequence[Grain]
) -> Iterator[_Found]:
    """The tiles of a range that is in one bucket."""
    if end is not None and start >= end:
        return
    if not grains:
        yield Tile(bucket, 0, start, end), False
        return
    coarsest, finer = grains[0], grains[1:]
    first = coarsest.ceil(start)
    last = None if end is None else coarsest.floor(end)
    if last is not None and first >= last:
        yield from _in_bucket(bucket, start, end, finer)
        return
    yield from _in_bucket(bucket, start, first, finer)
    yield Tile(bucket, coarsest.number, first, last), True
    if last is not None:
        yield from _in_bucket(bucket, last, end, finer)


def _merged(found: Iterable[_Found]) -> Iterator[_Found]:
    """The same tiles, where one that goes on with another is part of it."""
    pending: _Found | None = None
    for tile, is_stored in found:
        if pending is not None:
            before, was_stored = pending
            if was_stored is is_stored and before.end == tile.start and before[:2] == tile[:2]:
                pending = before._replace(end=tile.end), is_stored
                continue
            yield pending
        pending = tile, is_stored
    if pending is not None:
        yield pending
