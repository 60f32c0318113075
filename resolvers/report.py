"""The derived answer: figures as clients know them, made of summed measures.

A figure that was not selected is None, so that it cannot be mistaken for a zero.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from call_analytics.db.replicas.servers import Origin
from call_analytics.resolvers.calendar import Step
from call_analytics.resolvers.calendar_unit import Weekday
from call_analytics.resolvers.call_list import CallConnection, CallPage
from call_analytics.resolvers.question import UTC as UTC_NAME
from call_analytics.resolvers.question import AssistantOrder, Question
from call_analytics.resolvers.window import DateRange, InstantRange, Period, Window


class DayRow(NamedTuple):
    """The calls of one local date."""

    date: date
    total: int | None
    completed: int | None
    failed: int | None


class SeriesPoint(NamedTuple):
    """The calls of one bucket; what comes after ``is_partial`` is as in ``FIGURES``."""

    start: str
    """The bucket's own bounds, as in ISO 8601 with the zone's offset, and so is ``end``."""
    end: str
    is_partial: bool
    """Whether the window, or the request's now, cuts the bucket."""
    total_calls: int | None
    completed_calls: int | None
    failed_calls: int | None
    ongoing_calls: int | None
    other_calls: int | None
    total_duration: int | None
    avg_duration: float | None
    success_rate: float | None
    failure_rate: float | None
    duration_of_all_statuses: int | None


class AssistantRow(NamedTuple):
    """One assistant's calls in the window."""

    assistant_id: int
    assistant_name: str
    calls: int | None
    duration: int | None
    """Seconds, over calls of every status."""
    total_calls: int | None = None
    completed_calls: int | None = None
    failed_calls: int | None = None
    ongoing_calls: int | None = None
    other_calls: int | None = None
    total_duration: int | None = None
    avg_duration: float | None = None
    success_rate: float | None = None
    failure_rate: float | None = None
    duration_of_all_statuses: int | None = None


class HourRow(NamedTuple):
    """The calls of one hour of the week, on the local clock."""

    weekday: Weekday
    hour: int
    total_calls: int | None
    completed_calls: int | None
    failed_calls: int | None
    ongoing_calls: int | None
    other_calls: int | None
    total_duration: int | None
    avg_duration: float | None
    success_rate: float | None
    failure_rate: float | None
    duration_of_all_statuses: int | None


class StatusRow(NamedTuple):
    """The calls of one status, spelled as stored."""

    status: str
    calls: int | None
    duration: int | None
    """Seconds."""


class Bin(NamedTuple):
    """The calls of a histogram that took ``from_`` seconds or more, and less than ``to``."""

    from_: int
    to: int | None
    """None is any duration."""
    calls: int


@dataclass(frozen=True, slots=True)
class Durations:
    """How the durations that an average counts are distributed."""

    percentiles: Mapping[Decimal, int | None] = field(default_factory=dict)
    """Seconds by percent; 0 is the shortest. None where there are no such calls."""
    shorter: Mapping[int | None, int] = field(default_factory=dict)
    """How many are shorter than so many seconds; None counts all."""

    def percentile(self, percent: Decimal) -> int | None:
        """The smallest duration that at least so many percent do not exceed, in seconds."""
        return self.percentiles[percent]

    def histogram(self, edges: list[int]) -> tuple[Bin, ...]:
        """How many calls there are between edges, which ascend: one bin more than edges."""
        limits = [*edges, None]
        counts = [0, *(self.shorter[limit] for limit in limits)]
        return tuple(
            Bin(start, end, after - before)
            for start, end, (before, after) in zip(
                [0, *edges], limits, pairwise(counts), strict=True
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The answer for one organization and one window."""

    organization_id: int
    question: Question
    window: Window
    as_of: datetime
    """The request's now."""
    before: int = 0
    """How many windows before the one that was asked for this one is."""
    sources: tuple[str, ...] = ()
    """What was read: ``calls``, or ``calls`` and ``rollups``; and the server of ``origin``."""
    origin: Origin | None = None
    """Where there are replicas, which server was read."""
    total_calls: int | None = None
    completed_calls: int | None = None
    failed_calls: int | None = None
    ongoing_calls: int | None = None
    other_calls: int | None = None
    """Calls of any other status."""
    total_duration: int | None = None
    """Seconds, over completed calls."""
    avg_duration: float | None = None
    """Seconds; the mean over completed calls whose duration is neither null nor 0."""
    success_rate: float | None = None
    """Percent of all calls that were completed, 0 to 100."""
    failure_rate: float | None = None
    """Percent of all calls that failed."""
    duration_of_all_statuses: int | None = None
    """Seconds."""
    daily_stats: tuple[DayRow, ...] = ()
    """Ascending; only dates that have calls."""
    series: Mapping[Step, tuple[SeriesPoint, ...]] = field(default_factory=dict)
    """Ascending; every bucket that begins before the window's end and not after now."""
    assistants: Mapping[AssistantOrder, tuple[AssistantRow, ...]] = field(default_factory=dict)
    """Ties by ascending id."""
    hours_of_week: tuple[HourRow, ...] = ()
    """All 168."""
    statuses: tuple[StatusRow, ...] = ()
    """Most calls first, ties by status."""
    percentiles: Mapping[Decimal, int | None] = field(default_factory=dict)
    shorter: Mapping[int | None, int] = field(default_factory=dict)
    calls: Mapping[CallPage, CallConnection] = field(default_factory=dict)
    """The calls themselves, a page at a time."""
    previous: "Report | None" = None
    """The answer for the window before."""

    @property
    def durations(self) -> Durations:
        """How the durations that the average counts are distributed."""
        return Durations(self.percentiles, self.shorter)

    @property
    def id(self) -> str:
        """The same for every report of one organization and question, whatever it selects."""
        question = self.question
        parts = [str(self.organization_id), _name(question)]
        if question.zone.key != UTC_NAME:
            parts.append(question.zone.key)
        if question.week_starts_on is not Weekday.MONDAY:
            parts.append(question.week_starts_on.name.lower())
        if question.assistant_ids is not None:
            ids = ",".join(map(str, question.assistant_ids)).encode()
            parts.append("assistants:" + hashlib.blake2b(ids, digest_size=16).hexdigest())
        return "-".join([*parts, *["previous"] * self.before])

    @property
    def period(self) -> Period | None:
        """The period that was asked for; None where it was dates or instants."""
        return self.question.asked if isinstance(self.question.asked, Period) else None

    @property
    def time_zone(self) -> str:
        """The name of the zone, as it was given."""
        return self.question.zone.key

    @property
    def window_start(self) -> datetime:
        """The earliest instant that counts."""
        return self.window.start

    @property
    def window_end(self) -> datetime:
        """The end of the window; the request's now where it has none."""
        return self.window.end


def _name(question: Question) -> str:
    match question.asked:
        case Period() as period:
            return period.value
        case DateRange(first, last):
            return f"{first}..{last}"
        case InstantRange(start, end):
            return f"{start.astimezone(UTC).isoformat()}..{end.astimezone(UTC).isoformat()}"
