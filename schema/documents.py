"""GraphQL documents: parsed, weighed and validated once, and remembered within a bound."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from cachetools import LRUCache, cached
from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    OperationType,
    get_operation_ast,
    parse,
    specified_rules,
    validate,
)

from call_analytics.schema.document_weight import LimitExceeded, weigh
from call_analytics.schema.limits import DocumentLimits
from call_analytics.schema.suggestions import with_known_names

CACHED_CHARACTERS = 250_000
"""Bound of the memory: the summed length of the remembered texts."""


class Operation(NamedTuple):
    """An operation of a document."""

    name: str | None
    is_query: bool


class Document(NamedTuple):
    """A document that can be run."""

    text: str
    ast: DocumentNode
    cost: int
    """In requests."""

    def operation(self, name: str | None) -> Operation | None:
        """The operation with this name, or the only one; None where that is not settled."""
        found = get_operation_ast(self.ast, name)
        if found is None:
            return None
        is_query = found.operation is OperationType.QUERY
        return Operation(found.name.value if found.name else None, is_query)


Prepare: TypeAlias = Callable[[str], Document]
"""Turns the text of a document into one that can be run.

Raises:
    InvalidDocument: with every reason why it cannot.
"""


class InvalidDocument(Exception):  # noqa: N818 - a state of the document
    """A document that cannot be run."""

    def __init__(self, code: str, errors: list[GraphQLError]) -> None:
        super().__init__(code)
        self.code = code
        """``GRAPHQL_PARSE_FAILED`` for a syntax error, ``GRAPHQL_VALIDATION_FAILED`` for others."""
        self.errors = errors


def document_preparer(
    schema: GraphQLSchema, *, limits: DocumentLimits, is_private: bool
) -> Prepare:
    """A ``Prepare`` for a schema, which remembers the valid documents that were used last.

    Neither introspection nor suggestions in errors show a private schema.
    """
    rules = [*specified_rules, *([NoSchemaIntrospectionCustomRule] if is_private else [])]

    @cached(LRUCache(CACHED_CHARACTERS, getsizeof=_length))
    def prepare(text: str) -> Document:
        try:
            ast = parse(text, max_lexical_tokens=limits.max_tokens, max_comments=limits.max_tokens)
        except GraphQLError as error:
            raise InvalidDocument("GRAPHQL_PARSE_FAILED", [error]) from None
        try:
            cost = weigh(ast, limits)
        except LimitExceeded as error:
            raise InvalidDocument("LIMIT_EXCEEDED", [GraphQLError(str(error))]) from None
        errors = validate(
            schema, ast, rules, max_errors=limits.max_errors - 1, hide_suggestions=True
        )
        if errors:
            if not is_private:
                errors = with_known_names(errors, schema, ast)
            raise InvalidDocument("GRAPHQL_VALIDATION_FAILED", errors)
        return Document(text, ast, cost)

    return prepare


def _length(document: Document) -> int:
    return len(document.text)
