"""Sections: each list of a report, with the group of calls that it is made of.

A section is the one place that says what is read for a list, and how its items are made of that.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias

from call_analytics.db.figures.measures import CALLS
from call_analytics.db.figures.query import (
    ASSISTANT,
    REFERENCE_MONDAY,
    STATUS,
    CallsBelow,
    Group,
    NearestRanks,
    Ranking,
)
from call_analytics.resolvers.calendar import Step, hours_of_week
from call_analytics.resolvers.calendar_unit import Weekday
from call_analytics.resolvers.errors import BadInput
from call_analytics.resolvers.figures import FIGURES, NO_CALLS, added, columns, measures_of
from call_analytics.resolvers.frame import Frame
from call_analytics.resolvers.local_time import as_local
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

MAX_STATUSES = 1_000
"""Different statuses in one answer."""
NO_LIMIT = 2**62
"""Seconds; no call is as long."""

Rows: TypeAlias = Sequence[Any]
"""Rows of a group, as the database has summed them up."""


class Section(NamedTuple):
    """What is read for a part of a report, and how that is made of it."""

    group: Group | NearestRanks | CallsBelow
    fields: Callable[[Rows], Mapping[str, Any]]
    """The fields of the report, made of the group's rows. Where a value is a mapping, several
    sections have a part of it."""


def sections(selection: Selection, frame: Frame) -> Iterator[Section]:
    """The sections that a selection needs."""
    figures = selection.figures | selection.figures_of_totals
    if figures:
        yield _figures(figures, frame)
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
        return as_local(moment, zone).date()

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
        buckets = frame.buckets(cut)
        if not buckets:
            return {"series": {step: ()}}
        sums = {row.bucket: row for row in rows}
        last = buckets[-1].start
        # Calls that are stamped later than now belong to the last bucket.
        late = [sums[bucket] for bucket in sums if bucket >= last]
        if late:
            sums[last] = added(late)
        found = columns([sums.get(bucket.start, NO_CALLS) for bucket in buckets], figures)
        starts = [bucket.written_start for bucket in buckets]
        ends = [bucket.written_end for bucket in buckets]
        points = zip(starts, ends, frame.are_partial(buckets), *found, strict=True)
        return {"series": {step: tuple(map(SeriesPoint._make, points))}}

    return Section(Group(measures_of(figures), steps=cut, window=frame.number), fields)


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
            moment = as_local(moment, frame.zone)
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
