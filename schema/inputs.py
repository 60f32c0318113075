"""The GraphQL inputs, and what they are to the resolvers."""

import datetime as dt
from typing import TypeVar

import strawberry

from call_analytics.resolvers import window
from call_analytics.resolvers.question import AssistantOrder
from call_analytics.schema.enums import AssistantOrderField, OrderDirection

T = TypeVar("T")


def given(value: T | None) -> T | None:
    """An argument that may be left out; None where it was, as where it is null."""
    return None if value is strawberry.UNSET else value


@strawberry.input(
    name="DateRange", description="Local dates of `timeZone`, both included: 3,660 at most."
)
class DateRangeInput:
    """The argument ``dates``."""

    first: dt.date = strawberry.field(description="The first date; its year is 1970 to 2200.")
    last: dt.date = strawberry.field(description="The last date, which is not before the first.")

    def asked(self) -> window.DateRange:
        """The same, for the resolvers."""
        return window.DateRange(self.first, self.last)


@strawberry.input(
    name="InstantRange",
    description="Instants from `start` to before `end`: 3,660 times 24 hours at most.",
)
class InstantRangeInput:
    """The argument ``instants``."""

    start: dt.datetime = strawberry.field(
        description="The first instant that counts, with its offset from UTC or `Z`; its year is "
        "1970 to 2200."
    )
    end: dt.datetime = strawberry.field(
        description="The end of the window, itself not included, written in the same way."
    )

    def asked(self) -> window.InstantRange:
        """The same, for the resolvers."""
        return window.InstantRange(self.start, self.end)


@strawberry.input(
    name="AssistantOrder",
    description="The order of `topAssistants`. Ties are in the order of ascending `assistantId`.",
)
class AssistantOrderInput:
    """The argument ``orderBy``."""

    field: AssistantOrderField = strawberry.field(
        default=AssistantOrderField.TOTAL_CALLS, description="What to order by."
    )
    direction: OrderDirection = strawberry.field(
        default=OrderDirection.DESC, description="The smallest or the largest first."
    )


def assistant_order(
    field: AssistantOrderField, direction: OrderDirection, min_calls: int
) -> AssistantOrder:
    """The order of a list of assistants, for the resolvers."""
    return AssistantOrder(field.value, direction is OrderDirection.DESC, min_calls)
