"""The composition root: settings in, an ASGI application out."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from db.engine import Database, DatabaseUrl, create_engine, parse_database_url, ping
from db.errors import DatabaseUnavailable
from db.rollup_upkeep import compact_regularly
from resolvers.analytics import Analytics
from schema.explorer import explorer_assets
from schema.graphql_http import GraphQLEndpoint
from schema.masking import log_fault
from schema.rest import RestEndpoint, json_response
from schema.state import State
from settings import Settings, load_settings


class ServerState(State):
    """The state of every request, with what only the server's own routes need."""

    database: Database


def utc_now() -> datetime:
    """The clock of a real server, in whole seconds: requests of one second have one window."""
    return datetime.now(UTC).replace(microsecond=0)


def create_app(settings: Settings, *, clock: Callable[[], datetime] = utc_now) -> Starlette:
    """The service as an ASGI application; the database is opened when the server starts.

    Raises:
        OperatorError: where the database's address makes no sense.
    """
    url = parse_database_url(settings.database_url)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[ServerState]:
        database = create_engine(
            url,
            read_only=True,
            pool_size=settings.pool_size,
            connect_timeout=settings.connect_timeout_seconds,
            statement_timeout=settings.statement_timeout_seconds,
        )
        analytics = Analytics(database, key_cache_seconds=settings.key_cache_seconds)
        async with _compacting(url, settings):
            yield ServerState(analytics=analytics, clock=clock, database=database)
        await database.dispose()

    async def ready(request: Request[ServerState]) -> Response:
        """Whether requests can be answered."""
        try:
            await ping(request.state["database"])
        except DatabaseUnavailable:
            headers = {"Retry-After": str(settings.retry_after_seconds)}
            return json_response({"detail": "The database does not answer."}, 503, headers)
        return json_response({"status": "ok"})

    graphql = GraphQLEndpoint(
        max_body_bytes=settings.max_body_bytes,
        max_tokens=settings.max_tokens,
        retry_after_seconds=settings.retry_after_seconds,
    )
    rest = RestEndpoint(retry_after_seconds=settings.retry_after_seconds)
    app = Starlette(
        routes=[
            Route("/graphql", graphql.respond, methods=["GET", "POST"]),
            explorer_assets(),
            Route("/api/v1/calls/analytics", rest.respond, methods=["GET"]),
            Route("/healthz", alive, methods=["GET"]),
            Route("/readyz", ready, methods=["GET"]),
            Route("/", to_explorer, methods=["GET"]),
        ],
        lifespan=lifespan,
        exception_handlers={HTTPException: refuse, Exception: fail},
    )
    app.router.redirect_slashes = False
    return app


@asynccontextmanager
async def _compacting(url: DatabaseUrl, settings: Settings) -> AsyncIterator[None]:
    """Compact the rollups meanwhile; of several processes, one at a time does it."""
    if settings.compaction_seconds == 0:
        yield
        return
    writer = create_engine(
        url, read_only=False, pool_size=1, connect_timeout=settings.connect_timeout_seconds
    )
    work = asyncio.create_task(compact_regularly(writer, seconds=settings.compaction_seconds))
    try:
        yield
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await writer.dispose()


async def alive(_request: Request[ServerState]) -> Response:
    """Whether the process lives."""
    return json_response({"status": "ok"})


async def to_explorer(_request: Request[ServerState]) -> Response:
    """The way from the bare address to the explorer."""
    return RedirectResponse("/graphql")


async def refuse(_request: Request, error: Exception) -> Response:
    """Unknown paths and wrong methods."""
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    return json_response({"detail": error.detail}, error.status_code, headers)


async def fail(_request: Request, fault: Exception) -> Response:
    """A fault of ours: its id for the client, all of it for the log."""
    error_id = log_fault(fault)
    return json_response({"detail": "Something went wrong on our side.", "error_id": error_id}, 500)


def app_from_environment() -> Starlette:
    """The application of one server process, as ``call-analytics serve`` starts it."""
    # What is imported by now stays: searching it for garbage stops requests for tens of ms.
    gc.collect()
    gc.freeze()
    settings = load_settings()
    logging.basicConfig(level=settings.log_level.upper(), format="%(levelname)s:     %(message)s")
    return create_app(settings)
