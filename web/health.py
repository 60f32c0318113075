"""Endpoints for an operator's programs: is the server alive, is it ready, and its numbers."""

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
    # Shared, so that frequent requests use only one connection.
    pings = SharedReads[str, bool]()
    backlogs = SharedReads[str, int | None]()

    async def alive(_request: Request[State]) -> Response:
        """Whether the process lives."""
        return json_response({"status": "ok"})

    async def ready(request: Request[State]) -> Response:
        """Whether requests can be answered."""
        if await pings.read("ping", request.state["database_answers"]):
            in_use, replicas = request.state["replicas_in_use"]()
            of_replicas = {"replicas": replicas, "replicasInUse": in_use} if replicas else {}
            return json_response({"status": "ok"} | of_replicas)
        headers = {"Retry-After": str(retry_after_seconds)}
        return json_response({"detail": "The database does not answer."}, 503, headers)

    async def metrics(request: Request[State]) -> Response:
        """The numbers of all server processes, for Prometheus."""
        given = bearer_key(request.headers) or ""
        if not secrets.compare_digest(given.encode(), telemetry_token.encode()):
            headers = {"WWW-Authenticate": "Bearer"}
            return json_response({"detail": "The telemetry token is required."}, 401, headers)
        # Where the backlog is None, the page shows the last known number.
        backlog = await backlogs.read("backlog", request.state["rollup_backlog"])
        return Response(telemetry.page(rollup_backlog=backlog), media_type=CONTENT_TYPE)

    return [
        Route("/healthz", alive, methods=["GET"]),
        Route("/readyz", ready, methods=["GET"]),
        *([Route("/metrics", metrics, methods=["GET"])] if telemetry_token else []),
    ]
