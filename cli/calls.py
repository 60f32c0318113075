"""``call-analytics import``: a platform's call export into a managed database."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, TimeRemainingColumn

from call_analytics.cli.organization import OrganizationOption, only_organization
from call_analytics.cli.terminal import escaped, progress_bar
from call_analytics.cli.with_database import with_database
from call_analytics.db.admin.migrate import require_managed
from call_analytics.db.admin.organizations import create_organization, organization_slugs
from call_analytics.db.calls.importing import ImportReport, import_calls
from call_analytics.db.engine import Database, transaction
from call_analytics.settings import load_settings


def import_file(
    file: Annotated[Path, typer.Argument(help="A call export: CSV, JSON or JSON Lines.")],
    organization: OrganizationOption = None,
    create: Annotated[
        bool, typer.Option("--create", help="Create the organization where it is missing.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Import nothing if any row is bad.")
    ] = False,
) -> None:
    """Import a platform's call export. A call that is known already is updated."""

    async def run(database: Database) -> ImportReport:
        async with transaction(database) as connection:
            await require_managed(connection)
            known = await organization_slugs(connection)
            slug = organization or only_organization(known)
            if create and slug not in known:
                await create_organization(connection, slug, slug)
        with _ImportProgress(file) as progress:
            return await import_calls(
                database,
                file,
                slug,
                strict=strict,
                on_bad_row=progress.bad_row,
                on_progress=progress.advance,
            )

    report = with_database(load_settings(), run)
    typer.echo(f"{_summary(report)}.")


class _ImportProgress:
    """A progress bar on a terminal, plain lines elsewhere."""

    def __init__(self, file: Path) -> None:
        size = file.stat().st_size if file.is_file() else None
        self._bar = progress_bar(BarColumn(), DownloadColumn(), TimeRemainingColumn())
        self._task = self._bar.add_task("import", total=size)

    def __enter__(self) -> "_ImportProgress":
        self._bar.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._bar.stop()

    def advance(self, report: ImportReport) -> None:
        """Show how far the import is."""
        self._bar.update(self._task, completed=report.position)
        if self._bar.disable:
            typer.echo(_summary(report))

    def bad_row(self, line: int, reason: str) -> None:
        """Report a row that was not imported."""
        typer.echo(f"line {line}: {escaped(reason)}", err=True)


def _summary(report: ImportReport) -> str:
    return f"{report.added:,} added, {report.updated:,} updated, {report.rejected:,} rejected"
