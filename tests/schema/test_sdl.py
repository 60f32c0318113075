"""The committed SDL is the schema, and every part of it has a description."""

from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLEnumType, GraphQLInterfaceType, GraphQLObjectType
from strawberry.utils.str_converters import to_camel_case

import call_analytics.schema as schema_room
from call_analytics.resolvers.figures import FIGURES
from call_analytics.resolvers.report import AssistantRow, HourRow, SeriesPoint
from call_analytics.schema.query import core_schema, schema

SDL = Path(schema_room.__file__).parent / "schema.graphql"


def test_the_committed_sdl_is_the_schema() -> None:
    assert SDL.read_text() == f"{schema.as_str()}\n", (
        "the schema has changed; type: .venv/bin/call-analytics schema > schema/schema.graphql"
    )


def test_everything_is_described() -> None:
    """With the standard scalars as the only exception, whose descriptions are graphql-core's."""
    ours = [type_ for name, type_ in core_schema.type_map.items() if not name.startswith("__")]
    assert len(ours) > len(FIGURES)
    for type_ in ours:
        assert type_.description, type_
        for name, value in getattr(type_, "values", {}).items():
            assert value.description, f"{type_}.{name}"
        for name, field in getattr(type_, "fields", {}).items():
            assert field.description, f"{type_}.{name}"
            for argument_name, argument in getattr(field, "args", {}).items():
                assert argument.description, f"{type_}.{name}({argument_name}:)"


@pytest.mark.parametrize(
    ("name", "row"),
    [("SeriesPoint", SeriesPoint), ("AssistantStat", AssistantRow), ("HourOfWeekStat", HourRow)],
)
def test_every_group_has_the_same_figures(name: str, row: Any) -> None:
    """A figure that is added is added everywhere: under one name, and in one order."""
    interface, type_ = core_schema.type_map["CallFigures"], core_schema.type_map[name]
    assert isinstance(interface, GraphQLInterfaceType)
    assert isinstance(type_, GraphQLObjectType)
    fields = [to_camel_case(figure) for figure in FIGURES]

    assert list(interface.fields) == fields
    assert type_.interfaces == (interface,)
    assert list(row._fields[-len(FIGURES) :]) == list(FIGURES)
    order = core_schema.type_map["AssistantOrderField"]
    assert isinstance(order, GraphQLEnumType)
    assert set(order.values) == {figure.upper() for figure in FIGURES} | {"NAME"}
