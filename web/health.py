"""What an operator's programs ask the server: is it alive, is it ready, how is it doing."""

import secrets

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from call_analytics.telemetry.prometheus import CONTENT_TYPE, Telemetry
from call_analytics.web.bearer import bearer_key
from call_analytics.web.responses import json_response
from call_analytics.web.sharing import SharedReads
from call_analytics.web.state import State


def health_routes(
    telemetry: Telemetry, *, telemetry_token: str, retry_after_seconds: int
) -> list[Route]:
    """``/healthz`` and ``/readyz``; ``/metrics`` too, where there is a token that opens it."""
    # So that asking often takes no more than one connection.
    pings = SharedReads[str, bool]()
    backlogs = SharedReads[str, int | None]()

    async def alive(_request: Request[State]) -> Response:
        """Whether the process lives."""
        return json_response({"status": "ok"})

    async def ready(request: Request[State]) -> Response:
        """Whether requests can be answered."""
        if await pings.read("ping", request.state["database_answers"]):
            return json_response({"status": "ok"})
        headers = {"Retry-After": str(retry_after_seconds)}
        return json_response({"detail": "The database does not answer."}, 503, headers)

    async def metrics(request: Request[State]) -> Response:
        """The numbers of all server processes, for Prometheus."""
        given = bearer_key(request.headers) or ""
        if not secrets.compare_digest(given.encode(), telemetry_token.encode()):
            headers = {"WWW-Authenticate": "Bearer"}
            return json_response({"detail": "The telemetry token is required."}, 401, headers)
        # Without a number, the page shows the last one that is known.
        backlog = await backlogs.read("backlog", request.state["rollup_backlog"])
        return Response(telemetry.page(rollup_backlog=backlog), media_type=CONTENT_TYPE)

    return [
        Route("/healthz", alive, methods=["GET"]),
        Route("/readyz", ready, methods=["GET"]),
        *([Route("/metrics", metrics, methods=["GET"])] if telemetry_token else []),
    ]
