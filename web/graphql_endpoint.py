"""GraphQL over HTTP: one request, one document, one answer.

Follows the GraphQL-over-HTTP specification (https://graphql.github.io/graphql-over-http/draft/):
``Accept`` decides between ``application/graphql-response+json``, whose statuses tell what
happened, and ``application/json``, which answers 200 wherever there is a GraphQL response.
"""

from functools import lru_cache
from typing import Any

import mimeparse
import orjson
from starlette.requests import Request
from starlette.responses import Response

from call_analytics.resolvers.errors import AnalyticsError
from call_analytics.schema.limits import Limits
from call_analytics.schema.persisted import TrustedDocuments
from call_analytics.web.door import Door
from call_analytics.web.explorer import explorer_page
from call_analytics.web.graphql_request import JSON_TYPE, HttpError, read_request
from call_analytics.web.operations import Answer, Operations
from call_analytics.web.query_string import query_parameters
from call_analytics.web.state import State

RESPONSE_TYPE = "application/graphql-response+json"
HTML_TYPE = "text/html"
LONGEST_ACCEPT = 500
"""Characters of the header; those of browsers have some 150."""


class GraphQLEndpoint:
    """The ``/graphql`` endpoint: documents by POST and GET, and the explorer for browsers.

    A private schema has neither explorer nor introspection. Where there are trusted documents, no
    others run.
    """

    def __init__(
        self,
        door: Door,
        limits: Limits,
        *,
        is_private: bool,
        trusted: TrustedDocuments | None,
    ) -> None:
        self._door = door
        self._limits = limits
        self._is_private = is_private
        self._operations = Operations(limits, is_private=is_private, trusted=trusted)

    async def respond(self, request: Request[State]) -> Response:
        """Answer one request."""
        record = request.state["record"]
        record.endpoint = "graphql"
        visit = None
        media_type = JSON_TYPE
        try:
            visit = await self._door.arrive(request)
            media_type = self._media_type(request)
            if media_type == HTML_TYPE:
                return explorer_page(self._door.headers(visit))
            graphql_request = await read_request(request, self._limits)
            async with self._door.inside(request):
                answer = await self._operations.answer(request, graphql_request, visit)
            status = answer.status if media_type == RESPONSE_TYPE else 200
            headers = self._door.headers(visit, answer.error if status >= 400 else None)
        except HttpError as error:
            answer = Answer({"errors": [_error(str(error), error.code)]})
            status, media_type = error.status, JSON_TYPE
            headers = self._door.headers(visit) | error.headers
        except AnalyticsError as error:
            answer = Answer({"errors": [_error(str(error), error.code)]})
            status, headers = error.http_status, self._door.headers(visit, error)
        errors = answer.body.get("errors", ())
        record.codes.extend(error["extensions"]["code"] for error in errors)
        headers["Content-Type"] = f"{media_type}; charset=utf-8"
        headers["Cache-Control"] = self._door.cache_control(is_good=not errors)
        headers["Vary"] = "Authorization, Accept"
        return Response(orjson.dumps(answer.body), status, headers)

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
            raise HttpError(406, "NOT_ACCEPTABLE", f"Accept {RESPONSE_TYPE} or {JSON_TYPE}.")
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
