"""The query, and the executable schema that is made of it."""

from typing import Annotated

import strawberry
from graphql import GraphQLSchema
from strawberry.schema.config import StrawberryConfig

from call_analytics.resolvers.report import Report
from call_analytics.resolvers.window import Period
from call_analytics.schema.context import Context
from call_analytics.schema.projection import ProjectingExecutor
from call_analytics.schema.scalars import SCALARS
from call_analytics.schema.selection import question
from call_analytics.schema.types import CallAnalytics, Limits


async def _call_analytics(
    info: strawberry.Info[Context, None],
    period: Annotated[
        Period, strawberry.argument(description="How far back to look.")
    ] = Period.LAST_7_DAYS,
) -> Report:
    context = info.context
    organization_id = context.organization_id
    asked = question(info._raw_info, period)  # noqa: SLF001 - the only way to the document
    report = await context.analytics.report(organization_id, asked, now=context.now)
    context.sources.update(report.sources)
    return report


def _limits(info: strawberry.Info[Context, None]) -> Limits:
    return info.context.limits()


@strawberry.type(description="Everything that can be asked.")
class Query:
    """The root of every document."""

    call_analytics = strawberry.field(
        _call_analytics,
        graphql_type=CallAnalytics,
        description="The call analytics of the organization that the API key belongs to. Several "
        "periods may be asked for at once, under aliases.",
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
