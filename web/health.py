"""What an operator's programs ask the server: is it alive, is it ready, how is it doing."""

import asyncio
import secrets

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from call_analytics.db.engine import Database, ping
from call_analytics.db.errors import DatabaseError
from call_analytics.db.rollups.state import rollup_backlog
from call_analytics.settings import Settings
from call_analytics.telemetry.prometheus import CONTENT_TYPE, Telemetry
from call_analytics.web.bearer import bearer_key
from call_analytics.web.rest import json_response
from call_analytics.web.sharing import SharedReads
from call_analytics.web.state import State

BACKLOG_SECONDS = 2
"""How long ``/metrics`` waits for the number of rollup rows; Prometheus waits 10 for the page."""


class ServerState(State):
    """The state of every request, with what only these routes need."""

    operators_database: Database


def health_routes(settings: Settings, telemetry: Telemetry) -> list[Route]:
    """``/healthz`` and ``/readyz``; ``/metrics`` too, where there is a token that opens it."""
    token = settings.telemetry_token.get_secret_value()
    # So that asking often takes no more than one connection.
    pings = SharedReads[str, None]()
    backlogs = SharedReads[str, int]()

    async def alive(_request: Request[ServerState]) -> Response:
        """Whether the process lives."""
        return json_response({"status": "ok"})

    async def ready(request: Request[ServerState]) -> Response:
        """Whether requests can be answered."""
        try:
            await pings.read("ping", lambda: ping(request.state["operators_database"]))
        except DatabaseError:
            headers = {"Retry-After": str(settings.retry_after_seconds)}
            return json_response({"detail": "The database does not answer."}, 503, headers)
        return json_response({"status": "ok"})

    async def metrics(request: Request[ServerState]) -> Response:
        """The numbers of all server processes, for Prometheus."""
        given = bearer_key(request.headers) or ""
        if not secrets.compare_digest(given.encode(), token.encode()):
            headers = {"WWW-Authenticate": "Bearer"}
            return json_response({"detail": "The telemetry token is required."}, 401, headers)
        try:
            async with asyncio.timeout(BACKLOG_SECONDS):
                backlog = await backlogs.read(
                    "backlog", lambda: rollup_backlog(request.state["operators_database"])
                )
        except (DatabaseError, TimeoutError):
            backlog = None  # the page shows the last one that is known
        return Response(telemetry.page(rollup_backlog=backlog), media_type=CONTENT_TYPE)

    return [
        Route("/healthz", alive, methods=["GET"]),
        Route("/readyz", ready, methods=["GET"]),
        *([Route("/metrics", metrics, methods=["GET"])] if token else []),
    ]
