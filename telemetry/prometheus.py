"""What Prometheus collects: requests, errors, statements, connections and the rollups' backlog.

Each of several server processes keeps its numbers in a file of a shared directory
(``PROMETHEUS_MULTIPROC_DIR``, which ``serve`` sets). The process that is asked adds them up.
"""

import os
import re
from pathlib import Path

import psutil
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from call_analytics.telemetry.request_record import RequestRecord, current_record

DIRECTORY_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_LIVE_FILE = re.compile(r"gauge_live\w+_(\d+)\.db")


class Telemetry:
    """The numbers of one server process. No label holds anything that a client may choose."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "call_analytics_requests", "Requests.", ["endpoint", "status"], registry=registry
        )
        self._request_seconds = Histogram(
            "call_analytics_request_seconds",
            "Time from a request's head to the end of its answer.",
            ["endpoint"],
            buckets=SECONDS,
            registry=registry,
        )
        self._errors = Counter(
            "call_analytics_errors", "Errors in answers.", ["code"], registry=registry
        )
        self._statement_seconds = Histogram(
            "call_analytics_statement_seconds",
            "Time of SQL statements.",
            buckets=SECONDS,
            registry=registry,
        )
        self._running = Gauge(
            "call_analytics_requests_running",
            "Requests that are being answered.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._connections = Gauge(
            "call_analytics_connections_in_use",
            "Database connections that are in use.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._waiting = Gauge(
            "call_analytics_connection_waits",
            "Requests that wait for a database connection, all of the process being in use.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._wait_seconds = Histogram(
            "call_analytics_connection_wait_seconds",
            "Time for which those waited for a database connection that had to.",
            buckets=SECONDS,
            registry=registry,
        )
        self._backlog = Gauge(
            "call_analytics_rollup_backlog",
            "Rows of the rollups' log that are not folded into sums yet.",
            multiprocess_mode="mostrecent",
            registry=registry,
        )

        self._answers = Counter(
            "call_analytics_answers",
            "Reads by the server that answered, where there are replicas: replica or primary.",
            ["server"],
            registry=registry,
        )
        self._replica_in_use = Gauge(
            "call_analytics_replica_in_use",
            "Whether a replica answers (1), or is away or too old (0).",
            ["replica"],
            multiprocess_mode="livemin",
            registry=registry,
        )
        self._replica_age = Gauge(
            "call_analytics_replica_age_seconds",
            "How old what a replica has was, when it was last seen in use.",
            ["replica"],
            multiprocess_mode="livemax",
            registry=registry,
        )

    def request_began(self) -> None:
        """A request has come."""
        self._running.inc()

    def request_ended(self, record: RequestRecord, *, status: int, seconds: float) -> None:
        """A request has been answered."""
        self._running.dec()
        self._requests.labels(record.endpoint, status).inc()
        self._request_seconds.labels(record.endpoint).observe(seconds)
        for code in record.codes:
            self._errors.labels(code).inc()

    def statement_ended(self, seconds: float) -> None:
        """A statement has run, or has failed."""
        self._statement_seconds.observe(seconds)
        record = current_record.get()
        if record is not None:
            record.statements += 1

    def connection_taken(self) -> None:
        """A connection has left the pool."""
        self._connections.inc()

    def connection_returned(self) -> None:
        """A connection is back in the pool."""
        self._connections.dec()

    def wait_began(self) -> None:
        """A request begins to wait, because all connections are in use."""
        self._waiting.inc()
        record = current_record.get()
        if record is not None:
            record.wait_began()

    def wait_ended(self, seconds: float) -> None:
        """A request got a connection, or stopped waiting for one."""
        self._waiting.dec()
        self._wait_seconds.observe(seconds)
        record = current_record.get()
        if record is not None:
            record.wait_ended()

    def replica_seen(self, name: str, *, age_seconds: float | None) -> None:
        """A replica was looked at; its age is None where it is not in use."""
        self._replica_in_use.labels(name).set(age_seconds is not None)
        if age_seconds is not None:
            self._replica_age.labels(name).set(age_seconds)

    def answered(self, server: str) -> None:
        """A ``replica`` or the ``primary`` has answered."""
        self._answers.labels(server).inc()

    def page(self, *, rollup_backlog: int | None) -> bytes:
        """All numbers of all processes, as Prometheus reads them; seconds and counts."""
        if rollup_backlog is not None:
            self._backlog.set(rollup_backlog)
        directory = os.environ.get(DIRECTORY_VARIABLE)
        if directory is None:
            return generate_latest(self._registry)
        _forget_dead_processes(Path(directory))
        together = CollectorRegistry()
        MultiProcessCollector(together, directory)  # type: ignore[no-untyped-call]
        return generate_latest(together)


def _forget_dead_processes(directory: Path) -> None:
    """Remove the gauges of processes that were killed: they do nothing now."""
    for file in directory.iterdir():
        found = _LIVE_FILE.fullmatch(file.name)
        if found and not psutil.pid_exists(int(found[1])):
            mark_process_dead(int(found[1]), str(directory))  # type: ignore[no-untyped-call]
