"""The OpenAPI description of the REST endpoint, served at ``/openapi.json``."""

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from call_analytics.web.rest import DEFAULT_PERIOD, PERIODS

PATH = "/openapi.json"
COUNT = {"type": "integer", "minimum": 0}
SECONDS = {"type": "number", "minimum": 0}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    """An object with all of these properties and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _refusal(description: str, detail: dict[str, Any], *headers: str) -> dict[str, Any]:
    return {
        "description": description,
        "headers": {name: {"schema": {"type": "string"}} for name in headers},
        "content": {"application/json": {"schema": _object({"detail": detail})}},
    }


DAY = _object({"total": COUNT, "completed": COUNT, "failed": COUNT})
ASSISTANT = _object(
    {
        "assistant_id": {"type": "integer"},
        "assistant_name": {"type": "string"},
        "calls": COUNT,
        "duration": SECONDS | {"description": "Seconds, over calls of every status."},
    }
)
ANALYTICS = _object(
    {
        "total_calls": COUNT | {"description": "Calls of any status."},
        "completed_calls": COUNT,
        "failed_calls": COUNT,
        "ongoing_calls": COUNT,
        "total_duration": SECONDS | {"description": "Seconds, over completed calls."},
        "avg_duration": SECONDS
        | {"description": "Seconds: the mean over completed calls of known length."},
        "success_rate": {
            "type": "number",
            "minimum": 0,
            "maximum": 100,
            "description": "Percent of all calls that were completed.",
        },
        "daily_stats": {
            "type": "object",
            "description": "By UTC date; only dates that have calls.",
            "propertyNames": {"format": "date"},
            "additionalProperties": DAY,
        },
        "top_assistants": {"type": "array", "maxItems": 10, "items": ASSISTANT},
    }
)
BAD_PERIOD = {
    "type": "array",
    "items": _object(
        {
            "type": {"type": "string"},
            "loc": {"type": "array", "items": {"type": "string"}},
            "msg": {"type": "string"},
            "input": {"type": "string"},
            "ctx": {"type": "object"},
        }
    ),
}
TEXT = {"type": "string"}

OPENAPI: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {
        "title": "Call Analytics",
        "version": "1",
        "description": "Figures of an organization's voice-AI phone calls. GraphQL, at "
        "`/graphql`, has the same figures and computes only those that are picked.",
    },
    "paths": {
        "/api/v1/calls/analytics": {
            "get": {
                "operationId": "callAnalytics",
                "summary": "Totals, daily statistics and top assistants of a period.",
                "security": [{"key": []}],
                "parameters": [
                    {
                        "name": "period",
                        "in": "query",
                        "description": "The last 1, 7, 30 or 90 times 24 hours.",
                        "schema": {
                            "type": "string",
                            "enum": list(PERIODS),
                            "default": DEFAULT_PERIOD,
                        },
                    },
                ],
                "responses": {
                    "200": {
                        "description": "The figures, all from one snapshot of the data.",
                        "headers": {"ETag": {"schema": {"type": "string"}}},
                        "content": {"application/json": {"schema": ANALYTICS}},
                    },
                    "304": {"description": "The figures are those of the tag that was sent."},
                    "401": _refusal("No valid API key.", TEXT, "WWW-Authenticate"),
                    "422": _refusal("No such period.", BAD_PERIOD),
                    "429": _refusal("The key or the address asked too often.", TEXT, "Retry-After"),
                    "503": _refusal("No answer is possible just now.", TEXT, "Retry-After"),
                },
            }
        }
    },
    "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
}


async def openapi_document(_request: Request) -> Response:
    """The description, for programs."""
    return Response(orjson.dumps(OPENAPI), media_type="application/json")
