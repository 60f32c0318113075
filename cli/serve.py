"""``call-analytics serve``: the server."""

import atexit
import logging
import os
import shutil
import socket
import sys
import tempfile
from contextlib import suppress
from typing import Annotated

import typer

from call_analytics.cli.listening import listening_sockets
from call_analytics.cli.with_database import with_database
from call_analytics.db.admin.migrate import prepare_to_serve
from call_analytics.db.errors import DatabaseUnavailable
from call_analytics.settings import Settings, load_settings
from call_analytics.telemetry.logs import configure_logging

WORKER_START_SECONDS = 120
"""How long a worker may take to start, or not answer, before it is killed and replaced."""


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    workers: Annotated[int | None, typer.Option(help="Server processes.")] = None,
) -> None:
    """Serve the API. Options win over the settings."""
    settings = load_settings()
    configure_logging(settings.log_level)
    sockets = listening_sockets(host or settings.host, settings.port if port is None else port)
    try:
        state = with_database(settings, prepare_to_serve)
    except DatabaseUnavailable as error:
        logging.warning("%s; serving until it does: requests get a 503", error)
    else:
        logging.info("the database is %s", state.value)
    run_server(settings, sockets, workers=workers or settings.workers)


def run_server(settings: Settings, sockets: list[socket.socket], *, workers: int) -> None:
    """Serve on open sockets until a signal ends it; several workers are processes of their own."""
    # Slow to import, and of no use to the other commands.
    import uvicorn  # noqa: PLC0415
    from uvicorn.config import STARTUP_FAILURE  # noqa: PLC0415
    from uvicorn.supervisors import Multiprocess  # noqa: PLC0415

    from call_analytics.server import create_app, limits_in  # noqa: PLC0415
    from call_analytics.telemetry.prometheus import DIRECTORY_VARIABLE  # noqa: PLC0415
    from call_analytics.web.http_protocol import http_protocol  # noqa: PLC0415
    from call_analytics.web.limits import ConnectionLimits  # noqa: PLC0415

    create_app(settings)  # a wrong setting stops the command here, once, and not in each process
    if workers > 1:  # the process that is asked for /metrics adds up the numbers of all
        directory = tempfile.mkdtemp(prefix="call-analytics-")
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
        os.environ[DIRECTORY_VARIABLE] = directory
    config = uvicorn.Config(
        "call_analytics.server:app_from_environment",
        factory=True,
        workers=workers,
        log_config=None,  # its lines go where ours go; requests are logged by ours
        access_log=False,
        http=http_protocol(limits_in(settings, ConnectionLimits)),
        timeout_graceful_shutdown=settings.shutdown_seconds,
        proxy_headers=False,
        server_header=False,
        # On a busy machine a worker takes long to start; one that hangs is noticed later.
        timeout_worker_healthcheck=WORKER_START_SECONDS,
    )
    for listening in sockets:
        logging.info("listening on %s port %d", *listening.getsockname()[:2])
    if workers > 1:
        Multiprocess(config, sockets).run()
        return
    server = uvicorn.Server(config)
    with suppress(KeyboardInterrupt):
        server.run(sockets)
    if not server.started:
        sys.exit(STARTUP_FAILURE)
