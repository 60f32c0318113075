"""What an import shows while it runs: how far it is, and the rows that it rejects."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import typer
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeElapsedColumn

from call_analytics.cli.import_summary import amounts
from call_analytics.cli.rejects import RejectFile
from call_analytics.cli.terminal import escaped, progress_bar, say_beside
from call_analytics.db.calls.report import ImportReport, Reject
from call_analytics.db.calls.sources import CallFile

SHOWN_REJECTS = 20
ROWS_BETWEEN_LINES = 100_000
REFRESH_SECONDS = 0.1


class ImportScreen:
    """A progress bar on a terminal and plain lines elsewhere, and rejected rows beside it."""

    def __init__(self, file: CallFile, rejects: RejectFile | None, *, strict: bool) -> None:
        self.report = ImportReport()
        """What has happened so far."""
        self._file = file
        self._rejects = rejects
        self._strict = strict
        self._shown = 0
        self._next_line = ROWS_BETWEEN_LINES
        self.bar = progress_bar(
            BarColumn(),
            DownloadColumn(),
            TextColumn("{task.fields[rows]:,} rows"),
            TimeElapsedColumn(),
        )
        self._task = self.bar.add_task("import", total=None, rows=0)

    @asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        """Keep the bar moving until the end of the block, and then tell where rejects are."""
        following = asyncio.create_task(self._follow())
        try:
            with self.bar:
                try:
                    yield
                finally:
                    self._update()
        finally:
            following.cancel()
            self._tell_of_rejects()

    def advance(self, report: ImportReport) -> None:
        """Note what has happened so far."""
        self.report = report
        if self._rejects is not None:
            self._rejects.flush()
        if self.bar.disable and report.rows >= self._next_line:
            self._next_line = report.rows + ROWS_BETWEEN_LINES
            done = f"{report.rows:,} rows read" if self._strict else amounts(report)
            typer.echo(f"{done} so far")

    def reject(self, reject: Reject) -> None:
        """Show a rejected row, unless enough are shown already, and write it to its file."""
        if self._rejects is not None:
            self._rejects.write(reject)
        if self._shown < SHOWN_REJECTS:
            self._shown += 1
            say_beside(self.bar, f"line {reject.line}: {escaped(reject.reason)}")

    async def _follow(self) -> None:
        while True:
            self._update()
            await asyncio.sleep(REFRESH_SECONDS)

    def _update(self) -> None:
        self.bar.update(
            self._task,
            completed=self._file.position,
            total=self._file.size,
            rows=self.report.rows,
        )

    def _tell_of_rejects(self) -> None:
        rejected = self.report.rejected
        if rejected > self._shown:
            typer.echo(f"and {rejected - self._shown:,} more rejected rows", err=True)
        if rejected and self._rejects is not None:
            typer.echo(f"All of them are in {escaped(str(self._rejects.path))}.", err=True)
        elif rejected > self._shown:
            typer.echo("To have all of them in a file: --rejects FILE", err=True)
