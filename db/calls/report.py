"""What became of the rows of an import."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from call_analytics.db.calls.rows import CallRow

COUNTED_STATUSES = ("completed", "failed", "ongoing")
"""Those that have a figure of their own."""

MOST_STATUSES = 1_000
"""How many different other statuses are told apart; a file may have a new one in each row."""


class Reject(NamedTuple):
    """A row that was not imported."""

    line: int
    reason: str
    text: str
    """The row as it was written; of one that is too long, its beginning."""


@dataclass(slots=True)
class ImportReport:
    """What became of a file's rows so far, and what of the imported ones may be a mistake."""

    added: int = 0
    updated: int = 0
    rejected: int = 0
    without_start: int = 0
    """Rows without a start time, which count nowhere."""
    in_future: int = 0
    """Rows whose call starts later than now."""
    latest_start: datetime | None = None
    """The latest start of those."""
    other_statuses: Counter[str] = field(default_factory=Counter)
    """Rows by their status, where it is none of those that have a figure of their own."""
    further_statuses: int = 0
    """Rows of more such statuses than are told apart."""

    @property
    def rows(self) -> int:
        """Rows that were read."""
        return self.added + self.updated + self.rejected

    def note(self, call: CallRow, now: datetime) -> None:
        """Note what may be a mistake in a row that was imported; ``now`` is UTC without a zone."""
        if call.started_at is None:
            self.without_start += 1
        elif call.started_at > now:
            self.in_future += 1
            self.latest_start = max(call.started_at, self.latest_start or call.started_at)
        if call.status not in COUNTED_STATUSES:
            if call.status in self.other_statuses or len(self.other_statuses) < MOST_STATUSES:
                self.other_statuses[call.status] += 1
            else:
                self.further_statuses += 1
