"""What an import says at its end."""

from collections.abc import Iterator

from call_analytics.cli.terminal import escaped
from call_analytics.db.calls.report import COUNTED_STATUSES, ImportReport

SHOWN_STATUSES = 10


def amounts(report: ImportReport) -> str:
    """How many rows went which way."""
    return f"{report.added:,} added, {report.updated:,} updated, {report.rejected:,} rejected"


def summary(report: ImportReport) -> Iterator[str]:
    """Lines that say what was imported, and what of that may be a mistake in the file."""
    yield f"{amounts(report)}."
    if report.without_start:
        yield f"Without a start time: {report.without_start:,} (they count in no window)."
    if report.in_future:
        yield (
            f"Starting in the future: {report.in_future:,}, the latest at {report.latest_start} UTC"
            " (a time without an offset is read as UTC)."
        )
    if report.other_statuses:
        yield from _statuses(report)


def _statuses(report: ImportReport) -> Iterator[str]:
    rows = report.other_statuses.total() + report.further_statuses
    counted = ", ".join(COUNTED_STATUSES)
    yield f"With a status that is none of {counted}: {rows:,} (they count in totals only)."
    shown = report.other_statuses.most_common(SHOWN_STATUSES)
    for status, number in shown:
        yield f"{number:>10,}  {escaped(status)}{_hint(status)}"
    rest = rows - sum(number for _status, number in shown)
    if rest:
        yield f"{rest:>10,}  other statuses"


def _hint(status: str) -> str:
    meant = status.casefold()
    if meant not in COUNTED_STATUSES:
        return ""
    counted = ", ".join(COUNTED_STATUSES)
    return f": counts as none of {counted}, which are compared exactly; write {meant!r}"
