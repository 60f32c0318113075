"""Traces, sent over OTLP to a collector that keeps what it gets."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from starlette.testclient import TestClient

from call_analytics.server import create_app
from call_analytics.settings import Settings
from tests.platform import NOW, Platform
from tests.tenants import Tenant


class Collector:
    """Where spans are sent to."""

    def __init__(self) -> None:
        received = self.received = []  # type: ignore[var-annotated]

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                received.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_arguments: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def spans(self) -> list[Any]:
        """Every span that came."""
        requests = [ExportTraceServiceRequest.FromString(body) for body in self.received]
        return [
            span
            for request in requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A running collector."""
    running = Collector()
    thread = threading.Thread(target=running.server.serve_forever)
    thread.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", running.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
    yield running
    running.server.shutdown()
    running.server.server_close()
    thread.join()


def test_operations_resolvers_and_statements_are_traced_without_secrets(
    collector: Collector, database_url: str, platform: Platform, tenant: Tenant
) -> None:
    settings = Settings.model_validate({"database_url": database_url, "traces": True})
    long = "x" * 5_000
    with TestClient(create_app(settings, clock=lambda: NOW)) as client:
        answers = [
            client.post("/graphql", json={"query": query}, headers=tenant.headers).json()
            for query in (
                "query Week { callAnalytics { totalCalls dailyStats { date total } } }",
                f"query {tenant.key} {{ {tenant.key}: callAnalytics {{ totalCalls }} }}",
                f"query {long} {{ {long}: callAnalytics {{ totalCalls }} }}",
            )
        ]

    total = platform.expected(tenant.organization_id, "7d")["total_calls"]
    assert answers[0]["data"]["callAnalytics"]["totalCalls"] == total
    spans = {span.span_id: span for span in collector.spans()}
    names = {span.name for span in spans.values()}
    assert {"GraphQL Query: Week", "GraphQL Query: [secret]"} <= names
    assert "GraphQL Resolving: callAnalytics" in names
    statements = [span for span in spans.values() if _attribute(span, "db.system")]
    assert {span.name for span in statements} <= {"SELECT", "WITH", "PRAGMA", "connect"}
    ancestors = [_ancestors(span, spans) for span in statements]
    assert any("GraphQL Query: Week" in names for names in ancestors)
    sent = b"".join(collector.received)
    for secret in (tenant.key.encode(), b"SELECT ", b"FROM calls", b"calls.db", b"dailyStats"):
        assert secret not in sent
    assert b"x" * 100 in sent
    assert b"x" * 201 not in sent


def _attribute(span: Any, name: str) -> str:
    return next((one.value.string_value for one in span.attributes if one.key == name), "")


def _ancestors(span: Any, spans: dict[bytes, Any]) -> list[str]:
    names = []
    while span.parent_span_id in spans:
        span = spans[span.parent_span_id]
        names.append(span.name)
    return names
