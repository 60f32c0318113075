"""Completing lists of plain rows in one go.

graphql-core completes every leaf of an answer by itself, with its path and its resolver's info: in
a list of days most of the work of a request. Where nothing can come of that, because the selected
fields of the list's items are bare attributes of rows, the list is made column by column instead.
Whatever is unusual is left to graphql-core, so results, errors and their order stay its own.
"""

from collections.abc import Callable
from math import isfinite
from operator import attrgetter
from types import NoneType
from typing import Any, NamedTuple

from graphql import (
    GRAPHQL_MAX_INT,
    GRAPHQL_MIN_INT,
    GraphQLField,
    GraphQLFloat,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLString,
    get_nullable_type,
    is_leaf_type,
)
from graphql.execution.collect_fields import FieldDetailsList
from graphql.pyutils import AwaitableOrValue, Path, UndefinedType
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

UNUSUAL = (NoneType, UndefinedType, Exception)
"""Types of values that need more than output coercion."""


class Column(NamedTuple):
    """One selected field of the items of a list."""

    response_name: str
    read: Callable[[Any], Any]
    """Takes the attribute from a row."""
    serialize: Callable[[Any], Any]
    """The output coercion of the field's type."""
    is_nullable: bool = False


class ProjectingExecutor(StrawberryGraphQLCoreExecutionContext):
    """Strawberry's executor, with a shorter way for lists of plain rows."""

    def complete_list_value(  # noqa: PLR0917 - the signature is graphql-core's
        self,
        return_type: GraphQLList[GraphQLOutputType],
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,  # noqa: ANN401
        position_context: Any,  # noqa: ANN401
    ) -> AwaitableOrValue[list[Any]]:
        """Complete a list as one projection where that is sure to come to the same."""
        if isinstance(result, tuple) and all(
            issubclass(type_, tuple) for type_ in set(map(type, result))
        ):
            columns = self._columns(return_type.of_type, field_details_list, result, info)
            if columns:
                completed = project(result, columns)
                if completed is not None:
                    return completed
        return super().complete_list_value(
            return_type, field_details_list, info, path, result, position_context
        )

    def _columns(
        self,
        item_type: GraphQLOutputType,
        field_details_list: FieldDetailsList,
        rows: tuple[Any, ...],
        info: GraphQLResolveInfo[Any],
    ) -> list[Column] | None:
        """The selected columns of a list's items; None where one of them is unusual."""
        if isinstance(item_type, GraphQLNonNull):
            item_type = item_type.of_type
        if not isinstance(item_type, GraphQLObjectType):
            return None
        is_type_of = item_type.is_type_of
        if is_type_of and not all(is_type_of(row, info) is True for row in rows):
            return None
        if self.middleware_manager:
            return None
        collected = self.collect_subfields(item_type, field_details_list)
        if collected.new_defer_usages:
            return None
        columns = []
        for response_name, nodes in collected.grouped_field_set.items():
            field = item_type.fields.get(nodes[0].node.name.value)
            if field is None or not _is_bare(field):
                return None
            columns.append(
                Column(
                    response_name,
                    attrgetter(_attribute(field)),
                    _serializer(field),
                    is_nullable=not isinstance(field.type, GraphQLNonNull),
                )
            )
        return columns


def project(rows: tuple[Any, ...], columns: list[Column]) -> list[dict[str, Any]] | None:
    """The completed rows, or None where any value is missing, is an error or not serialisable."""
    completed = []
    for column in columns:
        try:
            values = list(map(column.read, rows))
            present = (
                [value for value in values if value is not None] if column.is_nullable else values
            )
            serialized = _serialized(present, column.serialize)
            if serialized is None:
                return None
            if column.is_nullable:
                one_by_one = iter(serialized)
                serialized = [None if value is None else next(one_by_one) for value in values]
        except Exception:
            return None
        completed.append(serialized)
    names = [column.response_name for column in columns]
    # Each has as many values as there are columns: to compare that again takes time.
    return [dict(zip(names, values, strict=False)) for values in zip(*completed, strict=True)]


def _serialized(values: list[Any], serialize: Callable[[Any], Any]) -> list[Any] | None:
    """What output coercion makes of all values; None where any value is unusual."""
    types = set(map(type, values))
    if serialize == GraphQLInt.coerce_output_value and types == {int}:
        if min(values) >= GRAPHQL_MIN_INT and max(values) <= GRAPHQL_MAX_INT:
            return values
    elif serialize == GraphQLFloat.coerce_output_value and types <= {int, float}:
        numbers = list(map(float, values))
        # graphql-core refuses a whole number that no float is equal to.
        if numbers == values and all(map(isfinite, numbers)):
            return numbers
    elif serialize == GraphQLString.coerce_output_value and types == {str}:
        return values
    if any(issubclass(type_, UNUSUAL) for type_ in types):
        return None
    found = list(map(serialize, values))
    if any(issubclass(type_, UNUSUAL) for type_ in set(map(type, found))):
        return None
    return found


def _is_bare(field: GraphQLField) -> bool:
    """Whether a field is a leaf that is read by ``getattr``."""
    is_default = getattr(field.resolve, "_is_default", False)  # Strawberry's mark
    return is_default and is_leaf_type(get_nullable_type(field.type))


def _attribute(field: GraphQLField) -> str:
    return str(field.extensions["strawberry-definition"].python_name)


def _serializer(field: GraphQLField) -> Callable[[Any], Any]:
    leaf = get_nullable_type(field.type)
    serialize: Callable[[Any], Any] = leaf.coerce_output_value  # type: ignore[union-attr]
    return serialize
