"""Names that exist, for errors about a name that does not.

One rule: an error ends with the names that the schema has at its place. That are the names which
look like the wrong one, or else all of them, as many as there is room for. The values of an enum
are few, so they are always all told.

The place is found by the node of the error and the types around it, not by the error's words.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    NamedTypeNode,
    Node,
    ObjectFieldNode,
    TypeInfo,
    TypeInfoVisitor,
    Undefined,
    ValueNode,
    VariableDefinitionNode,
    Visitor,
    get_named_type,
    is_input_type,
    type_from_ast,
    validate_input_value,
    visit,
)

LONGEST_MESSAGE = 400
"""Characters."""
MOST_SIMILAR = 3


@dataclass(frozen=True, slots=True)
class Known:
    """The names that exist at one place."""

    label: str
    names: Sequence[str]
    wrong: str = ""
    """The name that stands there; empty where the error is not about one name."""

    def sentence(self, room: int) -> str:
        """The names as a sentence of at most so many characters; empty where none has room."""
        similar = get_close_matches(self.wrong, self.names, MOST_SIMILAR) if self.wrong else []
        question = f" Did you mean {' or '.join(map(repr, similar))}?"
        if similar and len(question) <= room:
            return question
        for count in range(len(self.names), 0, -1):
            left = len(self.names) - count
            more = f" and {left} more" if left else ""
            sentence = f" {self.label}: {', '.join(self.names[:count])}{more}."
            if len(sentence) <= room:
                return sentence
        return ""


def with_known_names(
    errors: Iterable[GraphQLError],
    schema: GraphQLSchema,
    document: DocumentNode,
    variables: Mapping[str, Any] | None = None,
) -> list[GraphQLError]:
    """The errors of a document, each with the names that exist at its place.

    The errors are those of validation, or of the values that came for the document's variables.
    """
    errors = list(errors)
    nodes = [error.nodes[0] if error.nodes else None for error in errors]
    places = _Places(schema, {id(node) for node in nodes})
    visit(document, TypeInfoVisitor(places.types, places))
    explained = []
    for error, node in zip(errors, nodes, strict=True):
        if isinstance(node, VariableDefinitionNode):
            known = _known_in_variable(schema, error, node, variables or {})
        else:
            known = places.known.get(id(node))
        room = LONGEST_MESSAGE - len(error.message)
        sentence = known.sentence(room) if known and room > 0 else ""
        explained.append(
            GraphQLError(error.message + sentence, error.nodes, original_error=error.original_error)
            if sentence
            else error
        )
    return explained


class _Places(Visitor):
    """Finds what exists at the places of some nodes of a document."""

    def __init__(self, schema: GraphQLSchema, wanted: set[int]) -> None:
        super().__init__()
        self._schema = schema
        self._wanted = wanted
        self.types = TypeInfo(schema)
        self.known: dict[int, Known | None] = {}
        """By the ``id`` of the node."""

    def enter(self, node: Node, *_where: object) -> None:
        if id(node) in self._wanted:
            self.known[id(node)] = self._at(node)

    def _at(self, node: Node) -> Known | None:
        types = self.types
        match node:
            case FieldNode() if types.get_field_def() is None:
                parent = types.get_parent_type()
                if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
                    return Known("Its fields", list(parent.fields), node.name.value)
            case ArgumentNode() if types.get_argument() is None:
                owner = types.get_directive() or types.get_field_def()
                return Known("Its arguments", list(owner.args), node.name.value) if owner else None
            case NamedTypeNode() if self._schema.get_type(node.name.value) is None:
                names = [name for name in self._schema.type_map if not name.startswith("__")]
                return Known("The types", names, node.name.value)
            case ObjectFieldNode():
                return _known_in_value(types.get_parent_input_type(), node.name.value)
            case ValueNode():
                return _known_in_value(types.get_input_type())
        return None


def _known_in_value(type_: GraphQLInputType | None, wrong: str = "") -> Known | None:
    named = get_named_type(type_)
    if isinstance(named, GraphQLEnumType):
        return Known("Its values", list(named.values))
    if isinstance(named, GraphQLInputObjectType):
        return Known("Its fields", list(named.fields), wrong)
    return None


def _known_in_variable(
    schema: GraphQLSchema,
    error: GraphQLError,
    node: VariableDefinitionNode,
    variables: Mapping[str, Any],
) -> Known | None:
    """What exists where a variable's value is wrong: the value is looked at once more to see."""
    type_ = type_from_ast(schema, node.type)
    assert is_input_type(type_)
    paths: list[list[str | int]] = []

    def compare(problem: GraphQLError, path: list[str | int]) -> None:
        if error.original_error and str(problem) == str(error.original_error):
            paths.append(path)

    value = variables.get(node.variable.name.value, Undefined)
    validate_input_value(value, type_, compare, hide_suggestions=True)
    if not paths:
        return None
    for step in paths[0]:
        named = get_named_type(type_)
        # A number is a place in a list, whose items have the same named type.
        if isinstance(step, str) and isinstance(named, GraphQLInputObjectType):
            type_ = named.fields[step].type
    return _known_in_value(type_)
