"""The question as one value: a window, a zone, assistants, and the figures that are selected."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import NamedTuple
from zoneinfo import ZoneInfo

from call_analytics.db.figures.query import Ratio
from call_analytics.resolvers.calendar import Step
from call_analytics.resolvers.calendar_unit import Weekday
from call_analytics.resolvers.call_list import CallPage, PageSelection, figures_of_total
from call_analytics.resolvers.figures import FIGURES
from call_analytics.resolvers.window import Asked, Period
from call_analytics.resolvers.zones import zone_for

DAILY: dict[str, Ratio] = {
    "total": FIGURES["total_calls"],
    "completed": FIGURES["completed_calls"],
    "failed": FIGURES["failed_calls"],
}
"""The figures of a day; its date needs no measure."""

PER_ASSISTANT: dict[str, Ratio] = {
    "calls": FIGURES["total_calls"],
    "duration": FIGURES["duration_of_all_statuses"],
    **FIGURES,
}
"""The figures of an assistant."""

PER_STATUS: dict[str, Ratio] = {
    "calls": FIGURES["total_calls"],
    "duration": FIGURES["duration_of_all_statuses"],
}
"""The figures of a status."""

UTC = "UTC"
"""The name of the zone where none is given."""

NAME = "name"
"""What assistants may be in the order of, besides their figures."""

DEFAULT_ASSISTANTS = 10


class AssistantOrder(NamedTuple):
    """Which assistants there are in a list, and in what order."""

    by: str = "total_calls"
    """A figure, or ``NAME``."""
    is_descending: bool = True
    min_calls: int = 1


@dataclass(frozen=True, slots=True)
class Selection:
    """The figures of one window that a client selects, by their names in the report.

    A list that is not selected at all is None, or not there; it may be selected without any of the
    figures of its items.
    """

    figures: frozenset[str] = frozenset()
    daily: frozenset[str] | None = None
    series: Mapping[Step, frozenset[str]] = field(default_factory=dict)
    series_aliases: Mapping[Step, int] = field(default_factory=dict)
    """How many times each is in the answer."""
    assistants: Mapping[AssistantOrder, frozenset[str]] = field(default_factory=dict)
    assistant_limits: Mapping[AssistantOrder, int] = field(default_factory=dict)
    """How many of each list."""
    hours_of_week: frozenset[str] | None = None
    statuses: frozenset[str] | None = None
    percents: frozenset[Decimal] = frozenset()
    """Percentiles of the durations; 0 is the shortest, 100 the longest."""
    histogram_edges: frozenset[int] | None = None
    """Seconds, of all histograms together."""
    pages: Mapping[CallPage, PageSelection] = field(default_factory=dict)
    """Pages of the calls themselves."""
    previous: "Selection | None" = None
    """What is selected of the window before."""

    @property
    def figures_of_totals(self) -> frozenset[str]:
        """The figures that say how many calls the lists of calls have."""
        return frozenset[str]().union(
            *(
                figures_of_total(page.statuses) or ()
                for page, selected in self.pages.items()
                if selected.has_total
            )
        )


@dataclass(frozen=True, slots=True)
class Question:
    """What a client asks."""

    asked: Asked = Period.LAST_7_DAYS
    selection: Selection = field(default_factory=Selection)
    zone: ZoneInfo = field(default_factory=partial(zone_for, UTC))
    week_starts_on: Weekday = Weekday.MONDAY
    assistant_ids: tuple[int, ...] | None = None
    """Ascending, each once. None is all assistants."""


def documented_figures(period: Period) -> Question:
    """The question for all that the documented endpoint gives of a period."""
    most_calls = AssistantOrder()
    return Question(
        period,
        Selection(
            figures=frozenset(
                {
                    "total_calls",
                    "completed_calls",
                    "failed_calls",
                    "ongoing_calls",
                    "total_duration",
                    "avg_duration",
                    "success_rate",
                }
            ),
            daily=frozenset(DAILY),
            assistants={most_calls: frozenset({"calls", "duration"})},
            assistant_limits={most_calls: DEFAULT_ASSISTANTS},
        ),
    )
