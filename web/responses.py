"""JSON responses."""

from typing import Any

import orjson
from starlette.responses import Response


def json_response(
    body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """A JSON response; errors are objects with ``detail``, as on the REST path."""
    return Response(orjson.dumps(body), status, headers, "application/json")
