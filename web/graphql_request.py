"""The GraphQL request inside an HTTP request, as GraphQL over HTTP defines it."""

import asyncio
from codecs import BOM_UTF8
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json
from starlette.requests import ClientDisconnect, Request

from call_analytics.web.limits import RequestLimits
from call_analytics.web.query_string import query_parameters
from call_analytics.web.state import State

JSON_TYPE = "application/json"
EXAMPLE = 'Send a JSON object such as {"query": "{ __typename }"}.'
CLOSE = {"Connection": "close"}
"""The rest of the body is not read, so the connection cannot serve another request."""


class HttpError(Exception):
    """A request that is refused before its document is looked at."""

    def __init__(
        self, status: int, code: str, message: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers or {}


class GraphQLRequest(BaseModel):
    """The parameters of one request; unknown ones are ignored."""

    model_config = ConfigDict(strict=True, frozen=True)

    query: str | None = None
    variables: dict[str, Any] | None = None
    operation_name: str | None = Field(default=None, alias="operationName")
    extensions: dict[str, Any] | None = None


async def read_request(request: Request[State], limits: RequestLimits) -> GraphQLRequest:
    """The GraphQL request of a GET's query string or of a POST's JSON body.

    Raises:
        HttpError: where there is none, or it is too large, comes too slowly, or is not written as
            it must be.
    """
    try:
        if request.method == "POST":
            return GraphQLRequest.model_validate_json(await _json_body(request, limits))
        return GraphQLRequest.model_validate(_parameters(request))
    except ValidationError as error:
        raise HttpError(400, "BAD_REQUEST", _problem(error)) from None


def _problem(error: ValidationError) -> str:
    """What is wrong with a request, and what to send instead."""
    problem = error.errors()[0]
    if problem["type"] == "json_invalid":
        return f"The body is not JSON ({problem['ctx']['error']}). {EXAMPLE}"
    if problem["loc"]:
        return f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}."
    if isinstance(problem["input"], list):
        return "Batches are not supported; send one request each."
    return f"The body is JSON, but not an object. {EXAMPLE}"


def missing_query(method: str) -> HttpError:
    """The refusal of a request without a document."""
    example = EXAMPLE if method == "POST" else "Send it as /graphql?query=DOCUMENT, or by POST."
    return HttpError(400, "BAD_REQUEST", f"The request has no query. {example}")


async def _json_body(request: Request[State], limits: RequestLimits) -> bytes:
    content_type, _, parameters = request.headers.get("content-type", "").partition(";")
    if content_type.strip().lower() != JSON_TYPE:
        raise HttpError(
            415, "UNSUPPORTED_MEDIA_TYPE", f"Send JSON, with the header Content-Type: {JSON_TYPE}."
        )
    if "charset" in parameters.lower() and "utf-8" not in parameters.lower():
        raise HttpError(
            415, "UNSUPPORTED_MEDIA_TYPE", "Send the request in UTF-8, without another charset."
        )
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise HttpError(415, "UNSUPPORTED_MEDIA_TYPE", "Send the request without Content-Encoding.")
    body = bytearray()
    try:
        async with asyncio.timeout(limits.body_timeout_seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limits.max_body_bytes:
                    raise HttpError(
                        413,
                        "CONTENT_TOO_LARGE",
                        f"The request is larger than {limits.max_body_bytes} bytes.",
                        CLOSE,
                    )
    except TimeoutError:
        raise HttpError(408, "REQUEST_TIMEOUT", "The request came too slowly.", CLOSE) from None
    except ClientDisconnect:
        raise HttpError(400, "BAD_REQUEST", "The request was not sent to its end.") from None
    return bytes(body.removeprefix(BOM_UTF8))


def _parameters(request: Request[State]) -> dict[str, object]:
    parameters: dict[str, object] = dict(query_parameters(request))
    for name in ("variables", "extensions"):
        text = parameters.get(name)
        if isinstance(text, str):
            try:
                parameters[name] = from_json(text)
            except ValueError:
                raise HttpError(400, "BAD_REQUEST", f"{name}: must be a JSON object.") from None
    return parameters
