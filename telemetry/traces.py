"""OpenTelemetry traces of operations, resolvers and statements: the extra ``traces``.

They go to where ``OTEL_EXPORTER_OTLP_ENDPOINT`` says.
"""

from collections.abc import Sequence
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Status

from call_analytics.telemetry.logs import SECRETS

MAX_CHARACTERS = 200
"""The longest name or text that is sent; a client may have chosen it."""
OF_STATEMENTS = {"db.statement", "db.query.text", "db.operation", "db.name", "db.namespace"}
"""Attributes that hold SQL, or the path of an SQLite file."""


class ScrubbingExporter(SpanExporter):
    """Removes SQL, keys and hashes from spans before another exporter sends them."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans."""
        return self._exporter.export([_scrubbed(span) for span in spans])

    def shutdown(self) -> None:
        """Send no more."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send the spans that wait."""
        return self._exporter.force_flush(timeout_millis)


def _scrubbed(span: ReadableSpan) -> ReadableSpan:
    attributes = dict(span.attributes or {})
    name = _presentable(span.name)
    if not attributes.keys().isdisjoint(OF_STATEMENTS):
        name = name.split()[0]  # the verb; what follows is the database's name or path
        attributes = {
            name: value for name, value in attributes.items() if name not in OF_STATEMENTS
        }
    return ReadableSpan(
        name=name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes={
            key: _presentable(value) if isinstance(value, str) else value
            for key, value in attributes.items()
        },
        kind=span.kind,
        status=Status(span.status.status_code),  # its description may quote SQL
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _presentable(text: str) -> str:
    return SECRETS.sub("[secret]", text)[:MAX_CHARACTERS]


def start_traces(sync_engine: Any) -> TracerProvider:  # noqa: ANN401 - SQLAlchemy is db's
    """Trace the statements of an engine. Returns the provider of tracers for other parts.

    ``stop_traces`` must be called at the end, so that the last spans are sent.
    """
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: "call-analytics"}))
    provider.add_span_processor(BatchSpanProcessor(ScrubbingExporter(OTLPSpanExporter())))
    SQLAlchemyInstrumentor().instrument(
        engine=sync_engine,
        tracer_provider=provider,
        skip_dep_check=True,  # it works with SQLAlchemy 2.1, which it does not list yet
    )
    return provider


def stop_traces(provider: TracerProvider) -> None:
    """Send the last spans, and stop tracing."""
    SQLAlchemyInstrumentor().uninstrument()
    provider.shutdown()
