"""GraphQL documents: parsed and validated once, and remembered within a bound."""

from collections.abc import Callable
from typing import TypeAlias

from cachetools import LRUCache, cached
from graphql import DocumentNode, GraphQLError, GraphQLSchema, parse, validate

CACHED_CHARACTERS = 250_000
"""Bound of the memory: the summed length of the remembered texts."""

MAX_ERRORS = 20

Prepare: TypeAlias = Callable[[str], DocumentNode]
"""Turns the text of a document into one that can be run.

Raises:
    InvalidDocument: with every reason why it cannot.
"""


class InvalidDocument(Exception):  # noqa: N818 - a state of the document
    """A document that cannot be run."""

    def __init__(self, code: str, errors: list[GraphQLError]) -> None:
        super().__init__(code)
        self.code = code
        """Tells errors of syntax from errors of meaning."""
        self.errors = errors


def document_preparer(schema: GraphQLSchema, *, max_tokens: int) -> Prepare:
    """A ``Prepare`` for a schema, which remembers the valid documents that were used last."""

    @cached(LRUCache(CACHED_CHARACTERS, getsizeof=_length))
    def prepare(text: str) -> DocumentNode:
        try:
            document = parse(text, max_lexical_tokens=max_tokens, max_comments=max_tokens)
        except GraphQLError as error:
            raise InvalidDocument("GRAPHQL_PARSE_FAILED", [error]) from None
        errors = validate(schema, document, max_errors=MAX_ERRORS)
        if errors:
            raise InvalidDocument("GRAPHQL_VALIDATION_FAILED", errors)
        return document

    return prepare


def _length(document: DocumentNode) -> int:
    assert document.loc is not None
    return len(document.loc.source.body)
