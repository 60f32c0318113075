"""The figures that a client may select, and the measures from which each is derived."""

from dataclasses import dataclass
from functools import lru_cache

from call_analytics.db.figures.groups import GroupMeasures
from call_analytics.db.figures.measures import Measure

TOTALS: dict[str, frozenset[Measure]] = {
    "total_calls": frozenset({Measure.CALLS}),
    "completed_calls": frozenset({Measure.COMPLETED}),
    "failed_calls": frozenset({Measure.FAILED}),
    "ongoing_calls": frozenset({Measure.ONGOING}),
    "total_duration": frozenset({Measure.COMPLETED_DURATION}),
    "avg_duration": frozenset({Measure.COMPLETED_DURATION, Measure.COMPLETED_TIMED}),
    "success_rate": frozenset({Measure.COMPLETED, Measure.CALLS}),
}
"""The figures of the whole window."""

DAILY: dict[str, frozenset[Measure]] = {
    "total": frozenset({Measure.CALLS}),
    "completed": frozenset({Measure.COMPLETED}),
    "failed": frozenset({Measure.FAILED}),
}
"""The figures of a day; its date needs no measure."""

PER_ASSISTANT: dict[str, frozenset[Measure]] = {
    "calls": frozenset({Measure.CALLS}),
    "duration": frozenset({Measure.DURATION}),
}
"""The figures of an assistant."""

DEFAULT_ASSISTANTS = 10


@dataclass(frozen=True, slots=True)
class SelectedFigures:
    """The figures that a client selects, by their names in the report.

    ``daily`` and ``per_assistant`` are None where the client does not select the list at all, and
    may be empty where it selects none of the figures of its items.
    """

    totals: frozenset[str] = frozenset()
    daily: frozenset[str] | None = None
    per_assistant: frozenset[str] | None = None
    assistant_limit: int = DEFAULT_ASSISTANTS


EVERYTHING = SelectedFigures(
    totals=frozenset(TOTALS), daily=frozenset(DAILY), per_assistant=frozenset(PER_ASSISTANT)
)


@lru_cache(maxsize=1024)
def measures_of(selected: SelectedFigures) -> GroupMeasures:
    """The measures from which the selected figures are derived, group by group."""
    return GroupMeasures(
        totals=_union(TOTALS, selected.totals) if selected.totals else None,
        days=None if selected.daily is None else _union(DAILY, selected.daily),
        assistants=(
            None
            if selected.per_assistant is None
            else _union(PER_ASSISTANT, selected.per_assistant)
        ),
    )


def _union(
    derivation: dict[str, frozenset[Measure]], figures: frozenset[str]
) -> frozenset[Measure]:
    return frozenset().union(*(derivation[figure] for figure in figures))
