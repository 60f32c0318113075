"""The shorter way to complete lists: whatever is selected, it comes to what graphql-core says."""

import asyncio
import datetime as dt
import json
from typing import Any, NamedTuple, NewType

import pytest
import strawberry
from graphql import (
    ExecutionResult,
    GraphQLList,
    GraphQLObjectType,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_object_type,
    parse,
    validate,
)
from graphql.execution import execute
from hypothesis import event, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from call_analytics.schema import projection
from call_analytics.schema.projection import ProjectingExecutor
from call_analytics.schema.query import core_schema
from tests.conftest import Ask

Tag = NewType("Tag", str)
PLAIN = StrawberryGraphQLCoreExecutionContext


class Row(NamedTuple):
    """What the resolvers return; any of it may be wrong."""

    number: Any
    amount: Any
    name: Any
    day: Any
    maybe: Any
    tag: Any


@strawberry.type
class Item:
    number: int
    amount: float
    name: str
    day: dt.date
    maybe: int | None
    tag: Tag

    @strawberry.field
    def resolved(self) -> str:
        return f"resolved {self.name}"

    @strawberry.field
    def argued(self, times: int = 2) -> str:
        return str(self.name) * times

    @strawberry.field
    async def awaited(self) -> str:
        return "awaited"

    @strawberry.field
    def broken(self) -> str | None:
        raise ValueError(f"broken {self.name}")


@strawberry.type
class Query:
    items: list[Item]
    maybe_items: list[Item | None] | None


# A scalar whose serialiser takes anything, even what must not be null.
config = StrawberryConfig(
    scalar_map={Tag: strawberry.scalar(name="Tag", serialize=repr, parse_value=str)}
)
schema = strawberry.Schema(Query, config=config)

_usual = st.builds(
    Row,
    st.integers(-(2**31), 2**31 - 1),
    st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**60), 2**60),
    st.text(max_size=5),
    st.dates(),
    st.none() | st.integers(0, 9),
    st.text(max_size=3),
)
ODD_VALUES: list[Any] = [
    *(None, True, 2**31, -(2**31) - 1, float("nan"), float("inf"), 1.5, 2.0, "7", "x", b"x", []),
    ValueError("odd"),
]
_odd_value = st.sampled_from(ODD_VALUES)
_odd = st.builds(Row, *[_odd_value] * 6)
_rows = st.lists(_usual, max_size=5).map(tuple) | st.lists(
    _usual | _odd | st.none() | st.just(ValueError("an item")), max_size=4
).map(tuple)

_leaves = st.sampled_from(["number", "amount", "name", "day", "tag"])
_others = st.sampled_from(
    ["maybe", "resolved", "argued", "argued(times: 1)", "awaited", "broken", "__typename"]
)
_directives = st.sampled_from(
    ["", "", " @include(if: $yes)", " @skip(if: $yes)", " @skip(if: $no)"]
)


@st.composite
def _selections(draw: st.DrawFn, depth: int = 2) -> str:
    fields = []
    for number in range(draw(st.integers(1, 4))):
        kind = draw(st.integers(0, 9))
        if kind == 0 and depth:
            inner = draw(_selections(depth=depth - 1))
            fields.append(f"... on Item{draw(_directives)} {{ {inner} }}")
        elif kind == 1 and depth:
            fields.append(f"...F{draw(_directives)}")
        else:
            field = draw(_others if kind == 2 else _leaves)
            alias = draw(st.sampled_from(["", "", f"a{number}{depth}: "]))
            fields.append(f"{alias}{field}{draw(_directives)}")
    return " ".join(fields)


@pytest.mark.generates_documents
@given(
    selection=_selections(),
    fragment=_selections(depth=0),
    rows=_rows,
    as_list=st.booleans(),
    root=st.sampled_from(["items", "maybeItems"]),
)
@example(  # a whole number that no float is equal to
    selection="amount",
    fragment="number",
    rows=(
        Row(1, 0.0, "a", dt.date(2026, 3, 10), None, "t"),
        Row(1, 2**53 + 1, "a", dt.date(2026, 3, 10), None, "t"),
    ),
    as_list=False,
    root="items",
)
@example(  # one item waits for its fields while the next has failed already
    selection="awaited number",
    fragment="number",
    rows=(
        Row(1, 2.0, "a", dt.date(2026, 3, 10), None, "t"),
        Row("x", 2.0, "a", dt.date(2026, 3, 10), None, "t"),
    ),
    as_list=False,
    root="items",
)
@hypothesis_settings(max_examples=300)
def test_any_selection_of_any_rows_comes_to_the_same(
    selection: str, fragment: str, rows: tuple[Any, ...], as_list: bool, root: str
) -> None:
    document = parse(
        f"query($yes: Boolean! = true, $no: Boolean! = false) {{ {root} {{ {selection} }} "
        f"_: __typename @include(if: $yes) @skip(if: $no) }} fragment F on Item {{ {fragment} }}"
    )
    errors = validate(schema._schema, document)
    hard = [error for error in errors if "never used" not in error.message]
    if hard:  # two fields under one name
        return
    items = list(rows) if as_list else rows
    source = Query(items=items, maybe_items=items)  # type: ignore[arg-type]
    projected = 0

    def counted(*arguments: Any) -> Any:
        nonlocal projected
        completed = original(*arguments)
        projected += completed is not None
        return completed

    original = projection.project
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(projection, "project", counted)
        shorter = _execute(document, source, ProjectingExecutor)
    event("projected" if projected else "left to graphql-core")

    assert shorter == _execute(document, source, PLAIN)


@pytest.mark.parametrize("value", ODD_VALUES, ids=repr)
@pytest.mark.parametrize("column", Row._fields)
def test_one_odd_value_comes_to_the_same(column: str, value: Any) -> None:
    usual = Row(1, 2.0, "a", dt.date(2026, 3, 10), None, "t")
    odd = usual._replace(**{column: value})
    document = parse(f"{{ items {{ {column} }} }}")

    for rows in ((odd,), (usual, odd), (odd, usual), (odd, odd)):
        source = Query(items=rows, maybe_items=rows)  # type: ignore[arg-type]
        assert _execute(document, source, ProjectingExecutor) == _execute(document, source, PLAIN)


LISTS = {
    ("CallAnalytics", "dailyStats"): "callAnalytics { dailyStats { %s } }",
    ("CallAnalytics", "series"): "callAnalytics { series(grain: HOUR) { %s } }",
    ("CallAnalytics", "topAssistants"): "callAnalytics { topAssistants { %s } }",
    ("CallAnalytics", "hoursOfWeek"): "callAnalytics { hoursOfWeek { %s } }",
    ("CallAnalytics", "statuses"): "callAnalytics { statuses { %s } }",
    ("DurationStats", "histogram"): "callAnalytics { durations { histogram(edges: [9]) { %s } } }",
    ("CallConnection", "edges"): "callAnalytics { calls { edges { %s } } }",
    ("CallConnection", "nodes"): "callAnalytics { calls { nodes { %s } } }",
    ("Organization", "assistants"): "organization { assistants { %s } }",
}
"""Each list of the product, with a document that selects it."""


def test_all_lists_of_the_product_are_known() -> None:
    objects = [type_ for type_ in core_schema.type_map.values() if is_object_type(type_)]
    lists = {
        (type_.name, name)
        for type_ in objects
        if not type_.name.startswith("__")
        for name, field in type_.fields.items()
        if isinstance(get_nullable_type(field.type), GraphQLList)
    }

    assert lists == LISTS.keys()


@pytest.mark.parametrize(("parent", "name"), LISTS, ids=[name for _, name in LISTS])
def test_each_list_of_the_product_is_projected(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, parent: str, name: str
) -> None:
    """Otherwise lists are slow, and no other test tells."""
    projected = []

    def recording(*arguments: Any) -> Any:
        projected.append(original(*arguments))
        return projected[-1]

    original = projection.project
    monkeypatch.setattr(projection, "project", recording)
    type_ = core_schema.type_map[parent]
    assert isinstance(type_, GraphQLObjectType)
    item_type = get_named_type(type_.fields[name].type)
    assert isinstance(item_type, GraphQLObjectType)

    leaves = [
        leaf
        for leaf, field in item_type.fields.items()
        if is_leaf_type(get_nullable_type(field.type))
    ]

    answer: Any = ask(f"{{ {LISTS[parent, name] % ' '.join(leaves)} }}")

    found = answer["data"]
    while isinstance(found, dict):
        (found,) = found.values()
    assert found
    assert projected == [found]


def _execute(document: Any, source: Any, executor: type[Any]) -> tuple[str, list[Any]]:
    """The result in JSON, whose keys are ordered, and the errors."""

    async def run() -> ExecutionResult:
        result = execute(schema._schema, document, root_value=source, executor_class=executor)
        result = result if isinstance(result, ExecutionResult) else await result
        # Where a field has failed, graphql-core lets the others end by themselves.
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)
        return result

    result = asyncio.run(run())
    return json.dumps(result.data), [error.formatted for error in result.errors or []]
