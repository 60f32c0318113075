"""Which figures a document selects, read with graphql-core's own field collection.

So fragments, ``@include`` and ``@skip``, variables and aliases mean here what they mean when the
answer is completed.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
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

from call_analytics.resolvers.calendar import Step
from call_analytics.resolvers.call_list import CallPage, PageSelection, checked_page
from call_analytics.resolvers.figures import FIGURES
from call_analytics.resolvers.limits import check_assistants, check_edges, checked_percent
from call_analytics.resolvers.question import (
    DAILY,
    PER_ASSISTANT,
    PER_STATUS,
    AssistantOrder,
    Selection,
)
from call_analytics.schema.inputs import assistant_order

PAGE_ARGUMENTS = ("first", "after", "last", "before", "statuses")
"""The arguments of ``calls`` that may be left out."""
SHORTEST, LONGEST = Decimal(0), Decimal(100)
"""The percents of the shortest and of the longest duration."""


def _by_field(figures: Iterable[str]) -> dict[str, str]:
    return {to_camel_case(figure): figure for figure in figures}


_FIGURES = _by_field(FIGURES)
_DAILY = _by_field(DAILY)
_PER_ASSISTANT = _by_field(PER_ASSISTANT)
_PER_STATUS = _by_field(PER_STATUS)


def selection(info: GraphQLResolveInfo[Any]) -> Selection:
    """What the ``callAnalytics`` field that is being resolved selects.

    Raises:
        BadInput: where an argument of a list is outside its range.
    """
    nodes = [FieldDetails(node, None) for node in info.field_nodes]
    return _Reading(info).selection(_object_type(info.return_type), [nodes])


def selects(info: GraphQLResolveInfo[Any], field: str) -> bool:
    """Whether the object that is being resolved is asked for a field."""
    nodes = [FieldDetails(node, None) for node in info.field_nodes]
    subfields = _Reading(info).subfields(_object_type(info.return_type), nodes)
    return any(subfield[0].node.name.value == field for subfield in subfields)


class _Reading:
    """Reads the selections of one field."""

    def __init__(self, info: GraphQLResolveInfo[Any]) -> None:
        self._schema = info.schema
        self._operation = info.operation
        self._fragments = {name: FragmentDetails(node) for name, node in info.fragments.items()}
        # Strawberry hands resolvers the plain values; where they came from plays no part here.
        self._variables = VariableValues({}, cast("dict[str, Any]", info.variable_values))

    def selection(
        self, report_type: GraphQLObjectType, fields: Iterable[FieldDetailsList]
    ) -> Selection:
        """What is selected of one window; each field may be there several times, under aliases."""
        by_name: dict[str, list[FieldDetailsList]] = {}
        for field in fields:
            for subfield in self.subfields(report_type, field):
                by_name.setdefault(subfield[0].node.name.value, []).append(subfield)

        def names(field: str, figures: Mapping[str, str]) -> frozenset[str] | None:
            """The figures that the items of a list are asked for; None where the list is not."""
            if field not in by_name:
                return None
            item_type = _object_type(report_type.fields[field].type)
            return frozenset(self._figures(item_type, by_name[field], figures))

        series: dict[Step, frozenset[str]] = {}
        aliases: Counter[Step] = Counter()
        for field in by_name.get("series", ()):
            grain = self._arguments(report_type, field)["grain"]
            item_type = _object_type(report_type.fields["series"].type)
            figures = frozenset(self._figures(item_type, [field], _FIGURES))
            aliases[grain] += 1
            series[grain] = series.get(grain, frozenset()) | figures
        assistants: dict[AssistantOrder, frozenset[str]] = {}
        limits: dict[AssistantOrder, int] = {}
        for field in by_name.get("topAssistants", ()):
            order, limit = self._order(report_type, field)
            item_type = _object_type(report_type.fields["topAssistants"].type)
            figures = frozenset(self._figures(item_type, [field], _PER_ASSISTANT))
            assistants[order] = assistants.get(order, frozenset()) | figures
            limits[order] = max(limits.get(order, 0), limit)
        percents, edges = self._durations(report_type, by_name.get("durations", ()))
        previous = None
        if "previous" in by_name:
            previous = self.selection(report_type, by_name["previous"])
        return Selection(
            figures=frozenset(_FIGURES[name] for name in by_name.keys() & _FIGURES.keys()),
            daily=names("dailyStats", _DAILY),
            series=series,
            series_aliases=aliases,
            assistants=assistants,
            assistant_limits=limits,
            hours_of_week=names("hoursOfWeek", _FIGURES),
            statuses=names("statuses", _PER_STATUS),
            percents=percents,
            histogram_edges=edges,
            pages=self._pages(report_type, by_name.get("calls", ())),
            previous=previous,
        )

    def _pages(
        self, report_type: GraphQLObjectType, fields: Iterable[FieldDetailsList]
    ) -> dict[CallPage, PageSelection]:
        """What is selected of each page of calls."""
        page_type = _object_type(report_type.fields["calls"].type)
        pages: dict[CallPage, PageSelection] = {}
        for field in fields:
            arguments = self._arguments(report_type, field)
            page = checked_page(
                **{name: arguments.get(name) for name in PAGE_ARGUMENTS}, order=arguments["order"]
            )
            names = {subfield[0].node.name.value for subfield in self.subfields(page_type, field)}
            selected = PageSelection(
                has_calls=bool(names & {"edges", "nodes", "pageInfo"}),
                has_total="totalCount" in names,
            )
            pages[page] = pages.get(page, PageSelection()) | selected
        return pages

    def _order(
        self, report_type: GraphQLObjectType, field: FieldDetailsList
    ) -> tuple[AssistantOrder, int]:
        arguments = self._arguments(report_type, field)
        limit, min_calls = arguments["limit"], arguments["minCalls"]
        check_assistants(limit, min_calls)
        order_by = arguments["orderBy"]
        return assistant_order(order_by["field"], order_by["direction"], min_calls), limit

    def _durations(
        self, report_type: GraphQLObjectType, fields: Iterable[FieldDetailsList]
    ) -> tuple[frozenset[Decimal], frozenset[int] | None]:
        """The percents of all percentiles, and the edges of all histograms."""
        durations_type = _object_type(report_type.fields["durations"].type)
        percents: set[Decimal] = set()
        edges: set[int] | None = None
        for field in fields:
            for subfield in self.subfields(durations_type, field):
                match subfield[0].node.name.value:
                    case "min":
                        percents.add(SHORTEST)
                    case "max":
                        percents.add(LONGEST)
                    case "percentile":
                        percent = self._arguments(durations_type, subfield)["percent"]
                        percents.add(checked_percent(percent))
                    case "histogram":
                        its_edges = self._arguments(durations_type, subfield)["edges"]
                        check_edges(its_edges)
                        edges = {*(edges or ()), *its_edges}
        return frozenset(percents), None if edges is None else frozenset(edges)

    def _figures(
        self,
        item_type: GraphQLObjectType,
        fields: Iterable[FieldDetailsList],
        figures: Mapping[str, str],
    ) -> Iterator[str]:
        for field in fields:
            for subfield in self.subfields(item_type, field):
                figure = figures.get(subfield[0].node.name.value)
                if figure is not None:
                    yield figure

    def subfields(
        self, parent: GraphQLObjectType, field: FieldDetailsList
    ) -> Iterable[FieldDetailsList]:
        """The fields selected below ``field``, one list of nodes for each response name."""
        collected = collect_subfields(
            self._schema, self._fragments, self._variables, self._operation, parent, field
        )
        return collected.grouped_field_set.values()

    def _arguments(self, parent: GraphQLObjectType, field: FieldDetailsList) -> dict[str, Any]:
        node = field[0].node
        return get_argument_values(parent.fields[node.name.value], node, self._variables)


def _object_type(type_: GraphQLOutputType) -> GraphQLObjectType:
    named = get_named_type(type_)
    assert isinstance(named, GraphQLObjectType)
    return named
