"""The OpenAPI description of the REST endpoints, served at ``/openapi.json``."""

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from call_analytics.access.running_exports import MAX_EXPORTS_OF_A_KEY
from call_analytics.web import export, export_request, rest

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


def _parameter(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema}


DATE = {"type": "string", "format": "date"}
INSTANT = {"type": "string", "format": "date-time"}
EXPORT_PARAMETERS = [
    _parameter(
        "format",
        "CSV, or JSON Lines.",
        {"type": "string", "enum": list(export_request.FORMATS), "default": "csv"},
    ),
    _parameter(
        "period",
        "The last 1, 7, 30 or 90 times 24 hours; or a period of the calendar of `time_zone`, whose "
        "weeks begin on Monday.",
        {
            "type": "string",
            "enum": list(export_request.PERIODS),
            "default": rest.DEFAULT_PERIOD,
        },
    ),
    _parameter("first", "The first local date of `time_zone`, as in `2026-03-01`.", DATE),
    _parameter("last", "The last local date, itself included.", DATE),
    _parameter("start", "The first instant, with its offset from UTC or `Z`.", INSTANT),
    _parameter("end", "The end, itself not included, written in the same way.", INSTANT),
    _parameter(
        "time_zone",
        "A name of the IANA database, as in `Europe/Berlin`. Without it dates are those of UTC; "
        "with it there is one more column, of local times.",
        {"type": "string"},
    ),
    _parameter(
        "assistant_id",
        "Only calls of these assistants.",
        {"type": "array", "items": {"type": "integer"}},
    ),
    _parameter(
        "status",
        "Only calls with these statuses, as they are stored.",
        {"type": "array", "items": {"type": "string"}},
    ),
]

OPENAPI: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {
        "title": "Call Analytics",
        "version": "1",
        "description": "Figures of an organization's voice-AI phone calls. GraphQL, at "
        "`/graphql`, has the same figures and computes only those that are picked.",
    },
    "paths": {
        rest.PATH: {
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
                            "enum": list(rest.PERIODS),
                            "default": rest.DEFAULT_PERIOD,
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
        },
        export.PATH: {
            "get": {
                "operationId": "exportCalls",
                "summary": "The calls behind the figures, as a file of any size.",
                "description": "The newest first, all from one snapshot. The window is a `period`, "
                "or `first` and `last`, or `start` and `end`. An export counts as "
                f"{export.COST} requests, and a key has {MAX_EXPORTS_OF_A_KEY} at a time. An "
                "answer that ends without its last chunk is not whole.",
                "security": [{"key": []}],
                "parameters": EXPORT_PARAMETERS,
                "responses": {
                    "200": {
                        "description": "The file; `call-analytics import` reads it. In CSV, a cell "
                        "that a spreadsheet would run as a formula has an apostrophe in front.",
                        "headers": {"Content-Disposition": {"schema": {"type": "string"}}},
                        "content": {
                            "text/csv": {"schema": {"type": "string"}},
                            "application/x-ndjson": {"schema": {"type": "string"}},
                        },
                    },
                    "401": _refusal("No valid API key.", TEXT, "WWW-Authenticate"),
                    "422": _refusal("A parameter makes no sense.", TEXT),
                    "429": _refusal(
                        "The key or the address asked too often, or has too many exports running.",
                        TEXT,
                        "Retry-After",
                    ),
                    "503": _refusal("No answer is possible just now.", TEXT, "Retry-After"),
                },
            }
        },
    },
    "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
}


async def openapi_document(_request: Request) -> Response:
    """The description, for programs."""
    return Response(orjson.dumps(OPENAPI), media_type="application/json")
