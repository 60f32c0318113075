"""The composition root: settings in, an ASGI application out."""

import gc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import fields
from datetime import UTC, datetime
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
from call_analytics.db.engine import Database
from call_analytics.db.errors import OperatorError
from call_analytics.db.replicas.databases import Databases, Waits
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
    addresses = _addresses(settings)
    _require_extra(settings.rate_limit_storage != MEMORY, "RATE_LIMIT_STORAGE", "redis", "redis")
    _require_extra(settings.traces, "TRACES", "traces", "opentelemetry")
    telemetry = Telemetry()

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, object]]:
        databases = Databases(
            *addresses,
            waits=Waits(
                pool=settings.request_timeout_seconds,
                connect=settings.connect_timeout_seconds,
                statement=settings.statement_timeout_seconds,
            ),
            max_age_seconds=settings.max_staleness_seconds,
            observer=telemetry,
        )
        servers = databases.servers(settings.pool_size)
        access = AccessControl(
            servers,
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
        # An export has a connection for as long as its client reads, so they have their own.
        exports_servers = databases.servers(settings.max_concurrent_exports)
        hides_phone_numbers = settings.hide_phone_numbers
        async with databases.kept_up(fold_seconds=settings.compaction_seconds):
            with _traces(settings, servers.primary.database) as traces:
                yield {
                    "access": access,
                    "analytics": Analytics(
                        servers,
                        may_use_rollups=may_use_rollups,
                        hides_phone_numbers=hides_phone_numbers,
                    ),
                    "exports": CallExports(
                        exports_servers, hides_phone_numbers=hides_phone_numbers
                    ),
                    "clock": clock,
                    "database_answers": databases.answer,
                    "replicas_in_use": databases.replicas_in_use,
                    "rollup_backlog": databases.rollup_backlog,
                    "traces": traces,
                }
            await access.close()

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


def _addresses(settings: Settings) -> tuple[DatabaseUrl, DatabaseUrl | None]:
    """The addresses of the primary and of its replicas."""
    primary = parse_database_url(settings.database_url)
    if not settings.read_database_url:
        return primary, None
    try:
        replicas = parse_database_url(settings.read_database_url)
        if primary.get_backend_name() == "sqlite" or replicas.get_backend_name() == "sqlite":
            raise OperatorError("a SQLite file has no replicas")
    except OperatorError as error:
        raise SettingsError(f"{PREFIX}READ_DATABASE_URL: {error}") from None
    return primary, replicas


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
