"""The service on a port of its own, for clients that want a real one."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from http_protocol import http_protocol
from server import create_app
from settings import Settings
from tests.platform import NOW


@contextmanager
def serving(database_url: str, **changes: object) -> Iterator[str]:
    """The service with a clock that stands at ``NOW``; yields its address."""
    settings = Settings.model_validate({"database_url": database_url, **changes})
    app = create_app(settings, clock=lambda: NOW)
    options = {"http": http_protocol(settings), "access_log": False, "proxy_headers": False}
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", **options))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
