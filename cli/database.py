"""``call-analytics db``: the tables, and what an operator should know of them."""

import typer

from call_analytics.cli.terminal import echo_finding
from call_analytics.cli.with_database import with_database
from call_analytics.db.admin.check import check_database
from call_analytics.db.admin.migrate import upgrade
from call_analytics.settings import load_settings

database_commands = typer.Typer(help="The database.", no_args_is_help=True)


@database_commands.command("upgrade")
def upgrade_database() -> None:
    """Create the tables of a managed database, or bring them to this release's newest."""

    with_database(load_settings(), upgrade)
    typer.echo("The database is up to date.")


@database_commands.command("check")
def check() -> None:
    """Show what the database is, what is missing or slow in it, and what to do about it."""
    state, findings = with_database(load_settings(), check_database, read_only=True)
    typer.echo(f"The database is {state.value}.")
    for finding in findings:
        echo_finding(finding)
    if findings:
        raise typer.Exit(1)
    typer.echo("Nothing is missing.")
