"""The composition root: settings in, an ASGI application out."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import fields
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute, Route
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from call_analytics.access.rate_limits import RateLimits
from call_analytics.access.requester import MEMORY, AccessControl
from call_analytics.db.addresses import DatabaseUrl, parse_database_url
from call_analytics.db.engine import Database, create_engine, ping
from call_analytics.db.errors import DatabaseError
from call_analytics.db.rollups.folding import fold_regularly
from call_analytics.db.rollups.state import rollup_backlog
from call_analytics.resolvers.analytics import Analytics
from call_analytics.resolvers.export import CallExports
from call_analytics.schema.limits import DocumentLimits
from call_analytics.schema.persisted import TrustedDocuments
from call_analytics.settings import PREFIX, Settings, SettingsError, listed, load_settings
from call_analytics.telemetry.logs import configure_logging
from call_analytics.telemetry.prometheus import Telemetry
from call_analytics.telemetry.requests import RequestTelemetry
from call_analytics.web import export, openapi, rest
from call_analytics.web.admission import Admission
from call_analytics.web.compression import Compression
from call_analytics.web.dashboard import DOCUMENTS, dashboard_routes
from call_analytics.web.explorer import explorer_routes
from call_analytics.web.faults import FaultBarrier, refusal
from call_analytics.web.graphql_endpoint import GraphQLEndpoint
from call_analytics.web.health import health_routes
from call_analytics.web.limits import ConnectionLimits, RequestLimits
from call_analytics.web.security_headers import SecurityHeaders

BACKLOG_SECONDS = 2
"""How long ``/metrics`` waits for the number of rollup rows; Prometheus waits 10 for the page."""
OPERATORS_CONNECTIONS = 2
"""One for ``/readyz`` and one for ``/metrics``."""


def utc_now() -> datetime:
    """The clock of a real server, in whole seconds: requests of one second have one window."""
    return datetime.now(UTC).replace(microsecond=0)


def create_app(
    settings: Settings,
    *,
    clock: Callable[[], datetime] = utc_now,
    may_use_rollups: bool = True,
) -> Starlette:
    """The service as an ASGI application; the database is opened when the server starts.

    Without ``may_use_rollups`` every answer is read from the calls.

    Raises:
        OperatorError: where the database's address is wrong.
        SettingsError: where another setting is wrong.
    """
    url = parse_database_url(settings.database_url)
    _require_extra(settings.rate_limit_storage != MEMORY, "RATE_LIMIT_STORAGE", "redis", "redis")
    _require_extra(settings.traces, "TRACES", "traces", "opentelemetry")
    telemetry = Telemetry()

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, object]]:
        database = _reader(url, settings, telemetry, pool_size=settings.pool_size)
        # A second pool: ``/readyz`` and ``/metrics`` answer while requests wait for the first.
        operators_database = _reader(url, settings, telemetry, pool_size=OPERATORS_CONNECTIONS)
        # And a third: an export has a connection for as long as its client reads.
        exports_database = _reader(
            url, settings, telemetry, pool_size=settings.max_concurrent_exports
        )
        access = AccessControl(
            database,
            key_cache_seconds=settings.key_cache_seconds,
            key_limits=RateLimits(
                settings.requests_per_minute or None,
                settings.requests_per_hour or None,
                settings.requests_per_day or None,
            ),
            key_rate_limits=settings.key_rate_limits,
            address_limits=RateLimits(settings.stranger_requests_per_minute or None),
            rate_limit_storage=settings.rate_limit_storage,
        )
        with _traces(settings, database) as traces:
            async with _folding(url, settings):
                yield {
                    "access": access,
                    "analytics": Analytics(
                        database,
                        may_use_rollups=may_use_rollups,
                        hides_phone_numbers=settings.hide_phone_numbers,
                    ),
                    "exports": CallExports(
                        exports_database, hides_phone_numbers=settings.hide_phone_numbers
                    ),
                    "clock": clock,
                    "database_answers": partial(_answers, operators_database),
                    "rollup_backlog": partial(_backlog, operators_database),
                    "traces": traces,
                }
        await access.close()
        await database.dispose()
        await operators_database.dispose()
        await exports_database.dispose()

    request_limits = limits_in(settings, RequestLimits)
    admission = Admission(
        request_limits,
        retry_after_seconds=settings.retry_after_seconds,
        max_age_seconds=settings.max_age_seconds,
    )
    graphql = GraphQLEndpoint(
        admission,
        request_limits,
        limits_in(settings, DocumentLimits),
        is_private=settings.production,
        trusted=_trusted_documents(settings),
    )
    exports = export.ExportEndpoint(admission, timeout_seconds=settings.export_timeout_seconds)
    health = health_routes(
        telemetry,
        telemetry_token=settings.telemetry_token.get_secret_value(),
        retry_after_seconds=settings.retry_after_seconds,
    )
    app = Starlette(
        routes=[
            Route("/graphql", graphql.respond, methods=["GET", "POST"]),
            Route(rest.PATH, rest.RestEndpoint(admission).respond, methods=["GET"]),
            Route(export.PATH, exports, methods=["GET"]),
            Route(f"{rest.PATH}/", rest.without_slash, methods=["GET"]),
            *health,
            *(dashboard_routes() if settings.dashboard else []),
            *([] if settings.production else _descriptions()),
        ],
        middleware=[
            *_proxy_middleware(settings),
            Middleware(RequestTelemetry, telemetry=telemetry),
            Middleware(Compression),
            Middleware(SecurityHeaders),
            *_cors_middleware(settings),
            Middleware(FaultBarrier),
        ],
        lifespan=lifespan,
        exception_handlers={HTTPException: refusal(is_private=settings.production)},
    )
    app.router.redirect_slashes = False
    return app


def _reader(
    url: DatabaseUrl, settings: Settings, telemetry: Telemetry, *, pool_size: int
) -> Database:
    return create_engine(
        url,
        read_only=True,
        pool_size=pool_size,
        wait_timeout=settings.request_timeout_seconds,
        connect_timeout=settings.connect_timeout_seconds,
        statement_timeout=settings.statement_timeout_seconds,
        observer=telemetry,
    )


async def _answers(database: Database) -> bool:
    try:
        await ping(database)
    except DatabaseError:
        return False
    return True


async def _backlog(database: Database) -> int | None:
    try:
        async with asyncio.timeout(BACKLOG_SECONDS):
            return await rollup_backlog(database)
    except (DatabaseError, TimeoutError):
        return None


AnyLimits = TypeVar("AnyLimits", ConnectionLimits, DocumentLimits, RequestLimits)


def limits_in(settings: Settings, kind: type[AnyLimits]) -> AnyLimits:
    """The limits of one kind, from the settings of the same names."""
    return kind(**{field.name: getattr(settings, field.name) for field in fields(kind)})


def _require_extra(needed: bool, setting: str, extra: str, module: str) -> None:  # noqa: FBT001
    if needed and find_spec(module) is None:
        raise SettingsError(
            f"{PREFIX}{setting}: needs the extra {extra}: pip install 'call-analytics[{extra}]'"
        )


def _trusted_documents(settings: Settings) -> TrustedDocuments | None:
    if not settings.trusted_documents:
        return None
    own = [DOCUMENTS] if settings.dashboard and DOCUMENTS.exists() else []
    try:
        return TrustedDocuments.read(Path(settings.trusted_documents), *own)
    except ValueError as error:
        raise SettingsError(f"{PREFIX}TRUSTED_DOCUMENTS: {error}") from None


def _proxy_middleware(settings: Settings) -> list[Middleware]:
    if not settings.trusted_proxies:
        return []
    return [Middleware(ProxyHeadersMiddleware, trusted_hosts=settings.trusted_proxies)]


def _cors_middleware(settings: Settings) -> list[Middleware]:
    if not settings.cors_origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=listed(settings.cors_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=[
                "Content-Disposition",
                "ETag",
                "RateLimit",
                "RateLimit-Policy",
                "Retry-After",
                "X-Request-Id",
            ],
        )
    ]


@contextmanager
def _traces(settings: Settings, database: Database) -> Iterator[object]:
    """The tracer provider, until the server stops. None where traces are off."""
    if not settings.traces:
        yield None
        return
    # This module belongs to an extra, which may not be installed.
    traces = import_module("call_analytics.telemetry.traces")
    provider = traces.start_traces(database.sync_engine)
    try:
        yield provider
    finally:
        traces.stop_traces(provider)


@asynccontextmanager
async def _folding(url: DatabaseUrl, settings: Settings) -> AsyncIterator[None]:
    """Fold the rollups until the server stops. Processes take turns."""
    if settings.compaction_seconds == 0:
        yield
        return
    writer = create_engine(
        url, read_only=False, pool_size=1, connect_timeout=settings.connect_timeout_seconds
    )
    work = asyncio.create_task(fold_regularly(writer, seconds=settings.compaction_seconds))
    try:
        yield
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await writer.dispose()


def _descriptions() -> list[BaseRoute]:
    """The routes that describe the API to people who have no key."""
    return [
        Route(openapi.PATH, openapi.openapi_document, methods=["GET"]),
        *explorer_routes(),
    ]


def app_from_environment() -> Starlette:
    """The application of one server process, as ``call-analytics serve`` starts it."""
    # Imported modules are no garbage. To search them would stop requests for tens of ms.
    gc.collect()
    gc.freeze()
    settings = load_settings()
    configure_logging(settings.log_level)
    return create_app(settings)
