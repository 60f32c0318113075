"""GraphQL over HTTP: one request, one document, one answer.

Follows the GraphQL-over-HTTP specification (https://graphql.github.io/graphql-over-http/draft/):
``Accept`` decides between ``application/graphql-response+json``, whose statuses tell what
happened, and ``application/json``, which answers 200 wherever there is a GraphQL response.
"""

from dataclasses import dataclass, field
from typing import Any

import mimeparse
import orjson
from graphql import DocumentNode, ExecutionResult, GraphQLError, OperationType, get_operation_ast
from graphql.execution import execute
from starlette.requests import Request
from starlette.responses import Response
from strawberry.execution import optimized_is_awaitable

from resolvers.authenticate import Principal
from resolvers.errors import AnalyticsError, Unauthenticated
from schema.bearer import bearer_key
from schema.context import Context
from schema.documents import InvalidDocument, document_preparer
from schema.explorer import explorer_page
from schema.graphql_request import JSON_TYPE, GraphQLRequest, HttpError, read_request
from schema.masking import presented
from schema.query import schema
from schema.state import State

RESPONSE_TYPE = "application/graphql-response+json"
HTML_TYPE = "text/html"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a GraphQL request is answered with, before its media type is chosen."""

    body: dict[str, Any]
    status: int = 200
    """The status under ``application/graphql-response+json``."""
    headers: dict[str, str] = field(default_factory=dict)


class GraphQLEndpoint:
    """The ``/graphql`` endpoint: documents by POST and GET, and the explorer for browsers."""

    def __init__(self, *, max_body_bytes: int, max_tokens: int, retry_after_seconds: int) -> None:
        self._max_body_bytes = max_body_bytes
        self._retry_after = {"Retry-After": str(retry_after_seconds)}
        self._prepare = document_preparer(schema._schema, max_tokens=max_tokens)  # noqa: SLF001

    async def respond(self, request: Request[State]) -> Response:
        """Answer one request."""
        try:
            offered = [RESPONSE_TYPE, JSON_TYPE]
            if request.method != "POST" and "query" not in request.query_params:
                offered.insert(0, HTML_TYPE)
            media_type = _negotiate(request, offered)
            if media_type == HTML_TYPE:
                return explorer_page()
            graphql_request = await read_request(request, max_body_bytes=self._max_body_bytes)
            answer = await self._answer(request, graphql_request)
        except HttpError as error:
            return _response(
                {"errors": [{"message": str(error)}]}, error.status, JSON_TYPE, error.headers
            )
        status = answer.status if media_type == RESPONSE_TYPE else 200
        return _response(answer.body, status, media_type, answer.headers)

    async def _answer(self, request: Request[State], graphql_request: GraphQLRequest) -> Answer:
        try:
            document = self._prepare(graphql_request.query)
        except InvalidDocument as invalid:
            return Answer({"errors": presented(invalid.errors, code=invalid.code)}, 400)
        _refuse_unsafe_method(request, document, graphql_request.operation_name)
        context = Context(
            caller=await _caller(request),
            now=request.state["clock"](),
            analytics=request.state["analytics"],
        )
        result = await _execute(document, graphql_request, context)
        answer = self._presented(result)
        if context.sources:
            answer.body["extensions"] = {"sources": sorted(context.sources)}
        return answer

    def _presented(self, result: ExecutionResult) -> Answer:
        if not result.errors:
            return Answer({"data": result.data})
        errors = presented(result.errors)
        if result.data is not None:
            return Answer({"data": result.data, "errors": errors})
        if all(error.path is None for error in result.errors):  # execution never began
            return Answer({"errors": errors}, 400)
        cause = result.errors[0].original_error
        status = cause.http_status if isinstance(cause, AnalyticsError) else 500
        headers = self._retry_after if status == 503 else {}
        return Answer({"data": None, "errors": errors}, status, headers)


def _negotiate(request: Request[State], offered: list[str]) -> str:
    accept = request.headers.get("accept", "").strip() or "*/*"
    try:
        # Of equally welcome types, the last one offered is the best match.
        best = str(mimeparse.best_match(offered, accept))
    except mimeparse.MimeTypeParseException:
        best = ""
    if not best:
        raise HttpError(406, f"Accept {RESPONSE_TYPE} or {JSON_TYPE}.")
    return best


def _refuse_unsafe_method(
    request: Request[State], document: DocumentNode, operation_name: str | None
) -> None:
    operation = get_operation_ast(document, operation_name)
    if request.method != "POST" and operation and operation.operation is not OperationType.QUERY:
        raise HttpError(405, "Only queries may be sent by GET.", {"Allow": "POST"})


async def _caller(request: Request[State]) -> Principal | AnalyticsError:
    if "authorization" not in request.headers:
        return Unauthenticated()
    try:
        return await request.state["analytics"].authenticate(bearer_key(request.headers))
    except AnalyticsError as error:
        return error


async def _execute(
    document: DocumentNode, graphql_request: GraphQLRequest, context: Context
) -> ExecutionResult:
    try:
        result = execute(
            schema._schema,  # noqa: SLF001
            document,
            context_value=context,
            variable_values=graphql_request.variables,
            operation_name=graphql_request.operation_name,
            executor_class=schema.execution_context_class,
            is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]
        )
        return result if isinstance(result, ExecutionResult) else await result
    except Exception as fault:
        return ExecutionResult(None, [GraphQLError("", original_error=fault)])


def _response(
    body: dict[str, Any], status: int, media_type: str, headers: dict[str, str]
) -> Response:
    return Response(
        orjson.dumps(body),
        status,
        {"Content-Type": f"{media_type}; charset=utf-8", **headers},
    )
