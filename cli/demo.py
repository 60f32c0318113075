"""``call-analytics demo``: the service with calls that are made up."""

import os
import socket
import sys
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from call_analytics.cli.listening import listening_sockets
from call_analytics.cli.serve import run_server
from call_analytics.cli.with_database import with_database
from call_analytics.db.admin.demo import DEMO_FILE, Demo, prepare_demo
from call_analytics.db.admin.migrate import upgrade
from call_analytics.db.engine import Database, transaction
from call_analytics.settings import PREFIX, Settings, load_settings
from call_analytics.telemetry.logs import configure_logging


def demo(
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
) -> None:
    """Fill demo.db with demo calls, and serve it: prints a link to the dashboard, and a key."""
    os.environ[f"{PREFIX}DATABASE_URL"] = f"sqlite:///{DEMO_FILE}"
    settings = load_settings(workers=1, **({} if port is None else {"port": port}))
    with listening_sockets(settings.host, settings.port) as sockets:
        _show(settings, sockets)


def _show(settings: Settings, sockets: list[socket.socket]) -> None:
    base = f"http://{_browsable(settings.host)}:{sockets[0].getsockname()[1]}"
    made = _prepare(settings)
    link_and_key = f"\nOpen  {base}/#key={made.key}\nKey   {made.key}"

    typer.echo(
        f"""{made.added:,} calls added. The key opens the figures of {made.organization_name} on the
dashboard below, in the explorer at {base}/graphql, and for programs:

curl -s {base}/graphql \\
  -H 'Authorization: Bearer {made.key}' \\
  -H 'Content-Type: application/json' \\
  -d '{{"query": "{{ callAnalytics {{ totalCalls successRate }} }}"}}'

curl -s {base}/api/v1/calls/analytics \\
  -H 'Authorization: Bearer {made.key}'
"""
    )
    console = Console()
    if not console.is_interactive:
        typer.echo(link_and_key)
        configure_logging(settings.log_level)
        run_server(settings, sockets)
        return
    # Log lines pass above the link and the key, which stay the last lines on the screen.
    with Live(
        Text(link_and_key, overflow="fold"),
        console=console,
        auto_refresh=False,
        redirect_stderr=sys.stderr.isatty(),
    ):
        console.show_cursor()  # a signal may end the process before it would be shown again
        configure_logging(settings.log_level)
        run_server(settings, sockets)


def _prepare(settings: Settings) -> Demo:
    typer.echo(f"Preparing {DEMO_FILE} ...")

    async def prepare(database: Database) -> Demo:
        await upgrade(database)
        async with transaction(database) as connection:
            return await prepare_demo(connection, datetime.now(UTC))

    return with_database(settings, prepare)


def _browsable(host: str) -> str:
    """The host of a link that works on this machine."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if address.version == 4:
        return "127.0.0.1" if address.is_unspecified else host
    return "[::1]" if address.is_unspecified else f"[{address}]"
