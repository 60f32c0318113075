"""The committed SDL is the schema, and every part of it has a description."""

from pathlib import Path

from graphql import GraphQLEnumType, GraphQLObjectType

import call_analytics.schema as schema_room
from call_analytics.schema.query import core_schema, schema

SDL = Path(schema_room.__file__).parent / "schema.graphql"


def test_the_committed_sdl_is_the_schema() -> None:
    assert SDL.read_text() == f"{schema.as_str()}\n", (
        "the schema has changed; type: .venv/bin/call-analytics schema > schema/schema.graphql"
    )


def test_everything_is_described() -> None:
    types = [type_ for name, type_ in core_schema.type_map.items() if not name.startswith("__")]
    ours = [type_ for type_ in types if isinstance(type_, GraphQLObjectType | GraphQLEnumType)]
    assert {type_.name for type_ in ours} == {
        "Query",
        "CallAnalytics",
        "DailyStat",
        "AssistantStat",
        "Limits",
        "Period",
    }
    for type_ in ours:
        assert type_.description, type_
        if isinstance(type_, GraphQLEnumType):
            for name, value in type_.values.items():
                assert value.description, name
        else:
            for name, field in type_.fields.items():
                assert field.description, f"{type_}.{name}"
                for argument_name, argument in field.args.items():
                    assert argument.description, f"{type_}.{name}({argument_name}:)"
