"""Which figures a document selects, read with graphql-core's own field collection.

So fragments, ``@include`` and ``@skip``, variables and aliases mean here what they mean when the
answer is completed.
"""

from collections.abc import Iterable
from typing import Any, cast

from graphql import (
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    get_argument_values,
    get_named_type,
)
from graphql.execution import VariableValues
from graphql.execution.collect_fields import (
    FieldDetails,
    FieldDetailsList,
    FragmentDetails,
    collect_subfields,
)
from strawberry.utils.str_converters import to_camel_case

from call_analytics.resolvers.errors import BadInput
from call_analytics.resolvers.question import DAILY, PER_ASSISTANT, TOTALS, Question
from call_analytics.resolvers.window import Period

LARGEST_LIMIT = 100

_TOTALS = {to_camel_case(figure): figure for figure in TOTALS}
_DAILY = {to_camel_case(figure): figure for figure in DAILY}
_PER_ASSISTANT = {to_camel_case(figure): figure for figure in PER_ASSISTANT}


def question(info: GraphQLResolveInfo[Any], period: Period) -> Question:
    """The question of the ``callAnalytics`` field that is being resolved: what it selects.

    Raises:
        BadInput: where ``topAssistants(limit:)`` is outside 1 to 100.
    """
    totals: set[str] = set()
    daily: set[str] | None = None
    per_assistant: set[str] | None = None
    limit = 1
    report_type = _object_type(info.return_type)
    nodes = [FieldDetails(node, None) for node in info.field_nodes]
    for field in _subfields(info, report_type, nodes):
        name = field[0].node.name.value
        if name in _TOTALS:
            totals.add(_TOTALS[name])
        elif name == "dailyStats":
            daily = (daily or set()) | _figures(info, report_type, field, _DAILY)
        elif name == "topAssistants":
            per_assistant = (per_assistant or set()) | _figures(
                info, report_type, field, _PER_ASSISTANT
            )
            limit = max(limit, _limit(info, report_type, field))
    return Question(
        period,
        totals=frozenset(totals),
        daily=None if daily is None else frozenset(daily),
        per_assistant=None if per_assistant is None else frozenset(per_assistant),
        assistant_limit=limit,
    )


def _subfields(
    info: GraphQLResolveInfo[Any], parent: GraphQLObjectType, field: FieldDetailsList
) -> Iterable[FieldDetailsList]:
    """The fields selected below ``field``, one list of nodes for each response name."""
    fragments = {name: FragmentDetails(node) for name, node in info.fragments.items()}
    collected = collect_subfields(
        info.schema, fragments, _variables(info), info.operation, parent, field
    )
    return collected.grouped_field_set.values()


def _figures(
    info: GraphQLResolveInfo[Any],
    report_type: GraphQLObjectType,
    field: FieldDetailsList,
    figures: dict[str, str],
) -> set[str]:
    item_type = _object_type(report_type.fields[field[0].node.name.value].type)
    names = {subfield[0].node.name.value for subfield in _subfields(info, item_type, field)}
    return {figures[name] for name in names & figures.keys()}


def _limit(
    info: GraphQLResolveInfo[Any], report_type: GraphQLObjectType, field: FieldDetailsList
) -> int:
    node = field[0].node
    definition = report_type.fields[node.name.value]
    limit: int = get_argument_values(definition, node, _variables(info))["limit"]
    if not 1 <= limit <= LARGEST_LIMIT:
        raise BadInput(f"topAssistants: limit must be 1 to {LARGEST_LIMIT}, not {limit}.")
    return limit


def _variables(info: GraphQLResolveInfo[Any]) -> VariableValues:
    # Strawberry hands resolvers the plain values; where they came from plays no part here.
    return VariableValues({}, cast("dict[str, Any]", info.variable_values))


def _object_type(type_: GraphQLOutputType) -> GraphQLObjectType:
    named = get_named_type(type_)
    assert isinstance(named, GraphQLObjectType)
    return named
