"""``call-analytics rollups``: the sums that keep answers fast."""

from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn

from call_analytics.cli.terminal import echo_finding, progress_bar
from call_analytics.cli.with_database import with_database
from call_analytics.db.admin.obstacles import Finding
from call_analytics.db.engine import Database
from call_analytics.db.errors import OperatorError
from call_analytics.db.figures.measures import MEASURES
from call_analytics.db.rollups.differences import Difference
from call_analytics.db.rollups.folding import fold_rollups
from call_analytics.db.rollups.grains import GRAINS
from call_analytics.db.rollups.state import rollup_status
from call_analytics.db.rollups.upkeep import disable_rollups, enable_rollups, verify_rollups
from call_analytics.settings import load_settings

rollup_commands = typer.Typer(help="Rollups, which keep answers fast.", no_args_is_help=True)


@rollup_commands.command("enable")
def enable() -> None:
    """Create and fill rollups, while the database may go on being written."""

    async def run(database: Database) -> list[Finding]:
        with progress_bar(BarColumn(), MofNCompleteColumn()) as bar:
            task = bar.add_task("fill")

            def advance(done: int, total: int) -> None:
                bar.update(task, completed=done, total=total)
                if bar.disable and done % 100 == 0:
                    typer.echo(f"{done:,} of {total:,} assistants")

            return await enable_rollups(database, advance)

    findings = with_database(load_settings(), run)
    typer.echo("Rollups are on.")
    for finding in findings:
        echo_finding(finding)


@rollup_commands.command("disable")
def disable() -> None:
    """Remove every trace of the rollups; answers stay the same, and become slower."""
    with_database(load_settings(), disable_rollups)
    typer.echo("Rollups are off.")


@rollup_commands.command("status")
def status() -> None:
    """Show whether there are rollups, and how many rows they have."""
    found = with_database(load_settings(), rollup_status)
    typer.echo(
        f"Rollups are {found.state.value}; sums: {found.rows:,}, "
        f"changes to be folded: {found.waiting:,}."
    )
    if found.finding is not None:
        echo_finding(found.finding)


@rollup_commands.command("compact")
def compact() -> None:
    """Fold the log of changes into the sums; the server does it by itself."""
    typer.echo(f"{with_database(load_settings(), fold_rollups):,} changes folded.")


@rollup_commands.command("verify")
def verify(
    repair: Annotated[bool, typer.Option("--repair", help="Make the rollups right.")] = False,
) -> None:
    """Compare every sum with its calls, and print those that differ."""
    differences: list[Difference] = []

    def note(difference: Difference) -> None:
        differences.append(difference)
        length = next(grain.name for grain in GRAINS if grain.number == difference.grain)
        amounts = difference._asdict()
        names = [measure.name for measure in MEASURES if amounts[measure.name]]
        excess = ", ".join(f"{name} {amounts[name]:+d}" for name in names)
        whose = " ".join(
            f"{key.removesuffix('_id')} {amounts[key]}"
            for key in ("organization_id", "assistant_id")
            if amounts[key] is not None
        )
        typer.echo(f"{whose}, {length} of {difference.bucket}: {excess}")

    with_database(load_settings(), lambda database: verify_rollups(database, note, repair=repair))
    if not differences:
        typer.echo("Every sum is that of its calls.")
    elif repair:
        typer.echo(f"{len(differences):,} sums repaired.")
    else:
        raise OperatorError(
            f"{len(differences):,} sums are not those of their calls; "
            "mend them: call-analytics rollups verify --repair"
        )
