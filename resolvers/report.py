"""The derived answer: figures as clients know them, made of summed measures.

A figure that was not selected is None, so that it cannot be mistaken for a zero.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from call_analytics.resolvers.window import Period, Window


class DayRow(NamedTuple):
    """The calls of one UTC date."""

    date: date
    total: int | None
    completed: int | None
    failed: int | None


class AssistantRow(NamedTuple):
    """One assistant's calls in the window."""

    assistant_id: int
    assistant_name: str
    calls: int | None
    duration: int | None
    """Seconds, over calls of every status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The answer for one organization and one window."""

    organization_id: int
    period: Period
    window: Window
    sources: tuple[str, ...] = ()
    """What was read: the calls, or rollups and the calls at the window's edge."""
    total_calls: int | None = None
    completed_calls: int | None = None
    failed_calls: int | None = None
    ongoing_calls: int | None = None
    total_duration: int | None = None
    """Seconds, over completed calls."""
    avg_duration: float | None = None
    """Seconds; the mean over completed calls whose duration is neither null nor 0."""
    success_rate: float | None = None
    """Percent of all calls that were completed, 0 to 100."""
    daily_stats: tuple[DayRow, ...] = ()
    """Ascending; only dates that have calls."""
    top_assistants: tuple[AssistantRow, ...] = ()
    """Most calls first, ties by ascending id."""

    @property
    def id(self) -> str:
        """The same for every report of one organization and period, and for no other."""
        return f"{self.organization_id}-{self.period.value}"

    @property
    def window_start(self) -> datetime:
        """The earliest instant that counts."""
        return self.window.start

    @property
    def window_end(self) -> datetime:
        """The end of the window; the request's now where it has none."""
        return self.window.end


def ratio(part: int | None, whole: int | None) -> float | None:
    """``part / whole``; 0 where the whole is 0, None where either was not selected."""
    if part is None or whole is None:
        return None
    return part / whole if whole else 0.0


def percent(part: int | None, whole: int | None) -> float | None:
    """``part`` in percent of ``whole``, not rounded; 0 and None as in ``ratio``."""
    return ratio(None if part is None else 100 * part, whole)
