"""``call-analytics serve``: the server."""

import atexit
import logging
import os
import shutil
import socket
import tempfile
from collections.abc import Container
from typing import Annotated

import typer

from call_analytics.cli.listening import listening_sockets
from call_analytics.cli.settings_in_force import settings_in_force
from call_analytics.cli.with_database import database_url, with_database
from call_analytics.db.admin.migrate import DatabaseState, prepare_to_serve
from call_analytics.db.errors import DatabaseUnavailable
from call_analytics.settings import Settings, load_settings
from call_analytics.telemetry.logs import configure_logging

WORKER_START_SECONDS = 120
"""How long a worker may take to start, or not answer, before it is killed and replaced."""


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    workers: Annotated[int | None, typer.Option(help="Server processes.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only show the settings, and where each comes from.")
    ] = False,
) -> None:
    """Serve the API. Options win over the settings."""
    given = {"host": host, "port": port, "workers": workers}
    options = {name: value for name, value in given.items() if value is not None}
    settings = load_settings(**options)
    if check:
        show_settings(settings, options)
        return
    configure_logging(settings.log_level)
    with listening_sockets(settings.host, settings.port) as sockets:
        try:
            state = with_database(settings, prepare_to_serve)
        except DatabaseUnavailable as error:
            logging.warning("%s; serving until it does: requests get a 503", error)
        else:
            logging.info("the database is %s", state.value)
            if state is DatabaseState.OUTDATED:
                logging.warning("answers are slow until it is upgraded: call-analytics db upgrade")
        run_server(settings, sockets)


def show_settings(settings: Settings, options: Container[str]) -> None:
    """Print the settings in force, if the service can run with them."""
    from call_analytics.server import create_app  # noqa: PLC0415 - slow to import

    database_url(settings)
    create_app(settings)
    for line in settings_in_force(settings, options):
        typer.echo(line)


def run_server(settings: Settings, sockets: list[socket.socket]) -> None:
    """Serve on open sockets until a signal ends it; several workers are processes of their own."""
    # Slow to import, and of no use to the other commands.
    import uvicorn  # noqa: PLC0415

    from call_analytics.server import create_app, limits_in  # noqa: PLC0415
    from call_analytics.telemetry.prometheus import DIRECTORY_VARIABLE  # noqa: PLC0415
    from call_analytics.web.http_protocol import http_protocol  # noqa: PLC0415
    from call_analytics.web.limits import ConnectionLimits  # noqa: PLC0415
    from call_analytics.web.stopping import run_until_stopped  # noqa: PLC0415

    create_app(settings)  # a wrong setting stops the command here, once, and not in each process
    if settings.workers > 1:  # the process that is asked for /metrics adds up the numbers of all
        directory = tempfile.mkdtemp(prefix="call-analytics-")
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
        os.environ[DIRECTORY_VARIABLE] = directory
    config = uvicorn.Config(
        "call_analytics.server:app_from_environment",
        factory=True,
        workers=settings.workers,
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
    run_until_stopped(config, sockets)
