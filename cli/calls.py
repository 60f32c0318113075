"""``call-analytics import``: a platform's call export into a managed database."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from call_analytics.cli.import_screen import ImportScreen
from call_analytics.cli.import_summary import amounts, summary
from call_analytics.cli.interruption import interruptible
from call_analytics.cli.organizations import OrganizationOption, only_organization
from call_analytics.cli.rejects import reject_file
from call_analytics.cli.with_database import with_database
from call_analytics.db.admin.migrate import require_managed
from call_analytics.db.admin.organizations import (
    find_organization,
    organization_slugs,
    require_name,
)
from call_analytics.db.calls.columns import parse_columns
from call_analytics.db.calls.importing import ImportTarget, import_calls
from call_analytics.db.calls.report import ImportReport
from call_analytics.db.calls.sources import CallFile
from call_analytics.db.engine import Database, connect
from call_analytics.db.errors import DatabaseError, OperatorError
from call_analytics.settings import load_settings

STANDARD_INPUT = "-"


def import_file(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="A call export: a table (commas, semicolons or tabs), JSON or JSON Lines; "
            "as it is, or compressed with gzip or Zstandard. - is standard input.",
        ),
    ],
    *,
    organization: OrganizationOption = None,
    create: Annotated[
        bool, typer.Option("--create", help="Create the organization where it is missing.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Import nothing if any row is rejected.")
    ] = False,
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=HEADING",
            help="Where the file has another heading for a column: the column, then the file's "
            "heading, like 'Started At=begin'. May be given several times.",
        ),
    ] = None,
    rejects: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write all rejected rows to this file: the line, the reason and the row itself.",
        ),
    ] = None,
) -> None:
    """Import a call export, the platform's or this service's. A call that is known is updated.

    The columns are Call SID, Assistant Name, To Phone, Customer Phone, Status,
    Duration (seconds), Started At and Ended At, in any order and case;
    a file may have others.
    """
    columns = parse_columns(column or ())
    source = CallFile(None if file == STANDARD_INPUT else Path(file))

    async def run(database: Database) -> ImportReport:
        target = ImportTarget(await _slug(database, organization, create), create, strict)
        async with screen.shown():
            return await import_calls(
                database,
                source,
                target,
                columns=columns,
                clock=lambda: datetime.now(UTC),
                on_reject=screen.reject,
                on_progress=screen.advance,
            )

    settings = load_settings()
    with reject_file(rejects, source) as reject_rows:
        screen = ImportScreen(source, reject_rows, strict=strict)
        try:
            report = with_database(
                settings,
                lambda database: interruptible(
                    run(database), screen.bar, lambda: _what_stays(screen, strict)
                ),
            )
        except DatabaseError as error:
            if strict and isinstance(error, OperatorError):
                raise OperatorError(f"nothing was imported: {error}") from error
            if screen.report.rows and not strict:
                typer.echo(_what_stays(screen, strict), err=True)
            raise
    for line in summary(report):
        typer.echo(line)
    if report.rejected:
        raise typer.Exit(1)


async def _slug(database: Database, organization: str | None, may_create: bool) -> str:
    """The organization's slug, if it is or may be there."""
    async with connect(database) as connection:
        await require_managed(connection)
        slug = organization or only_organization(await organization_slugs(connection))
        if may_create:
            require_name(slug)
        else:
            await find_organization(connection, slug)
        return slug


def _what_stays(screen: ImportScreen, strict: bool) -> str:
    how = "to go on, run the same command again"
    if strict or not screen.report.rows:
        return f"nothing was imported; {how}"
    return (
        f"{amounts(screen.report)} until then, and this stays; {how}: "
        "calls that are in are updated, not added twice"
    )
