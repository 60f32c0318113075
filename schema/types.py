"""The GraphQL types. Their fields are attributes of the resolvers' report, with descriptions."""

import datetime as dt
from typing import Annotated

import strawberry
from strawberry.types.enum import StrawberryEnumDefinition

from call_analytics.resolvers.question import DEFAULT_ASSISTANTS
from call_analytics.resolvers.report import AssistantRow, Report
from call_analytics.resolvers.window import Period

PERIOD_DESCRIPTIONS = {
    Period.LAST_1_DAY: "The last 24 hours.",
    Period.LAST_7_DAYS: "The last 7 times 24 hours, which normally touch eight UTC dates.",
    Period.LAST_30_DAYS: "The last 30 times 24 hours.",
    Period.LAST_90_DAYS: "The last 90 times 24 hours.",
    Period.TODAY: "The calendar day that holds the instant of the request, as a whole.",
    Period.THIS_WEEK: "The calendar week that holds it.",
    Period.THIS_MONTH: "The calendar month that holds it.",
    Period.THIS_QUARTER: "The quarter of a calendar year that holds it.",
    Period.THIS_YEAR: "The calendar year that holds it.",
    Period.YESTERDAY: "The calendar day before.",
    Period.LAST_WEEK: "The calendar week before.",
    Period.LAST_MONTH: "The calendar month before.",
    Period.LAST_QUARTER: "The quarter of a calendar year before.",
    Period.LAST_YEAR: "The calendar year before.",
}


def _describe_period() -> None:
    """Make the resolvers' enum a GraphQL one; that room knows no GraphQL, so it is done here."""
    strawberry.enum(
        Period,
        description="A window by its name. `LAST_1_DAY`, `LAST_7_DAYS`, `LAST_30_DAYS` and "
        "`LAST_90_DAYS` look back from now; the others are periods of the calendar.",
    )
    definition: StrawberryEnumDefinition = Period.__strawberry_definition__  # type: ignore[attr-defined]
    for value in definition.values:
        value.description = PERIOD_DESCRIPTIONS[Period[value.name]]


_describe_period()


@strawberry.type(description="The calls of one UTC calendar date.")
class DailyStat:
    """A day in ``dailyStats``."""

    date: dt.date = strawberry.field(
        description="The UTC date on which the calls started, as in 2026-03-10."
    )
    total: int = strawberry.field(description="Calls of any status.")
    completed: int = strawberry.field(description="Calls with status `completed`.")
    failed: int = strawberry.field(description="Calls with status `failed`.")


@strawberry.type(description="The calls of one assistant in the window.")
class AssistantStat:
    """An assistant in ``topAssistants``."""

    assistant_id: int = strawberry.field(description="The assistant's id on the platform.")
    assistant_name: str = strawberry.field(description="The assistant's name.")
    calls: int = strawberry.field(description="Calls of any status.")
    duration: float = strawberry.field(
        description="Seconds, summed over calls of every status. May therefore exceed its share "
        "of `totalDuration`, which counts completed calls only."
    )


def _first_assistants(
    root: strawberry.Parent[Report],
    limit: Annotated[
        int, strawberry.argument(description="How many at most, 1 to 100.")
    ] = DEFAULT_ASSISTANTS,
) -> tuple[AssistantRow, ...]:
    # Another alias of the list may have asked for more of it.
    return root.top_assistants[:limit]


@strawberry.type(
    description="The figures of one organization's calls in one window. All of them come from one "
    "snapshot of the data, so the days always add up to the totals. Select what you need: "
    "nothing else is computed."
)
class CallAnalytics:
    """The answer of ``callAnalytics``."""

    id: strawberry.ID = strawberry.field(
        description="Identifies the organization and the period, for clients that cache by it: "
        "the same for every answer about the same, and for nothing else."
    )
    period: Period = strawberry.field(description="The period that was asked for.")
    window_start: dt.datetime = strawberry.field(
        description="The earliest instant that counts: calls that started then or later are "
        "included."
    )
    window_end: dt.datetime = strawberry.field(
        description="The end of a calendar period: calls that started then or later are not "
        "included. Of a rolling window it is the instant of the request, one and the same for the "
        "whole request, and calls that are stamped later are included too."
    )
    total_calls: int = strawberry.field(description="Calls of any status.")
    completed_calls: int = strawberry.field(description="Calls with status `completed`.")
    failed_calls: int = strawberry.field(description="Calls with status `failed`.")
    ongoing_calls: int = strawberry.field(description="Calls with status `ongoing`.")
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
    daily_stats: list[DailyStat] = strawberry.field(
        description="One entry per UTC date that has calls, ascending."
    )

    top_assistants = strawberry.field(
        _first_assistants,
        graphql_type=list[AssistantStat],
        description="The assistants with most calls, most first; ties by ascending `assistantId`. "
        "Assistants without calls in the window are absent, inactive ones with calls are not.",
    )


@strawberry.type(
    description="What one request may ask for, and how many requests there may be. Whatever "
    "exceeds this is refused, with an error code, before any data is read."
)
class Limits:
    """The answer of ``limits``."""

    max_body_bytes: int = strawberry.field(description="Bytes of a request's body.")
    max_tokens: int = strawberry.field(description="Tokens of a document.")
    max_depth: int = strawberry.field(
        description="Levels of a document's selections; a fragment is a level too."
    )
    max_fields: int = strawberry.field(
        description="Fields of a document, as this and the following are counted when its "
        "fragments are written out."
    )
    max_repeated_fields: int = strawberry.field(
        description="Fields that are selected once more at the same place under the same name."
    )
    max_aliases: int = strawberry.field(description="Aliases of a document.")
    max_root_fields: int = strawberry.field(
        description="Fields of an operation itself. Each counts as a request to rate limits."
    )
    max_directives: int = strawberry.field(description="Directives of a document.")
    max_errors: int = strawberry.field(description="Errors that one response tells.")
    max_assistants: int = strawberry.field(description="`limit` of `topAssistants`.")
    max_concurrent_requests: int = strawberry.field(
        description="Requests that one server process answers at the same time."
    )
    body_timeout_seconds: float = strawberry.field(
        description="Seconds in which a request must have been sent."
    )
    request_timeout_seconds: float = strawberry.field(
        description="Seconds after which a request is given up."
    )
    statement_timeout_seconds: float = strawberry.field(
        description="Seconds after which the database gives up a statement."
    )
    requests_per_minute: int | None = strawberry.field(
        description="Requests of your key or, without one, of your address; null is any number. A "
        "document that is refused, or asks for the schema, counts as ten."
    )
    requests_per_hour: int | None = strawberry.field(description="The same in an hour.")
    requests_per_day: int | None = strawberry.field(description="The same in a day.")
