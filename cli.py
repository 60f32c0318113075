"""The ``call-analytics`` command: arguments in, lines out."""

import asyncio
import atexit
import logging
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import typer
import uvicorn
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TimeRemainingColumn,
)

from db.check import check_database
from db.demo import prepare_demo
from db.engine import (
    Database,
    DatabaseUrl,
    connect,
    create_engine,
    parse_database_url,
    transaction,
)
from db.errors import DatabaseError, DatabaseUnavailable, OperatorError
from db.importing import ImportReport, import_calls
from db.keys import create_key, list_keys, revoke_key
from db.measures import Measure
from db.migrate import prepare_to_serve, require_managed, upgrade
from db.obstacles import Finding
from db.organizations import create_organization, organization_slugs
from db.rollup_state import rollup_status
from db.rollup_upkeep import (
    compact_rollups,
    disable_rollups,
    enable_rollups,
    verify_rollups,
)
from db.rollups import HOUR, Difference
from http_protocol import http_protocol
from schema.query import schema as graphql_schema
from server import create_app
from settings import PREFIX, Settings, SettingsError, load_settings
from telemetry.logs import configure_logging
from telemetry.prometheus import DIRECTORY_VARIABLE

T = TypeVar("T")

app = typer.Typer(
    help="Exact call analytics for voice-AI platforms, over GraphQL and REST.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
key_commands = typer.Typer(help="API keys.", no_args_is_help=True)
database_commands = typer.Typer(help="The database.", no_args_is_help=True)
rollup_commands = typer.Typer(help="Rollups, which keep answers fast.", no_args_is_help=True)
app.add_typer(key_commands, name="keys")
app.add_typer(database_commands, name="db")
app.add_typer(rollup_commands, name="rollups")

OrganizationOption = Annotated[
    str | None,
    typer.Option("--organization", help="Slug of the organization; may be left out if only one."),
]


def main() -> None:
    """Run the command; a mistake of its user is told in one line."""
    try:
        app()
    except (DatabaseError, SettingsError) as error:
        sys.exit(f"call-analytics: {error}")


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    workers: Annotated[int | None, typer.Option(help="Server processes.")] = None,
) -> None:
    """Serve the API. Options win over the settings."""
    settings = load_settings()
    configure_logging(settings.log_level)
    try:
        state = _with_database(settings, prepare_to_serve)
    except DatabaseUnavailable as error:
        logging.warning("%s; serving all the same, until it does", error)
    else:
        logging.info("the database is %s", state.value)
    _serve(settings, host=host, port=port, workers=workers)


@app.command()
def demo() -> None:
    """Fill an empty database with demo calls, print a key, and serve."""
    settings = load_settings()
    typer.echo("Preparing the demo database ...")

    async def prepare(database: Database) -> None:
        async with transaction(database) as connection:
            await upgrade(connection)
            demo = await prepare_demo(connection, datetime.now(UTC))
        base = f"http://{settings.host}:{settings.port}"
        typer.echo(
            f"""
{demo.added:,} calls added. The key below opens the figures of {demo.organization_name}.

  Explorer  {base}/graphql
  GraphQL   {base}/graphql
  REST      {base}/api/v1/calls/analytics
  Key       {demo.key}

curl -s {base}/graphql -H 'Authorization: Bearer {demo.key}' \\
  -H 'Content-Type: application/json' \\
  -d '{{"query": "{{ callAnalytics {{ totalCalls successRate }} }}"}}'

curl -s {base}/api/v1/calls/analytics -H 'Authorization: Bearer {demo.key}'
"""
        )

    _with_database(settings, prepare)
    configure_logging(settings.log_level)
    _serve(settings)


@app.command("import")
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
            slug = organization or _only(known)
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

    report = _with_database(load_settings(), run)
    typer.echo(f"{_summary(report)}.")


@key_commands.command("create")
def create_api_key(
    organization: OrganizationOption = None,
    name: Annotated[str, typer.Option(help="What the key is for.")] = "api",
) -> None:
    """Make a key and print it: the only time that it is shown."""

    async def run(database: Database) -> str:
        async with transaction(database) as connection:
            await require_managed(connection)
            slug = organization or _only(await organization_slugs(connection))
            return await create_key(connection, slug, name)

    typer.echo(_with_database(load_settings(), run))


@key_commands.command("list")
def list_api_keys() -> None:
    """List all keys, by the beginning of each."""

    async def run(database: Database) -> None:
        async with connect(database) as connection:
            for key in await list_keys(connection):
                state = "active" if key.is_active else "revoked"
                typer.echo(
                    f"{key.key_id:>6}  {key.prefix:<16}  {state:<7}  "
                    f"{key.organization_slug:<24}  {key.name}"
                )

    _with_database(load_settings(), run)


@key_commands.command("revoke")
def revoke_api_key(
    key_id: Annotated[int, typer.Argument(help="The key's number, from `keys list`.")],
) -> None:
    """Make a key invalid for good."""

    async def run(database: Database) -> None:
        async with transaction(database) as connection:
            await require_managed(connection)
            key = await revoke_key(connection, key_id)
        typer.echo(f"Revoked {key.prefix} of {key.organization_slug}.")

    _with_database(load_settings(), run)


@database_commands.command("upgrade")
def upgrade_database() -> None:
    """Create the tables of a managed database, or bring them to this release's newest."""

    async def run(database: Database) -> None:
        async with transaction(database) as connection:
            await upgrade(connection)

    _with_database(load_settings(), run)
    typer.echo("The database is up to date.")


@database_commands.command("check")
def check() -> None:
    """Tell what the database is, what is missing or slow in it, and what to do about it."""
    state, findings = _with_database(load_settings(), check_database, read_only=True)
    typer.echo(f"The database is {state.value}.")
    for finding in findings:
        _echo_finding(finding)
    if findings:
        raise typer.Exit(1)
    typer.echo("Nothing is missing.")


@rollup_commands.command("enable")
def enable() -> None:
    """Create and fill rollups, in a database that may go on being written meanwhile."""

    async def run(database: Database) -> None:
        with _progress(BarColumn(), MofNCompleteColumn()) as bar:
            task = bar.add_task("fill")

            def advance(done: int, total: int) -> None:
                bar.update(task, completed=done, total=total)
                if bar.disable and done % 100 == 0:
                    typer.echo(f"{done:,} of {total:,} assistants")

            await enable_rollups(database, advance)

    _with_database(load_settings(), run)
    typer.echo("Rollups are on.")


@rollup_commands.command("disable")
def disable() -> None:
    """Remove every trace of the rollups; answers stay the same, and become slower."""
    _with_database(load_settings(), disable_rollups)
    typer.echo("Rollups are off.")


@rollup_commands.command("status")
def status() -> None:
    """Tell whether there are rollups, and how many rows."""
    found = _with_database(load_settings(), rollup_status)
    typer.echo(
        f"Rollups are {found.state.value}: {found.rows:,} rows, {found.waiting:,} to be merged."
    )
    if found.finding is not None:
        _echo_finding(found.finding)


@rollup_commands.command("compact")
def compact() -> None:
    """Merge the rows that wait; the server does it by itself."""
    typer.echo(f"{_with_database(load_settings(), compact_rollups):,} rows merged.")


@rollup_commands.command("verify")
def verify(
    repair: Annotated[bool, typer.Option("--repair", help="Make the rollups right.")] = False,
) -> None:
    """Compare every hour and day with its calls, and print those that differ."""
    differences: list[Difference] = []

    def note(difference: Difference) -> None:
        differences.append(difference)
        length = "hour" if difference.grain == HOUR else "day"
        amounts = difference._asdict()
        excess = ", ".join(f"{name} {amounts[name]:+d}" for name in Measure if amounts[name])
        typer.echo(
            f"assistant {difference.assistant_id}, {length} of {difference.bucket}: {excess}"
        )

    _with_database(load_settings(), lambda database: verify_rollups(database, note, repair=repair))
    if not differences:
        typer.echo("Every hour and day is the sum of its calls.")
    elif repair:
        typer.echo(f"{len(differences):,} hours and days repaired.")
    else:
        raise OperatorError(
            f"{len(differences):,} hours and days are not the sum of their calls; "
            "mend them: call-analytics rollups verify --repair"
        )


@app.command()
def schema() -> None:
    """Print the GraphQL schema."""
    typer.echo(graphql_schema.as_str())


class _ImportProgress:
    """A progress bar on a terminal, plain lines elsewhere."""

    def __init__(self, file: Path) -> None:
        size = file.stat().st_size if file.is_file() else None
        self._bar = _progress(BarColumn(), DownloadColumn(), TimeRemainingColumn())
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
        typer.echo(f"line {line}: {reason}", err=True)


def _progress(*columns: ProgressColumn) -> Progress:
    """A progress bar, which is there on a terminal only."""
    return Progress(*columns, disable=not sys.stdout.isatty())


def _echo_finding(finding: Finding) -> None:
    typer.echo(f"- {finding.problem}. Remedy:\n  {finding.remedy}")


def _summary(report: ImportReport) -> str:
    return f"{report.added:,} added, {report.updated:,} updated, {report.rejected:,} rejected"


def _only(slugs: list[str]) -> str:
    if len(slugs) == 1:
        return slugs[0]
    there_are = ", ".join(slugs) or "none yet"
    raise OperatorError(f"name the organization with --organization (there are: {there_are})")


def _serve(
    settings: Settings,
    *,
    host: str | None = None,
    port: int | None = None,
    workers: int | None = None,
) -> None:
    create_app(settings)  # a setting that makes no sense is told here, not by each process
    workers = workers or settings.workers
    if workers > 1:  # they keep their numbers where whichever is asked finds all of them
        directory = tempfile.mkdtemp(prefix="call-analytics-")
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
        os.environ[DIRECTORY_VARIABLE] = directory
    uvicorn.run(
        "server:app_from_environment",
        factory=True,
        host=host or settings.host,
        port=settings.port if port is None else port,
        workers=workers,
        log_config=None,  # its lines go where ours go; requests are logged by ours
        access_log=False,
        http=http_protocol(settings),
        timeout_graceful_shutdown=settings.shutdown_seconds,
        proxy_headers=False,
        server_header=False,
    )


def _database_url(settings: Settings) -> DatabaseUrl:
    try:
        return parse_database_url(settings.database_url)
    except OperatorError as error:
        raise SettingsError(f"{PREFIX}DATABASE_URL: {error}") from None


def _with_database(
    settings: Settings, work: Callable[[Database], Awaitable[T]], *, read_only: bool = False
) -> T:
    """Do work on the configured database, which is closed afterwards."""

    async def run() -> T:
        database = create_engine(
            _database_url(settings),
            read_only=read_only,
            connect_timeout=settings.connect_timeout_seconds,
        )
        try:
            return await work(database)
        finally:
            await database.dispose()
            await asyncio.to_thread(_wait_for_connection_threads)

    return asyncio.run(run())


def _wait_for_connection_threads() -> None:
    """Let SQLite's connection threads end while the event loop is still there.

    One whose file could not be opened reports to the loop as it ends, and that it is closed is a
    traceback on the operator's screen.
    """
    for thread in threading.enumerate():
        if thread not in (threading.main_thread(), threading.current_thread()):
            thread.join(timeout=5)


if __name__ == "__main__":
    main()
