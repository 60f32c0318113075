"""The GraphQL types of calls and of the pages in which they come."""

import datetime as dt
from typing import Annotated

import strawberry

from call_analytics.resolvers.call_list import CallConnection, CallOrder, checked_page
from call_analytics.resolvers.report import Report
from call_analytics.schema.enums import describe
from call_analytics.schema.inputs import given
from call_analytics.schema.organization import Assistant

describe(
    CallOrder,
    "CallOrder",
    "The order of `calls`.",
    {
        CallOrder.NEWEST_FIRST: "By `startedAt`, the latest first; ties by `id`, the largest "
        "first.",
        CallOrder.OLDEST_FIRST: "By `startedAt`, the earliest first; ties by `id`, the smallest "
        "first.",
    },
)


@strawberry.type(description="A phone call.")
class Call:
    """A call of the organization."""

    id: strawberry.ID = strawberry.field(description="The call's id on the platform.")
    call_sid: str = strawberry.field(description="The call's id at the telephone carrier.")
    assistant: Assistant = strawberry.field(description="The assistant that made or took it.")
    to_phone_number: str | None = strawberry.field(
        description="The number that was called. Where the operator hides numbers, only its last "
        "four digits, as in `***4567`."
    )
    customer_phone_number: str | None = strawberry.field(
        description="The customer's number. Where the operator hides numbers, only its last four "
        "digits, as in `***4567`."
    )
    status: str = strawberry.field(description="The status, spelled as it is stored.")
    duration: int | None = strawberry.field(description="Seconds; null if it is not known.")
    started_at: dt.datetime | None = strawberry.field(
        description="When it started, in UTC; null if it is not known. Such a call is in no window."
    )
    ended_at: dt.datetime | None = strawberry.field(
        description="When it ended, in UTC; null if it has not, or it is not known."
    )


@strawberry.type(description="A call in a list, and its place there.")
class CallEdge:
    """An edge, as Relay calls it."""

    cursor: str = strawberry.field(
        description="The place of the call, for `after` and `before`. Good for your organization "
        "alone, for as long as you like and in either order."
    )
    node: Call = strawberry.field(description="The call.")


@strawberry.type(description="Where a page is among all pages.")
class PageInfo:
    """A page's surroundings, as Relay calls them."""

    has_next_page: bool = strawberry.field(description="Whether calls come after this page.")
    has_previous_page: bool = strawberry.field(description="Whether calls come before this page.")
    start_cursor: str | None = strawberry.field(
        description="The cursor of the first call of the page; null if it has none."
    )
    end_cursor: str | None = strawberry.field(
        description="The cursor of the last call of the page; null if it has none."
    )


@strawberry.type(
    name="CallConnection",
    description="A page of calls, as in Relay's specification of connections. To go on, ask with "
    "`after: endCursor` while `hasNextPage`.",
)
class CallConnectionType:
    """The answer of ``calls``."""

    edges: list[CallEdge] = strawberry.field(description="The calls of the page, with cursors.")
    nodes: list[Call] = strawberry.field(description="The calls of the page.")
    page_info: PageInfo = strawberry.field(description="Where the page is among all pages.")
    total_count: int = strawberry.field(
        description="How many calls all pages have together. Without `statuses` it is "
        "`totalCalls`. Counted only if it is selected."
    )


def _calls(  # noqa: PLR0917 - Strawberry passes them by name
    root: strawberry.Parent[Report],
    first: Annotated[
        int | None,
        strawberry.argument(
            description="How many calls, from the beginning of the list or after `after`: 1 to "
            "500. 20 if neither this nor `last` is given."
        ),
    ] = strawberry.UNSET,
    after: Annotated[
        str | None, strawberry.argument(description="Only calls after the one of this cursor.")
    ] = strawberry.UNSET,
    last: Annotated[
        int | None,
        strawberry.argument(
            description="How many calls, from the end of the list or before `before`: 1 to 500."
        ),
    ] = strawberry.UNSET,
    before: Annotated[
        str | None, strawberry.argument(description="Only calls before the one of this cursor.")
    ] = strawberry.UNSET,
    statuses: Annotated[
        list[str] | None,
        strawberry.argument(
            description="Only calls of these statuses, spelled as they are stored; at most 100. "
            "Null, or no argument, is any status."
        ),
    ] = strawberry.UNSET,
    order: Annotated[
        CallOrder, strawberry.argument(description="The order of the list.")
    ] = CallOrder.NEWEST_FIRST,
) -> CallConnection:
    page = checked_page(
        first=given(first),
        after=given(after),
        last=given(last),
        before=given(before),
        statuses=given(statuses),
        order=order,
    )
    return root.calls[page]


calls = strawberry.field(
    _calls,
    graphql_type=CallConnectionType,
    description="The calls themselves, a page at a time: those that `totalCalls` counts, by "
    "`startedAt`, ties by `id`. What is written meanwhile moves no call to another page. Wherever "
    "a page is, it reads as many calls as it has, and with `statuses` those between them. At most "
    "500 calls in all pages of a `callAnalytics` together. Of a point of a `series`, or of an "
    "assistant: ask with `instants` and `assistantIds`.",
)
