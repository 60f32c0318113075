"""The query, and the executable schema that is made of it."""

from typing import Annotated

import strawberry
from graphql import GraphQLSchema
from strawberry.schema.config import StrawberryConfig

from call_analytics.resolvers.analytics import StoredOrganization
from call_analytics.resolvers.calendar_unit import Weekday
from call_analytics.resolvers.call_list import CallRow
from call_analytics.resolvers.errors import BadInput
from call_analytics.resolvers.limits import checked_assistant_ids
from call_analytics.resolvers.question import UTC, Question
from call_analytics.resolvers.report import Report
from call_analytics.resolvers.window import Asked, Period
from call_analytics.resolvers.zones import zone_for
from call_analytics.schema.calls import Call
from call_analytics.schema.context import Context
from call_analytics.schema.inputs import DateRangeInput, InstantRangeInput, given
from call_analytics.schema.limits_type import Limits
from call_analytics.schema.organization import Organization
from call_analytics.schema.projection import ProjectingExecutor
from call_analytics.schema.scalars import SCALARS, TimeZone
from call_analytics.schema.selection import selection, selects
from call_analytics.schema.types import CallAnalytics

UTC_ZONE = TimeZone(UTC)


async def _call_analytics(  # noqa: PLR0917 - Strawberry passes them by name
    info: strawberry.Info[Context, None],
    period: Annotated[
        Period | None,
        strawberry.argument(description="The window by its name; `LAST_7_DAYS` if none is given."),
    ] = strawberry.UNSET,
    dates: Annotated[
        DateRangeInput | None, strawberry.argument(description="The window by its local dates.")
    ] = strawberry.UNSET,
    instants: Annotated[
        InstantRangeInput | None, strawberry.argument(description="The window by its instants.")
    ] = strawberry.UNSET,
    time_zone: Annotated[
        TimeZone,
        strawberry.argument(
            description="Decides dates, calendar periods, the buckets of `series` and the hours of "
            "`hoursOfWeek`."
        ),
    ] = UTC_ZONE,
    week_starts_on: Annotated[
        Weekday, strawberry.argument(description="The first day of a week.")
    ] = Weekday.MONDAY,
    assistant_ids: Annotated[
        list[int] | None,
        strawberry.argument(
            description="Only calls of these assistants count. Ids that are not your "
            "organization's have no calls. `[]` counts no calls; null, or no argument, those of "
            "all assistants. At most 500 ids."
        ),
    ] = strawberry.UNSET,
) -> Report:
    context = info.context
    organization_id = context.organization_id
    question = Question(
        _asked(period or None, dates or None, instants or None),
        selection(info._raw_info),  # noqa: SLF001 - the only way to the document
        zone_for(time_zone),
        week_starts_on,
        checked_assistant_ids(given(assistant_ids)),
    )
    report = await context.analytics.report(organization_id, question, now=context.now)
    context.sources.update(report.sources)
    context.note(report.origin)
    return report


def _asked(
    period: Period | None, dates: DateRangeInput | None, instants: InstantRangeInput | None
) -> Asked:
    given = {"period": period, "dates": dates, "instants": instants}
    names = [f"`{name}`" for name, value in given.items() if value is not None]
    if len(names) > 1:
        raise BadInput(f"Give one window: not {' and '.join(names)} at once.")
    if dates is not None:
        return dates.asked()
    if instants is not None:
        return instants.asked()
    return period or Period.LAST_7_DAYS


async def _organization(info: strawberry.Info[Context, None]) -> StoredOrganization:
    context = info.context
    organization, origin = await context.analytics.organization(
        context.organization_id,
        with_assistants=selects(info._raw_info, "assistants"),  # noqa: SLF001
    )
    context.note(origin)
    return organization


async def _call(
    info: strawberry.Info[Context, None],
    id_: Annotated[
        strawberry.ID | None,
        strawberry.argument(name="id", description="The call's id on the platform."),
    ] = strawberry.UNSET,
    call_sid: Annotated[
        str | None, strawberry.argument(description="The call's id at the telephone carrier.")
    ] = strawberry.UNSET,
) -> CallRow | None:
    context = info.context
    call, origin = await context.analytics.call(
        context.organization_id,
        call_id=given(id_),
        call_sid=given(call_sid),
    )
    context.note(origin)
    return call


def _limits(info: strawberry.Info[Context, None]) -> Limits:
    return info.context.limits()


@strawberry.type(description="Everything that can be asked.")
class Query:
    """The root of every document."""

    call_analytics = strawberry.field(
        _call_analytics,
        graphql_type=CallAnalytics,
        description="The call analytics of the organization that the API key belongs to, in one "
        "window: at most one of `period`, `dates` and `instants` is given. Several windows may be "
        "asked for at once, under aliases.",
    )
    organization = strawberry.field(
        _organization,
        graphql_type=Organization,
        description="The organization that the API key belongs to, and its assistants.",
    )
    call = strawberry.field(
        _call,
        graphql_type=Call | None,
        description="One call, by `id` or by `callSid`; null if your organization has none of this "
        "name.",
    )
    limits = strawberry.field(
        _limits,
        graphql_type=Limits,
        description="What may be asked for at once, and how often. Needs no key; with one, the "
        "rate limits are that key's.",
    )


schema = strawberry.Schema(
    Query,
    config=StrawberryConfig(scalar_map=SCALARS),
    execution_context_class=ProjectingExecutor,
)

core_schema: GraphQLSchema = schema._schema  # noqa: SLF001 - Strawberry has no public name for it
"""The same, as graphql-core knows it."""
