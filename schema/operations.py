"""GraphQL operations: from the text of a document to its answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from graphql import ExecutionResult, GraphQLError
from graphql.execution import MiddlewareManager, execute
from strawberry.execution import optimized_is_awaitable

from call_analytics.resolvers.errors import ExpectedError
from call_analytics.schema.context import Context
from call_analytics.schema.documents import Document, InvalidDocument, document_preparer
from call_analytics.schema.limits import DocumentLimits
from call_analytics.schema.masking import presented
from call_analytics.schema.persisted import (
    PersistedQueries,
    TrustedDocuments,
    check_hash,
    named_hash,
)
from call_analytics.schema.query import core_schema, schema
from call_analytics.schema.suggestions import with_known_names


class Outcome(Enum):
    """What became of an operation."""

    DATA = auto()
    """There is data, perhaps with errors beside it."""
    NOT_RUN = auto()
    """The document, or its variables, are not such that it can be run."""
    FAILED = auto()
    """It was run, or might have been, and there is no data."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to an operation."""

    body: dict[str, Any]
    outcome: Outcome = Outcome.DATA
    error: ExpectedError | None = None
    """Why it failed; None where that was a fault of ours."""
    sources: tuple[str, ...] = ()
    """What the figures were read from."""


class Operations:
    """Runs the operations of one schema.

    No introspection shows a private schema, and no error suggests its names. Where there
    are trusted documents, no others run.
    """

    def __init__(
        self, limits: DocumentLimits, *, is_private: bool, trusted: TrustedDocuments | None
    ) -> None:
        self._max_errors = limits.max_errors
        self._is_private = is_private
        self._trusted = trusted
        self._persisted = PersistedQueries()
        self._prepare = document_preparer(core_schema, limits=limits, is_private=is_private)

    def document(
        self,
        text: str | None,
        extensions: dict[str, object] | None,
        organization_id: int | None,
    ) -> Document:
        """The document that a request gives by its text, by its hash, or by both.

        A valid one that comes with its hash is remembered for the organization, if there is one.

        Raises:
            InvalidDocument: where there is no such document, or it cannot be run.
        """
        sha256_hash = named_hash(extensions)
        if self._trusted is not None:
            return self._prepare(self._trusted.find(text, sha256_hash))
        if sha256_hash is None:
            return self._prepare(text or "")
        if text is None:
            return self._prepare(self._persisted.find(organization_id, sha256_hash))
        check_hash(text, sha256_hash)
        document = self._prepare(text)
        if organization_id is not None:
            self._persisted.remember(organization_id, sha256_hash, text)
        return document

    async def run(
        self,
        document: Document,
        *,
        operation_name: str | None,
        variables: Mapping[str, Any] | None,
        context: Context,
        middleware: MiddlewareManager | None,
    ) -> Answer:
        """Run an operation of a document."""
        try:
            result = execute(
                core_schema,
                document.ast,
                context_value=context,
                variable_values=dict(variables) if variables is not None else None,
                operation_name=operation_name,
                executor_class=schema.execution_context_class,
                is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]
                hide_suggestions=True,
                middleware=middleware,
            )
            if not isinstance(result, ExecutionResult):
                result = await result
        except Exception as fault:
            result = ExecutionResult(None, [GraphQLError("", original_error=fault)])
        if result.errors and all(error.path is None for error in result.errors):
            return self._never_begun(result.errors, document, variables)
        return self._answer(result, context)

    def refusal(self, error: ExpectedError) -> Answer:
        """The answer to a request whose document is not looked at."""
        errors = self._presented([GraphQLError(str(error), original_error=error)])
        return Answer({"errors": errors}, Outcome.FAILED, error)

    def not_run(self, invalid: InvalidDocument) -> Answer:
        """The answer to a request whose document cannot be run."""
        return Answer(
            {"errors": self._presented(invalid.errors, code=invalid.code)}, Outcome.NOT_RUN
        )

    def _never_begun(
        self,
        errors: list[GraphQLError],
        document: Document,
        variables: Mapping[str, Any] | None,
    ) -> Answer:
        if not self._is_private:
            errors = with_known_names(errors, core_schema, document.ast, variables)
        return Answer({"errors": self._presented(errors)}, Outcome.NOT_RUN)

    def _answer(self, result: ExecutionResult, context: Context) -> Answer:
        sources = tuple(sorted(context.sources))
        extensions: dict[str, Any] = {"extensions": {"sources": sources}} if sources else {}
        if context.ages:
            extensions["extensions"]["ageSeconds"] = round(max(context.ages), 3)
        if not result.errors:
            return Answer({"data": result.data} | extensions, sources=sources)
        errors = self._presented(result.errors)
        if result.data is not None:
            return Answer({"data": result.data, "errors": errors} | extensions, sources=sources)
        cause = result.errors[0].original_error
        expected = cause if isinstance(cause, ExpectedError) else None
        body = {"data": None, "errors": errors} | extensions
        return Answer(body, Outcome.FAILED, expected, sources)

    def _presented(
        self, errors: Sequence[GraphQLError], *, code: str = "BAD_USER_INPUT"
    ) -> list[dict[str, Any]]:
        return presented(errors, at_most=self._max_errors, code=code)
