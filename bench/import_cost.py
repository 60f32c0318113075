"""What rollups cost an import: a file of calls into a new SQLite database, with and without."""

import asyncio
import csv
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from call_analytics.db.addresses import parse_database_url
from call_analytics.db.admin.migrate import upgrade
from call_analytics.db.calls.columns import Columns
from call_analytics.db.calls.importing import ImportTarget, import_calls
from call_analytics.db.calls.sources import CallFile
from call_analytics.db.engine import create_engine
from call_analytics.db.rollups.upkeep import disable_rollups

HEADINGS = (
    *("Call ID", "Call SID", "Assistant Name", "Customer Phone", "Status", "Duration (seconds)"),
    *("Started At", "Ended At"),
)
STATUSES = ("failed", "busy", *["completed"] * 8)


def measure(rows: int) -> dict[str, float]:
    """Seconds of an import of so many rows, without rollups and with them."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "calls.csv")
        _write(path, rows)
        return {
            name: asyncio.run(_import(path, Path(directory, f"{name}.db"), has_rollups=has_rollups))
            for name, has_rollups in (("without", False), ("with", True))
        }


def _write(path: Path, rows: int) -> None:
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADINGS)
        for number in range(rows):
            start = now - timedelta(days=90) * (number * 7919 % rows) / rows
            duration = number % 600
            writer.writerow(
                (
                    *(number, f"CA{number}", f"Assistant {number % 20}", "+15550001"),
                    *(STATUSES[number % 10], duration, start, start + timedelta(seconds=duration)),
                )
            )


async def _import(path: Path, target: Path, *, has_rollups: bool) -> float:
    database = create_engine(parse_database_url(f"sqlite:///{target}"), read_only=False)
    await upgrade(database)
    if not has_rollups:
        await disable_rollups(database)
    began = time.perf_counter()
    report = await import_calls(
        database,
        CallFile(path),
        ImportTarget("big", may_create=True),
        columns=Columns(),
        clock=lambda: datetime.now(UTC),
        on_reject=lambda _reject: None,
        on_progress=lambda _report: None,
    )
    seconds = time.perf_counter() - began
    await database.dispose()
    if report.rejected:
        raise RuntimeError(f"{report.rejected} rows were rejected")
    return seconds
