"""GraphQL over HTTP: one request, one document, one answer.

Follows the GraphQL-over-HTTP specification (https://graphql.github.io/graphql-over-http/draft/):
``Accept`` decides between ``application/graphql-response+json``, whose statuses tell what
happened, and ``application/json``, which answers 200 wherever there is a GraphQL response.
"""

from collections.abc import Hashable
from dataclasses import asdict
from functools import lru_cache, partial
from typing import Any

import mimeparse
import orjson
from starlette.requests import Request
from starlette.responses import Response

from call_analytics.access.errors import Unauthenticated
from call_analytics.access.rate_limits import RateLimits
from call_analytics.access.requester import Requester
from call_analytics.resolvers.call_list import MAX_PAGE_SIZE, MAX_STATUSES_ASKED
from call_analytics.resolvers.errors import ExpectedError, Overloaded, Unavailable
from call_analytics.resolvers.limits import (
    MAX_ASSISTANT_IDS,
    MAX_ASSISTANTS,
    MAX_HISTOGRAM_EDGES,
    MAX_LISTS,
)
from call_analytics.resolvers.series_points import MAX_SERIES_POINTS
from call_analytics.resolvers.window import MAX_WINDOW_DAYS
from call_analytics.schema.context import Context
from call_analytics.schema.documents import Document, InvalidDocument
from call_analytics.schema.limits import DocumentLimits
from call_analytics.schema.limits_type import Limits
from call_analytics.schema.operations import Answer, Operations, Outcome
from call_analytics.schema.persisted import TrustedDocuments, UnknownDocument
from call_analytics.schema.tracing import traced_operation
from call_analytics.web.admission import Admission
from call_analytics.web.explorer import explorer_page
from call_analytics.web.graphql_request import (
    JSON_TYPE,
    GraphQLRequest,
    HttpError,
    missing_query,
    read_request,
)
from call_analytics.web.limits import RequestLimits
from call_analytics.web.query_string import query_parameters
from call_analytics.web.sharing import SharedReads
from call_analytics.web.state import State
from call_analytics.web.statuses import status_of

RESPONSE_TYPE = "application/graphql-response+json"
HTML_TYPE = "text/html"
LONGEST_ACCEPT = 500
"""Characters of the header; those of browsers have some 150."""
REFUSED_DOCUMENT_COST = 10
"""How many requests a document that cannot be run counts as: reading it was for nothing."""


class GraphQLEndpoint:
    """The ``/graphql`` endpoint: documents by POST and GET, and the explorer for browsers.

    A private schema has neither explorer nor introspection, and without a valid key no document is
    read. Where there are trusted documents, no others run.
    """

    def __init__(
        self,
        admission: Admission,
        request_limits: RequestLimits,
        document_limits: DocumentLimits,
        *,
        is_private: bool,
        trusted: TrustedDocuments | None,
    ) -> None:
        self._admission = admission
        self._request_limits = request_limits
        self._document_limits = document_limits
        self._is_private = is_private
        self._operations = Operations(document_limits, is_private=is_private, trusted=trusted)
        self._shared = SharedReads[Hashable, Answer]()

    async def respond(self, request: Request[State]) -> Response:
        """Answer one request."""
        record = request.state["record"]
        record.endpoint = "graphql"
        requester = None
        media_type = JSON_TYPE
        try:
            requester = await self._admission.requester(request)
            media_type = self._media_type(request)
            if media_type == HTML_TYPE:
                return explorer_page(self._admission.headers(requester))
            graphql_request = await read_request(request, self._request_limits)
            async with self._admission.answering(request):
                answer = await self._answer(request, graphql_request, requester)
            status = _status(answer) if media_type == RESPONSE_TYPE else 200
            headers = self._admission.headers(requester, answer.error if status >= 400 else None)
        except HttpError as error:
            answer = Answer({"errors": [_error(str(error), error.code)]})
            status, media_type = error.status, JSON_TYPE
            headers = self._admission.headers(requester) | error.headers
        except ExpectedError as error:
            answer = Answer({"errors": [_error(str(error), error.code)]})
            status, headers = status_of(error), self._admission.headers(requester, error)
        errors = answer.body.get("errors", ())
        record.codes.extend(error["extensions"]["code"] for error in errors)
        headers["Content-Type"] = f"{media_type}; charset=utf-8"
        headers["Cache-Control"] = self._admission.cache_control(is_good=not errors)
        headers["Vary"] = "Authorization, Accept"
        return Response(orjson.dumps(answer.body), status, headers)

    async def _answer(
        self, request: Request[State], graphql_request: GraphQLRequest, requester: Requester
    ) -> Answer:
        """The answer to a document, or why it is not run.

        The requester is identified before the document is read, so that its key pays for the
        reading.
        """
        record = request.state["record"]
        caller = await _caller(requester)
        if isinstance(caller, int):
            record.organization_id = caller
        elif self._is_private:
            return self._operations.refusal(caller)
        text, extensions = graphql_request.query, graphql_request.extensions
        if text is None and not (extensions and "persistedQuery" in extensions):
            raise missing_query(request.method)
        organization_id = caller if isinstance(caller, int) else None
        try:
            document = self._operations.document(text, extensions, organization_id)
        except InvalidDocument as invalid:
            cost = 1 if isinstance(invalid, UnknownDocument) else REFUSED_DOCUMENT_COST
            await requester.charge(cost - 1)
            return self._operations.not_run(invalid)
        operation = document.operation(graphql_request.operation_name)
        if operation is not None:
            if request.method != "POST" and not operation.is_query:
                raise HttpError(
                    405,
                    "METHOD_NOT_ALLOWED",
                    "Only queries may be sent by GET. Send this by POST.",
                    {"Allow": "POST"},
                )
            record.operation = operation.name
        await requester.charge(document.cost - 1)
        context = Context(
            caller=caller,
            now=request.state["clock"](),
            analytics=request.state["analytics"],
            limits=partial(self._limits, requester.rate_limits),
        )
        answer = await self._run(
            document, graphql_request, context, requester.rate_limits, request.state["traces"]
        )
        record.sources = answer.sources
        return answer

    async def _run(
        self,
        document: Document,
        graphql_request: GraphQLRequest,
        context: Context,
        rate_limits: RateLimits,
        traces: Any,  # noqa: ANN401 - of a package that may not be here
    ) -> Answer:
        """Run a document, or share the answer to an equal request of the same second."""
        operation_name, variables = graphql_request.operation_name, graphql_request.variables
        # All that an answer depends on. An error in place of a caller equals no other.
        question = (
            context.caller,
            rate_limits,
            document.text,
            operation_name,
            repr(variables),
            context.now,
        )
        async with traced_operation(traces, document.ast, operation_name) as middleware:
            return await self._shared.read(
                question,
                lambda: self._operations.run(
                    document,
                    operation_name=operation_name,
                    variables=variables,
                    context=context,
                    middleware=middleware,
                ),
            )

    def _limits(self, rate_limits: RateLimits) -> Limits:
        return Limits(
            **asdict(self._request_limits),
            **asdict(self._document_limits),
            max_lists=MAX_LISTS,
            max_assistants=MAX_ASSISTANTS,
            max_assistant_ids=MAX_ASSISTANT_IDS,
            max_window_days=MAX_WINDOW_DAYS,
            max_series_points=MAX_SERIES_POINTS,
            max_histogram_edges=MAX_HISTOGRAM_EDGES,
            max_page_size=MAX_PAGE_SIZE,
            max_statuses=MAX_STATUSES_ASKED,
            requests_per_minute=rate_limits.per_minute,
            requests_per_hour=rate_limits.per_hour,
            requests_per_day=rate_limits.per_day,
        )

    def _media_type(self, request: Request[State]) -> str:
        accept = request.headers.get("accept", "").strip() or "*/*"
        if len(accept) > LONGEST_ACCEPT:
            raise HttpError(
                406, "NOT_ACCEPTABLE", f"Accept is longer than {LONGEST_ACCEPT} characters."
            )
        is_page = request.method != "POST" and not {"query", "extensions"} & set(
            query_parameters(request)
        )
        media_type = _best_match(accept, may_be_page=is_page and not self._is_private)
        if media_type is None:
            raise HttpError(
                406,
                "NOT_ACCEPTABLE",
                f"Send the header Accept: {JSON_TYPE}, or Accept: {RESPONSE_TYPE}, or none.",
            )
        return media_type


@lru_cache(maxsize=64)
def _best_match(accept: str, *, may_be_page: bool) -> str | None:
    """The media type that an ``Accept`` header likes best; None where it likes none."""
    # Of equally welcome types, the last one offered is the best match.
    offered = [*([HTML_TYPE] if may_be_page else []), RESPONSE_TYPE, JSON_TYPE]
    try:
        return str(mimeparse.best_match(offered, accept)) or None
    except mimeparse.MimeTypeParseException:
        return None


def _error(message: str, code: str) -> dict[str, Any]:
    return {"message": message, "extensions": {"code": code}}


def _status(answer: Answer) -> int:
    """The status of an answer under ``application/graphql-response+json``."""
    if answer.outcome is Outcome.DATA:
        return 200
    if answer.outcome is Outcome.NOT_RUN:
        return 400
    return 500 if answer.error is None else status_of(answer.error)


async def _caller(requester: Requester) -> int | ExpectedError:
    """The organization that asks, or why it is not known."""
    try:
        return (await requester.identify()).organization_id
    except (Unauthenticated, Unavailable, Overloaded) as error:
        return error
