"""``call-analytics db``: the tables, and what an operator should know of them."""

from enum import Enum
from typing import Annotated

import typer

from call_analytics.cli.terminal import echo_finding
from call_analytics.cli.with_database import with_database
from call_analytics.db.admin.check import check_database
from call_analytics.db.admin.distribution import distribute_calls, lacking_to_distribute
from call_analytics.db.admin.migrate import upgrade
from call_analytics.db.admin.partitions import partition_calls
from call_analytics.settings import load_settings

database_commands = typer.Typer(help="The database.", no_args_is_help=True)


class Key(Enum):
    """By what calls may be divided."""

    ORGANIZATION = "organization"


@database_commands.command("upgrade")
def upgrade_database() -> None:
    """Create the tables of a managed database, or bring them to this release's newest."""

    with_database(load_settings(), upgrade)
    typer.echo("The database is up to date.")


@database_commands.command("partition")
def partition(
    parts: Annotated[int, typer.Argument(metavar="N", help="How many.", min=1, max=1_024)],
    *,
    by: Annotated[Key, typer.Option("--by", help="What the calls of one partition share.")],
) -> None:
    """Divide the calls and rollups of a new managed database into partitions (PostgreSQL)."""
    there = with_database(load_settings(), lambda database: partition_calls(database, parts))
    if there:
        typer.echo(
            f"The calls are partitioned by {by.value} already, into {there:,}; nothing was changed."
        )
    else:
        typer.echo(f"The calls are partitioned by {by.value}, into {parts:,}.")


@database_commands.command("distribute")
def distribute(
    *,
    shards: Annotated[
        int, typer.Option(help="How many shards; a worker has several.", min=1, max=1_024)
    ] = 32,
) -> None:
    """Distribute calls and rollups of a managed database over a Citus cluster, by organization."""

    findings = with_database(load_settings(), lacking_to_distribute)
    for finding in findings:
        echo_finding(finding)
    if findings:
        raise typer.Exit(1)
    there = with_database(load_settings(), lambda database: distribute_calls(database, shards))
    if there:
        typer.echo(f"The calls are distributed already, over {there:,} shards.")
    else:
        typer.echo(f"The calls are distributed by organization, over {shards:,} shards.")


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
