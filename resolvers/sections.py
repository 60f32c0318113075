"""Sections: each list of a report, with the group of calls that it is made of.

A section is the one place that says what is read for a list, and how its items are made of that.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from call_analytics.db.figures.measures import CALLS
from call_analytics.db.figures.query import (
    ASSISTANT,
    REFERENCE_MONDAY,
    STATUS,
    CallsBelow,
    Group,
    NearestRanks,
    Ranking,
    Steps,
)
from call_analytics.db.figures.query import Window as StoredWindow
from call_analytics.resolvers.calendar import Step, hours_of_week, steps
from call_analytics.resolvers.calendar_unit import Weekday
from call_analytics.resolvers.errors import BadInput
from call_analytics.resolvers.figures import FIGURES, NO_CALLS, added, columns, measures_of
from call_analytics.resolvers.question import (
    DAILY,
    NAME,
    PER_ASSISTANT,
    PER_STATUS,
    AssistantOrder,
    Selection,
)
from call_analytics.resolvers.report import (
    AssistantRow,
    DayRow,
    HourRow,
    SeriesPoint,
    StatusRow,
)
from call_analytics.resolvers.series_points import checked_points
from call_analytics.resolvers.window import Window

MAX_STATUSES = 1_000
"""Different statuses in one answer."""
NO_LIMIT = 2**62
"""Seconds; no call is as long."""

Rows: TypeAlias = Sequence[Any]
"""Rows of a group, as the database has summed them up."""


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


class Section(NamedTuple):
    """What is read for a part of a report, and how that is made of it."""

    group: Group | NearestRanks | CallsBelow
    fields: Callable[[Rows], Mapping[str, Any]]
    """The fields of the report, made of the group's rows. Where a value is a mapping, several
    sections have a part of it."""


def points(selection: Selection, frame: Frame) -> int:
    """How many points all series of a window have, under all of their aliases.

    Raises:
        BadInput: where one has too many.
    """
    return sum(
        selection.series_aliases[step]
        * checked_points(
            step,
            frame.zone,
            first=frame.window.start,
            last=frame.last,
            week_starts_on=frame.week_starts_on,
        )
        for step in selection.series
    )


def sections(selection: Selection, frame: Frame) -> Iterator[Section]:
    """The sections that a selection needs."""
    if selection.figures:
        yield _figures(selection.figures, frame)
    if selection.daily is not None:
        yield _daily(selection.daily, frame)
    for step, figures in selection.series.items():
        yield _series(step, figures, frame)
    for order, figures in selection.assistants.items():
        yield _assistants(order, figures, selection.assistant_limits[order], frame)
    if selection.hours_of_week is not None:
        yield _hours_of_week(selection.hours_of_week, frame)
    if selection.statuses is not None:
        yield _statuses(selection.statuses, frame)
    if selection.percents:
        yield _percentiles(selection.percents, frame)
    if selection.histogram_edges is not None:
        yield _shorter(selection.histogram_edges, frame)


def _figures(figures: frozenset[str], frame: Frame) -> Section:
    def fields(rows: Rows) -> dict[str, Any]:
        values = zip(*columns(rows, figures), strict=True)
        return dict(zip(FIGURES, next(values), strict=True))

    return Section(Group(measures_of(figures), window=frame.number), fields)


def _daily(figures: frozenset[str], frame: Frame) -> Section:
    zone = frame.zone

    def local_date(row: Any) -> date:  # noqa: ANN401 - a row of the database
        moment: datetime = row.bucket
        return moment.replace(tzinfo=UTC).astimezone(zone).date()

    def fields(rows: Rows) -> dict[str, Any]:
        by_date: dict[date, list[Any]] = {}
        for row in rows:  # what comes after the last step is in rows of quarter hours
            by_date.setdefault(local_date(row), []).append(row)
        dates = sorted(by_date)
        found = columns([added(by_date[day]) for day in dates], figures, DAILY)
        return {"daily_stats": tuple(map(DayRow._make, zip(dates, *found, strict=True)))}

    group = Group(measures_of(figures, DAILY), steps=frame.steps(Step.DAY), window=frame.number)
    return Section(group, fields)


def _series(step: Step, figures: frozenset[str], frame: Frame) -> Section:
    cut = frame.steps(step)

    def fields(rows: Rows) -> dict[str, Any]:
        buckets = _buckets(cut, frame)
        if not buckets:
            return {"series": {step: ()}}
        sums = {row.bucket: row for row in rows}
        last = buckets[-1].start
        # Calls that are stamped later than now belong to the last bucket.
        late = [sums[bucket] for bucket in sums if bucket >= last]
        if late:
            sums[last] = added(late)
        found = columns([sums.get(bucket.start, NO_CALLS) for bucket in buckets], figures)
        starts, ends = (
            [_local(moment, frame.zone) for moment in its] for its in zip(*buckets, strict=True)
        )
        window = frame.window
        are_partial = [
            start < window.start
            or (window.until is not None and end > window.until)
            or end > frame.now
            for start, end in zip(starts, ends, strict=True)
        ]
        points = zip(starts, ends, are_partial, *found, strict=True)
        return {"series": {step: tuple(map(SeriesPoint._make, points))}}

    return Section(Group(measures_of(figures), steps=cut, window=frame.number), fields)


class _Bucket(NamedTuple):
    start: datetime
    end: datetime


def _buckets(cut: Steps, frame: Frame) -> list[_Bucket]:
    """The buckets of a series, as stored timestamps: those that do not begin after now."""
    if frame.window.until == frame.window.start:  # a date that the zone skipped
        return []
    ends = {}
    if cut.spans:
        # Between the two parts of a date may be one that is not in the window, or begins earlier.
        window = frame.stored_window
        inside = {
            span.bucket
            for span in cut.spans
            if window.start < span.end and (window.end is None or span.start < window.end)
        }
        ends = {span.bucket: span.end for span in cut.spans if span.bucket in inside}
    else:
        start, last = cut.rest.floor(_stored(frame.window.start)), _stored(frame.last)
        while start <= last:
            ends[start] = cut.rest.next(start)
            start = ends[start]
    now = _stored(frame.now)
    return [_Bucket(start, end) for start, end in sorted(ends.items()) if start <= now]


def _assistants(
    order: AssistantOrder, figures: frozenset[str], limit: int, frame: Frame
) -> Section:
    def fields(rows: Rows) -> dict[str, Any]:
        found = columns(rows, figures, PER_ASSISTANT)
        items = zip(
            [row.assistant_id for row in rows],
            [row.assistant_name for row in rows],
            *found,
            strict=True,
        )
        return {"assistants": {order: tuple(map(AssistantRow._make, items))}}

    ranking = Ranking(
        limit,
        by=None if order.by == NAME else FIGURES[order.by],
        is_descending=order.is_descending,
        min_calls=order.min_calls,
    )
    measures = measures_of(figures, PER_ASSISTANT)
    return Section(Group(measures, (ASSISTANT,), ranking=ranking, window=frame.number), fields)


def _hours_of_week(figures: frozenset[str], frame: Frame) -> Section:
    def hour_of(row: Any) -> tuple[int, int]:  # noqa: ANN401 - a row of the database
        moment: datetime = row.bucket
        if moment >= REFERENCE_MONDAY + timedelta(days=7):  # a quarter hour of its own
            moment = _local(moment, frame.zone)
        return moment.weekday(), moment.hour

    def fields(rows: Rows) -> dict[str, Any]:
        by_hour: dict[tuple[int, int], list[Any]] = {}
        for row in rows:
            by_hour.setdefault(hour_of(row), []).append(row)
        first = frame.week_starts_on.value
        hours = [((first + day) % 7, hour) for day in range(7) for hour in range(24)]
        sums = [added(by_hour[hour]) if hour in by_hour else NO_CALLS for hour in hours]
        weekdays = [Weekday(weekday) for weekday, _ in hours]
        items = zip(weekdays, [hour for _, hour in hours], *columns(sums, figures), strict=True)
        return {"hours_of_week": tuple(map(HourRow._make, items))}

    until = frame.window.until or frame.now
    cut = hours_of_week(frame.zone, first=frame.window.start, last=until)
    return Section(Group(measures_of(figures), steps=cut, window=frame.number), fields)


def _statuses(figures: frozenset[str], frame: Frame) -> Section:
    def fields(rows: Rows) -> dict[str, Any]:
        if len(rows) > MAX_STATUSES:
            raise BadInput(
                f"statuses: the calls of this window have more than {MAX_STATUSES:,} different "
                "statuses. Choose a shorter window."
            )
        found = columns(rows, figures | {"calls"}, PER_STATUS)
        items = map(StatusRow._make, zip([row.status for row in rows], *found, strict=True))
        return {
            "statuses": tuple(sorted(items, key=lambda item: (-(item.calls or 0), item.status)))
        }

    measures = measures_of(figures, PER_STATUS) | {CALLS}
    ranking = Ranking(MAX_STATUSES + 1)
    return Section(Group(measures, (STATUS,), ranking=ranking, window=frame.number), fields)


def _percentiles(percents: frozenset[Decimal], frame: Frame) -> Section:
    ascending = tuple(sorted(percents))

    def fields(rows: Rows) -> dict[str, Any]:
        durations = [row.averaged_duration for row in rows]
        return {"percentiles": dict(zip(ascending, durations, strict=True))}

    shares = tuple(percent.scaleb(-2) for percent in ascending)
    return Section(NearestRanks(shares, frame.number), fields)


def _shorter(edges: frozenset[int], frame: Frame) -> Section:
    ascending = tuple(sorted(edges))

    def fields(rows: Rows) -> dict[str, Any]:
        counts = [row.calls for row in rows]
        return {"shorter": dict(zip((*ascending, None), counts, strict=True))}

    return Section(CallsBelow((*ascending, NO_LIMIT), frame.number), fields)


def _stored(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def _local(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.replace(tzinfo=UTC).astimezone(zone)
