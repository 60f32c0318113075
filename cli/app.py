"""The command as a whole: its nouns, and how a mistake is reported."""

import sys
from importlib.metadata import version
from io import TextIOWrapper
from typing import Annotated

import typer

from call_analytics.cli.calls import import_file
from call_analytics.cli.database import database_commands
from call_analytics.cli.demo import demo
from call_analytics.cli.interruption import Interrupted
from call_analytics.cli.keys import key_commands
from call_analytics.cli.organizations import organization_commands
from call_analytics.cli.rollups import rollup_commands
from call_analytics.cli.schema import schema
from call_analytics.cli.serve import serve
from call_analytics.cli.terminal import escaped
from call_analytics.db.errors import DatabaseError
from call_analytics.settings import SettingsError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"call-analytics {version('call-analytics')}")
        raise typer.Exit


@app.callback()
def command(
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """Exact call analytics for voice-AI platforms, over GraphQL and REST."""


app.command()(serve)
app.command()(demo)
app.command("import")(import_file)
app.add_typer(organization_commands, name="organizations")
app.add_typer(key_commands, name="keys")
app.add_typer(database_commands, name="db")
app.add_typer(rollup_commands, name="rollups")
app.command()(schema)


def run() -> None:
    """Run the command; a mistake of its user ends it with one line."""
    if isinstance(sys.stdout, TextIOWrapper):  # a name may have what the terminal's code has not
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app()
    except (DatabaseError, SettingsError) as error:
        sys.exit(f"call-analytics: {escaped(str(error))}")
    except Interrupted as interruption:
        typer.echo(f"call-analytics: {interruption}", err=True)
        sys.exit(interruption.exit_status)
