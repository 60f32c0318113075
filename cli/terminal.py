"""What a command writes on a terminal."""

import sys

import typer
from rich.console import Console
from rich.progress import Progress, ProgressColumn
from rich.text import Text

from call_analytics.db.admin.obstacles import Finding


def progress_bar(*columns: ProgressColumn) -> Progress:
    """A progress bar on standard error, which is there on a terminal only."""
    return Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty())


def say_beside(bar: Progress, line: str) -> None:
    """Print a line on standard error, above the bar and not into it."""
    bar.console.print(Text(line), soft_wrap=True)


def echo_finding(finding: Finding) -> None:
    """Print what an operator should do, and how."""
    typer.echo(f"- {escaped(finding.problem)}. Remedy:\n  {escaped(finding.remedy)}")


def escaped(text: str) -> str:
    """Text of others for a terminal: on one line, and without codes that the terminal obeys."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )
