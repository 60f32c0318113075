"""The service on a port of its own, for clients that want a real one."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from call_analytics.server import create_app, limits_in
from call_analytics.settings import Settings
from call_analytics.web.http_protocol import http_protocol
from call_analytics.web.limits import ConnectionLimits
from tests.platform import NOW


@contextmanager
def serving(database_url: str, **changes: object) -> Iterator[str]:
    """The service with a clock that stands at ``NOW``; yields its address."""
    settings = Settings.model_validate({"database_url": database_url, **changes})
    with serving_app(create_app(settings, clock=lambda: NOW), settings) as (host, port):
        yield f"http://{host}:{port}"


@contextmanager
def serving_app(app: Any, settings: Settings, **changes: object) -> Iterator[tuple[str, int]]:
    """An application behind the service's HTTP protocol, on its event loop.

    The changes are of uvicorn's options; yields the address.
    """
    options: dict[str, Any] = {
        "http": http_protocol(limits_in(settings, ConnectionLimits)),
        "access_log": False,
        "proxy_headers": False,
        "timeout_graceful_shutdown": settings.shutdown_seconds,
        **changes,
    }
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", **options))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        try:
            yield listening.getsockname()
        finally:
            server.should_exit = True
            thread.join()
