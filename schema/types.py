"""The GraphQL types of an answer. Their fields are attributes of the resolvers' report."""

import datetime as dt
from typing import Annotated, Any

import strawberry

from call_analytics.resolvers.calendar import Step
from call_analytics.resolvers.calendar_unit import Weekday
from call_analytics.resolvers.limits import checked_percent
from call_analytics.resolvers.question import DEFAULT_ASSISTANTS
from call_analytics.resolvers.report import AssistantRow, Bin, Durations, Report, SeriesPoint
from call_analytics.resolvers.window import Period
from call_analytics.schema.calls import calls
from call_analytics.schema.enums import AssistantOrderField, OrderDirection
from call_analytics.schema.inputs import AssistantOrderInput, assistant_order
from call_analytics.schema.scalars import TimeZone
from call_analytics.schema.selection import LONGEST, SHORTEST

EVERY_CALL = "Reads every call of the window: more calls cost more. Counts as a request."


class _Rows:
    """Types whose objects are the resolvers' rows. No field returns the interface itself."""

    @classmethod
    def is_type_of(cls, _value: object, _info: Any) -> bool:  # noqa: ANN401 - graphql-core's
        """Whether a value is of this type: the resolvers return no other."""
        return True


@strawberry.interface(
    description="The figures of any group of calls: of a window, of a bucket, of an assistant, of "
    "an hour of the week. So one fragment serves them all."
)
class CallFigures(_Rows):
    """What every group of calls has."""

    total_calls: int = strawberry.field(description="Calls of any status.")
    completed_calls: int = strawberry.field(description="Calls with status `completed`.")
    failed_calls: int = strawberry.field(description="Calls with status `failed`.")
    ongoing_calls: int = strawberry.field(description="Calls with status `ongoing`.")
    other_calls: int = strawberry.field(
        description="Calls with any other status; `statuses` tells which."
    )
    total_duration: float = strawberry.field(
        description="Seconds, summed over completed calls; 0 if there are none."
    )
    avg_duration: float = strawberry.field(
        description="Seconds: the mean over completed calls whose duration is known and not 0; 0 "
        "if there are none."
    )
    success_rate: float = strawberry.field(
        description="Percent, 0 to 100, not rounded: completed calls of all calls, ongoing ones "
        "included; 0 if there are none."
    )
    failure_rate: float = strawberry.field(
        description="Percent, 0 to 100, not rounded: failed calls of all calls; 0 if there are "
        "none."
    )
    duration_of_all_statuses: float = strawberry.field(
        description="Seconds, summed over calls of every status; 0 if there are none."
    )


@strawberry.type(description="The calls of one local date.")
class DailyStat:
    """A day in ``dailyStats``."""

    date: dt.date = strawberry.field(
        description="The date on which the calls started, in `timeZone`, as in 2026-03-10."
    )
    total: int = strawberry.field(description="Calls of any status.")
    completed: int = strawberry.field(description="Calls with status `completed`.")
    failed: int = strawberry.field(description="Calls with status `failed`.")


@strawberry.type(name="SeriesPoint", description="The calls of one bucket of time.")
class SeriesPointType(CallFigures):
    """A bucket in ``series``."""

    start: dt.datetime = strawberry.field(
        description="The bucket's first instant, with the offset of `timeZone`: its first ten "
        "characters are the local date. The first bucket may begin before the window; only its "
        "calls inside the window count."
    )
    end: dt.datetime = strawberry.field(
        description="The instant at which the bucket ends, which is no part of it."
    )
    is_partial: bool = strawberry.field(
        description="Whether the window or the request's now cuts the bucket, so that it cannot be "
        "compared with whole ones."
    )


@strawberry.type(description="The calls of one assistant in the window.")
class AssistantStat(CallFigures):
    """An assistant in ``topAssistants``."""

    assistant_id: int = strawberry.field(description="The assistant's id on the platform.")
    assistant_name: str = strawberry.field(description="The assistant's name.")
    calls: int = strawberry.field(description="Calls of any status: the same as `totalCalls`.")
    duration: float = strawberry.field(
        description="Seconds, summed over calls of every status: the same as "
        "`durationOfAllStatuses`. May therefore exceed its share of `totalDuration`, which counts "
        "completed calls only."
    )


@strawberry.type(
    description="The calls of one hour of the week, on the local clock, in all weeks of the window."
)
class HourOfWeekStat(CallFigures):
    """An hour in ``hoursOfWeek``."""

    weekday: Weekday = strawberry.field(description="The day of the week.")
    hour: int = strawberry.field(description="The hour of the day, 0 to 23.")


@strawberry.type(description="The calls of one status.")
class StatusStat:
    """A status in ``statuses``."""

    status: str = strawberry.field(description="The status, spelled as it is stored.")
    calls: int = strawberry.field(description="Calls with this status.")
    duration: float = strawberry.field(description="Seconds, summed over these calls.")


@strawberry.type(description="The calls whose duration lies between two edges.")
class HistogramBin:
    """A bin in ``histogram``."""

    from_: int = strawberry.field(
        name="from", description="Seconds: the lower edge, itself included."
    )
    to: int | None = strawberry.field(
        description="Seconds: the upper edge, itself not included; null in the last bin."
    )
    calls: int = strawberry.field(description="Calls between the two.")


def _shortest(root: strawberry.Parent[Durations]) -> float | None:
    return root.percentile(SHORTEST)


def _longest(root: strawberry.Parent[Durations]) -> float | None:
    return root.percentile(LONGEST)


def _percentile(
    root: strawberry.Parent[Durations],
    percent: Annotated[
        float,
        strawberry.argument(description="Above 0 and at most 100; 50 is the median."),
    ],
) -> float | None:
    return root.percentile(checked_percent(percent))


def _histogram(
    root: strawberry.Parent[Durations],
    edges: Annotated[
        list[int],
        strawberry.argument(
            description="Seconds, ascending, above 0. One edge less than there are bins; at most "
            "100."
        ),
    ],
) -> tuple[Bin, ...]:
    return root.histogram(edges)


@strawberry.type(
    description="How long calls take: those that `avgDuration` divides by, which are completed and "
    "have a duration that is known and not 0."
)
class DurationStats:
    """The answer of ``durations``."""

    min = strawberry.field(
        _shortest, description="Seconds: the shortest duration; null if there are no such calls."
    )
    max = strawberry.field(
        _longest, description="Seconds: the longest duration; null if there are no such calls."
    )
    percentile = strawberry.field(
        _percentile,
        description="Seconds: the smallest duration that at least `percent` percent of the calls "
        "do not exceed (the nearest rank, which is a duration that occurs); null if there are no "
        "such calls.",
    )
    histogram = strawberry.field(
        _histogram,
        graphql_type=list[HistogramBin],
        description="How many calls there are between the edges: from 0 to the first, from each to "
        "the next, and from the last on.",
    )


def _series(
    root: strawberry.Parent[Report],
    grain: Annotated[Step, strawberry.argument(description="The length of a bucket.")] = Step.DAY,
) -> tuple[SeriesPoint, ...]:
    return root.series[grain]


def _top_assistants(
    root: strawberry.Parent[Report],
    limit: Annotated[
        int, strawberry.argument(description="How many at most, 1 to 100.")
    ] = DEFAULT_ASSISTANTS,
    order_by: Annotated[
        AssistantOrderInput, strawberry.argument(description="Which come first.")
    ] = AssistantOrderInput(  # noqa: B008 - nobody changes it
        field=AssistantOrderField.TOTAL_CALLS, direction=OrderDirection.DESC
    ),
    min_calls: Annotated[
        int,
        strawberry.argument(
            description="Only assistants with at least so many calls; 1 is the least. Use it with "
            "an order by a rate, because a rate of few calls means little."
        ),
    ] = 1,
) -> tuple[AssistantRow, ...]:
    # Another alias of the list may have asked for more of it.
    return root.assistants[assistant_order(order_by.field, order_by.direction, min_calls)][:limit]


@strawberry.type(
    description="The figures of one organization's calls in one window. All of them, `previous` "
    "included, come from one snapshot of the data, so `dailyStats` always adds up to the totals. "
    "Select what you need: nothing else is computed."
)
class CallAnalytics(CallFigures):
    """The answer of ``callAnalytics``."""

    id: strawberry.ID = strawberry.field(
        description="Identifies the organization and the arguments, for clients that cache by it: "
        "the same for every answer about the same, and for nothing else."
    )
    period: Period | None = strawberry.field(
        description="The period that was asked for; null where it was `dates` or `instants`."
    )
    time_zone: TimeZone = strawberry.field(description="The time zone that was asked for.")
    window_start: dt.datetime = strawberry.field(
        description="The earliest instant that counts: calls that started then or later are "
        "included."
    )
    window_end: dt.datetime = strawberry.field(
        description="The instant at which the window ends, which is no part of it. A rolling "
        "period has no end: here it is the instant of the request, and calls that are stamped "
        "later are included too."
    )
    as_of: dt.datetime = strawberry.field(
        description="The instant of the request, one and the same for the whole request."
    )
    daily_stats: list[DailyStat] = strawberry.field(
        description="One entry per date of `timeZone` that has calls, ascending."
    )
    series = strawberry.field(
        _series,
        graphql_type=list[SeriesPointType],
        description="The window cut into buckets, ascending, those without calls included: every "
        "bucket that begins before the window's end and not after now. Calls that are stamped "
        "later count in the last, so the points add up to the totals; but a window that begins "
        "after now may have no points. At most 2,500 points.",
    )
    top_assistants = strawberry.field(
        _top_assistants,
        graphql_type=list[AssistantStat],
        description="The assistants with most calls, most first, or in the order that is asked "
        "for; ties by ascending `assistantId`. Assistants without calls in the window are absent, "
        "inactive ones with calls are not.",
    )
    hours_of_week: list[HourOfWeekStat] = strawberry.field(
        description="The 168 hours of the week on the clock of `timeZone`, from the first hour of "
        "`weekStartsOn` on, those without calls included."
    )
    statuses: list[StatusStat] = strawberry.field(
        description="Each status that occurs, most calls first; ties in the order of their "
        f"characters. At most 1,000 statuses. {EVERY_CALL}"
    )
    durations: DurationStats = strawberry.field(
        description=f"How long calls take: percentiles and a histogram. {EVERY_CALL}"
    )
    calls = calls
    previous: "CallAnalytics" = strawberry.field(
        description="The same for the window before, to compare with. Of a rolling period or "
        "`instants`: as long, ending where this one starts. Of `dates`: as many dates before. Of a "
        "past calendar period: the one before that. Of the current one: the one before, up to the "
        "same local time. Counts as a request."
    )
