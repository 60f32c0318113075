"""GraphQL operations: from the document of a request to its answer."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    get_operation_ast,
)
from graphql.execution import MiddlewareManager, execute
from starlette.requests import Request
from strawberry.execution import optimized_is_awaitable

from call_analytics.access.admission import Visit
from call_analytics.access.authenticate import Principal
from call_analytics.resolvers.errors import AnalyticsError, Unauthenticated, Unavailable
from call_analytics.schema.context import Context
from call_analytics.schema.documents import InvalidDocument, document_preparer
from call_analytics.schema.limits import Limits
from call_analytics.schema.masking import presented
from call_analytics.schema.persisted import (
    PersistedQueries,
    TrustedDocuments,
    UnknownDocument,
    check_hash,
    named_hash,
)
from call_analytics.schema.query import core_schema, schema
from call_analytics.schema.tracing import traced_operation
from call_analytics.web.graphql_request import GraphQLRequest, HttpError
from call_analytics.web.sharing import SharedReads
from call_analytics.web.state import State

REFUSED_DOCUMENT_COST = 10
"""What a document that cannot be run counts in requests: reading it was for nothing."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a GraphQL request is answered with, before its media type is chosen."""

    body: dict[str, Any]
    status: int = 200
    """The status under ``application/graphql-response+json``."""
    error: AnalyticsError | None = None
    """What the status comes from."""
    sources: tuple[str, ...] = ()
    """What the figures were read from."""


class Operations:
    """Runs the operations of GraphQL requests.

    A private schema is told to nobody, and strangers get no document of it read. Where there are
    trusted documents, no others run.
    """

    def __init__(
        self, limits: Limits, *, is_private: bool, trusted: TrustedDocuments | None
    ) -> None:
        self._limits = limits
        self._is_private = is_private
        self._trusted = trusted
        self._persisted = PersistedQueries()
        self._shared = SharedReads[Hashable, Answer]()
        self._prepare = document_preparer(
            core_schema,
            limits=limits,
            is_private=is_private,
        )

    async def answer(
        self, request: Request[State], graphql_request: GraphQLRequest, visit: Visit
    ) -> Answer:
        """The answer to a request.

        Who asks is found out before the document is read, so that who asks pays for reading it;
        of a private schema, strangers are told nothing at all.

        Raises:
            HttpError: where there is no document, or its operation may not be sent this way.
            RateLimited: where whoever asks may ask no more.
        """
        caller = await _caller(visit)
        if isinstance(caller, Principal):
            request.state["record"].organization_id = caller.organization_id
        elif self._is_private:
            return self._refused(caller)
        try:
            text, new_hash = self._text(graphql_request, caller)
            document = self._prepare(text)
        except InvalidDocument as invalid:
            cost = 1 if isinstance(invalid, UnknownDocument) else REFUSED_DOCUMENT_COST
            await visit.spend(cost - 1)
            return Answer({"errors": self._shown(invalid.errors, code=invalid.code)}, 400)
        operation = get_operation_ast(document.ast, graphql_request.operation_name)
        if operation is not None:
            _refuse_unsafe_method(request, operation)
            request.state["record"].operation = operation.name.value if operation.name else None
        await visit.spend(document.cost - 1)
        context = Context(
            caller=caller,
            now=request.state["clock"](),
            analytics=request.state["analytics"],
            limits=self._limits,
            rate_limits=visit.rate_limits,
        )
        if new_hash is not None and isinstance(caller, Principal):
            self._persisted.remember(caller.organization_id, new_hash, text)
        traces = request.state["traces"]
        operation_name, variables = graphql_request.operation_name, graphql_request.variables
        async with traced_operation(traces, document.ast, operation_name) as traced:
            # All that an answer depends on; an error in place of a caller equals no other.
            question = (caller, text, operation_name, repr(variables), context.now)
            answer = await self._shared.read(
                question, lambda: self._execute(document.ast, graphql_request, context, traced)
            )
        request.state["record"].sources = answer.sources
        return answer

    def _text(
        self, graphql_request: GraphQLRequest, caller: Principal | AnalyticsError
    ) -> tuple[str, str | None]:
        """The document's text and, where it is to be remembered, its hash."""
        sha256_hash = named_hash(graphql_request.extensions)
        text = graphql_request.query
        if text is None and sha256_hash is None:
            raise HttpError(400, "BAD_REQUEST", "query: Field required")
        if self._trusted is not None:
            return self._trusted.find(text, sha256_hash), None
        if text is None:
            assert sha256_hash is not None
            organization_id = caller.organization_id if isinstance(caller, Principal) else None
            return self._persisted.find(organization_id, sha256_hash), None
        if sha256_hash is not None:
            check_hash(text, sha256_hash)
        return text, sha256_hash

    async def _execute(
        self,
        document: DocumentNode,
        graphql_request: GraphQLRequest,
        context: Context,
        middleware: MiddlewareManager | None,
    ) -> Answer:
        try:
            result = execute(
                core_schema,
                document,
                context_value=context,
                variable_values=graphql_request.variables,
                operation_name=graphql_request.operation_name,
                executor_class=schema.execution_context_class,
                is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]
                hide_suggestions=self._is_private,
                middleware=middleware,
            )
            if not isinstance(result, ExecutionResult):
                result = await result
        except Exception as fault:
            result = ExecutionResult(None, [GraphQLError("", original_error=fault)])
        return self._presented(result, tuple(sorted(context.sources)))

    def _presented(self, result: ExecutionResult, sources: tuple[str, ...]) -> Answer:
        extensions = {"extensions": {"sources": sources}} if sources else {}
        if not result.errors:
            return Answer({"data": result.data} | extensions, sources=sources)
        errors = self._shown(result.errors)
        if result.data is not None:
            return Answer({"data": result.data, "errors": errors} | extensions, sources=sources)
        if all(error.path is None for error in result.errors):  # execution never began
            return Answer({"errors": errors}, 400)
        cause = result.errors[0].original_error
        expected = cause if isinstance(cause, AnalyticsError) else None
        status = expected.http_status if expected else 500
        return Answer({"data": None, "errors": errors} | extensions, status, expected, sources)

    def _refused(self, error: AnalyticsError) -> Answer:
        """The answer to a request whose document is not looked at."""
        shown = self._shown([GraphQLError(str(error), original_error=error)])
        return Answer({"errors": shown}, error.http_status, error)

    def _shown(
        self, errors: Sequence[GraphQLError], *, code: str = "BAD_USER_INPUT"
    ) -> list[dict[str, Any]]:
        return presented(
            errors, at_most=self._limits.max_errors, code=code, is_private=self._is_private
        )


def _refuse_unsafe_method(request: Request[State], operation: OperationDefinitionNode) -> None:
    if request.method != "POST" and operation.operation is not OperationType.QUERY:
        raise HttpError(
            405, "METHOD_NOT_ALLOWED", "Only queries may be sent by GET.", {"Allow": "POST"}
        )


async def _caller(visit: Visit) -> Principal | AnalyticsError:
    try:
        return await visit.identify()
    except (Unauthenticated, Unavailable) as error:
        return error
