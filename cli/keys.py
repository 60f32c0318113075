"""``call-analytics keys``: API keys."""

from datetime import datetime
from typing import Annotated

import typer

from call_analytics.cli.organizations import OrganizationOption, only_organization
from call_analytics.cli.terminal import escaped
from call_analytics.cli.with_database import with_database
from call_analytics.db.admin.keys import create_key, list_keys, revoke_key
from call_analytics.db.admin.migrate import require_managed
from call_analytics.db.admin.organizations import organization_slugs
from call_analytics.db.engine import Database, connect, transaction
from call_analytics.settings import load_settings

key_commands = typer.Typer(help="API keys.", no_args_is_help=True)


@key_commands.command("create")
def create_api_key(
    organization: OrganizationOption = None,
    name: Annotated[str, typer.Option(help="What the key is for.")] = "api",
) -> None:
    """Make a key and print it: the only time that it is shown."""

    async def run(database: Database) -> str:
        async with transaction(database) as connection:
            await require_managed(connection)
            slug = organization or only_organization(await organization_slugs(connection))
            return await create_key(connection, slug, name)

    typer.echo(with_database(load_settings(), run))


@key_commands.command("list")
def list_api_keys() -> None:
    """List all keys, by the beginning of each, with the dates (UTC) that are known."""

    async def run(database: Database) -> None:
        async with connect(database) as connection:
            keys = await list_keys(connection)
            if not keys:
                typer.echo("There are no keys; make one: call-analytics keys create")
            for key in keys:
                state = "active" if key.is_active else "revoked"
                made, used = _date("made", key.created_at), _date("used", key.last_used_at)
                slug = escaped(key.organization_slug)
                typer.echo(
                    f"{key.key_id:>6}  {escaped(key.prefix):<16}  {state:<7}  {made:<15}  "
                    f"{used:<15}  {slug:<24}  {escaped(key.name)}"
                )

    with_database(load_settings(), run)


def _date(event: str, moment: datetime | None) -> str:
    return "" if moment is None else f"{event} {moment:%Y-%m-%d}"


@key_commands.command("revoke")
def revoke_api_key(
    key_id: Annotated[int, typer.Argument(help="The key's number, from `keys list`.")],
) -> None:
    """Make a key invalid for good."""

    async def run(database: Database) -> None:
        async with transaction(database) as connection:
            await require_managed(connection)
            key = await revoke_key(connection, key_id)
        typer.echo(f"Revoked {escaped(key.prefix)} of {escaped(key.organization_slug)}.")

    with_database(load_settings(), run)
