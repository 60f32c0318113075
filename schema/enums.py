"""The GraphQL enums. Most are enums of the resolvers, which know no GraphQL."""

from collections.abc import Mapping
from enum import Enum

import strawberry
from strawberry.types.enum import StrawberryEnumDefinition

from call_analytics.resolvers.calendar import Step
from call_analytics.resolvers.calendar_unit import Weekday
from call_analytics.resolvers.window import Period


class AssistantOrderField(Enum):
    """What assistants may be ordered by; the value is a key of ``FIGURES``, or ``NAME``."""

    NAME = "name"
    TOTAL_CALLS = "total_calls"
    COMPLETED_CALLS = "completed_calls"
    FAILED_CALLS = "failed_calls"
    ONGOING_CALLS = "ongoing_calls"
    OTHER_CALLS = "other_calls"
    TOTAL_DURATION = "total_duration"
    AVG_DURATION = "avg_duration"
    SUCCESS_RATE = "success_rate"
    FAILURE_RATE = "failure_rate"
    DURATION_OF_ALL_STATUSES = "duration_of_all_statuses"


class OrderDirection(Enum):
    """From the smallest up, or from the largest down."""

    ASC = "asc"
    DESC = "desc"


def describe(enum: type[Enum], name: str, description: str, values: Mapping[Enum, str]) -> None:
    """Make an enum a GraphQL one, each of whose values is described."""
    strawberry.enum(enum, name=name, description=description)
    definition: StrawberryEnumDefinition = enum.__strawberry_definition__  # type: ignore[attr-defined]
    for value in definition.values:
        value.description = values[enum[value.name]]


describe(
    Period,
    "Period",
    "A window by its name. `LAST_1_DAY` to `LAST_90_DAYS` are rolling: they end now, and have no "
    "upper bound. The others are periods of the calendar of `timeZone`, from their first instant "
    "to the first instant of the next one.",
    {
        Period.LAST_1_DAY: "The last 24 hours.",
        Period.LAST_7_DAYS: "The last 7 times 24 hours, which normally touch eight dates.",
        Period.LAST_30_DAYS: "The last 30 times 24 hours.",
        Period.LAST_90_DAYS: "The last 90 times 24 hours.",
        Period.TODAY: "The current date in `timeZone`.",
        Period.THIS_WEEK: "The current week; it begins on `weekStartsOn`.",
        Period.THIS_MONTH: "The current month.",
        Period.THIS_QUARTER: "The current quarter: three months from January, April, July "
        "or October on.",
        Period.THIS_YEAR: "The current year.",
        Period.YESTERDAY: "The date before today.",
        Period.LAST_WEEK: "The week before this one.",
        Period.LAST_MONTH: "The month before this one.",
        Period.LAST_QUARTER: "The quarter before this one.",
        Period.LAST_YEAR: "The year before this one.",
    },
)
describe(
    Weekday,
    "Weekday",
    "A day of the week.",
    {day: f"{day.name.capitalize()}." for day in Weekday},
)
describe(
    Step,
    "Grain",
    "The length of a bucket of `series`, on the calendar and the clock of `timeZone`.",
    {
        Step.QUARTER_HOUR: "A quarter of an hour of the local clock. Where clocks are set back, a "
        "quarter that is repeated is a bucket of its own.",
        Step.HOUR: "An hour of the local clock. Where clocks are set back, an hour that is "
        "repeated is a bucket of its own; an hour that is skipped is none.",
        Step.DAY: "A local date, which has 23 or 25 hours where the clocks change.",
        Step.WEEK: "Seven local dates, from `weekStartsOn` on.",
        Step.MONTH: "A month of local dates.",
    },
)
describe(
    AssistantOrderField,
    "AssistantOrderField",
    "What assistants may be ordered by: any figure of `CallFigures`, or the name.",
    {
        AssistantOrderField.NAME: "By `assistantName`, character by character: capitals come "
        "before small letters.",
        AssistantOrderField.TOTAL_CALLS: "By `totalCalls`.",
        AssistantOrderField.COMPLETED_CALLS: "By `completedCalls`.",
        AssistantOrderField.FAILED_CALLS: "By `failedCalls`.",
        AssistantOrderField.ONGOING_CALLS: "By `ongoingCalls`.",
        AssistantOrderField.OTHER_CALLS: "By `otherCalls`.",
        AssistantOrderField.TOTAL_DURATION: "By `totalDuration`.",
        AssistantOrderField.AVG_DURATION: "By `avgDuration`.",
        AssistantOrderField.SUCCESS_RATE: "By `successRate`.",
        AssistantOrderField.FAILURE_RATE: "By `failureRate`.",
        AssistantOrderField.DURATION_OF_ALL_STATUSES: "By `durationOfAllStatuses`.",
    },
)
describe(
    OrderDirection,
    "OrderDirection",
    "The direction of an order.",
    {
        OrderDirection.ASC: "The smallest first.",
        OrderDirection.DESC: "The largest first.",
    },
)
