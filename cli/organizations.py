"""``call-analytics organizations``, and which of them another command is about."""

import sys
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn

from call_analytics.cli.interruption import interruptible
from call_analytics.cli.terminal import escaped, progress_bar
from call_analytics.cli.with_database import with_database
from call_analytics.db.admin.migrate import require_managed, require_tables
from call_analytics.db.admin.organizations import (
    OrganizationListing,
    list_organizations,
    organization_named,
)
from call_analytics.db.admin.removal import remove_organization
from call_analytics.db.engine import Database, connect
from call_analytics.db.errors import OperatorError
from call_analytics.settings import load_settings

organization_commands = typer.Typer(help="Organizations.", no_args_is_help=True)

OrganizationOption = Annotated[
    str | None,
    typer.Option("--organization", help="Slug of the organization; may be left out if only one."),
]


def only_organization(slugs: list[str]) -> str:
    """The only one of these organizations.

    Raises:
        OperatorError: where there is not exactly one; the message lists them.
    """
    if len(slugs) == 1:
        return slugs[0]
    there_are = ", ".join(slugs) or "none yet"
    raise OperatorError(f"name the organization with --organization (there are: {there_are})")


@organization_commands.command("list")
def list_all() -> None:
    """List all organizations, with how many assistants, calls and keys each has."""

    async def run(database: Database) -> list[OrganizationListing]:
        async with connect(database) as connection:
            await require_tables(connection)
            return await list_organizations(connection)

    found = with_database(load_settings(), run, read_only=True)
    if not found:
        typer.echo("There are no organizations yet.")
        return
    typer.echo(_columns("id", "organization", "name", "assistants", "calls", "keys"))
    for one in found:
        typer.echo(
            _columns(
                f"{one.organization_id}",
                escaped(one.slug),
                escaped(one.name),
                f"{one.assistants:,}",
                f"{one.calls:,}",
                f"{one.keys:,}",
            )
        )


def _columns(*cells: str) -> str:
    return "{:>6}  {:<24}  {:<24}  {:>10}  {:>13}  {:>6}".format(*cells)


@organization_commands.command("remove")
def remove(
    organization: Annotated[
        str, typer.Argument(metavar="NAME_OR_ID", help="Its name or id, from `organizations list`.")
    ],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove an organization for good, with its keys, assistants, calls and rollups.

    Its keys go first. An interrupted removal goes on when the command is run again.
    """
    settings = load_settings()

    async def find(database: Database) -> OrganizationListing:
        async with connect(database) as connection:
            await require_managed(connection)
            return await organization_named(connection, organization)

    found = with_database(settings, find, read_only=True)
    if not yes and not _is_meant(found):
        raise OperatorError("nothing was removed")

    bar = progress_bar(BarColumn(), MofNCompleteColumn())
    task = bar.add_task("remove", total=found.calls)
    calls = 0

    def advance(number: int) -> None:
        nonlocal calls
        calls = number
        bar.update(task, completed=number)

    async def run(database: Database) -> OrganizationListing:
        with bar:
            return await remove_organization(database, found, advance)

    def what_stays() -> str:
        if not calls:
            return "nothing was removed"
        return f"{calls:,} calls were removed; to remove the rest, run the same command again"

    removed = with_database(
        settings, lambda database: interruptible(run(database), bar, what_stays)
    )
    typer.echo(f"Removed {_described(removed)}.")


def _is_meant(organization: OrganizationListing) -> bool:
    if not sys.stdin.isatty():
        raise OperatorError(
            f"this would remove {_described(organization)}; if you mean it, add --yes"
        )
    return typer.confirm(f"Remove {_described(organization)} for good?")


def _described(organization: OrganizationListing) -> str:
    return (
        f"{escaped(organization.slug)} (id {organization.organization_id}: "
        f"{organization.assistants:,} assistants, {organization.calls:,} calls, "
        f"{organization.keys:,} keys)"
    )
