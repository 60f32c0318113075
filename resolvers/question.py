"""A question, and the measures from which each figure that it selects is derived."""

from dataclasses import dataclass
from functools import lru_cache

from call_analytics.db.figures.measures import (
    CALLS,
    COMPLETED,
    COMPLETED_DURATION,
    COMPLETED_TIMED,
    DURATION,
    FAILED,
    ONGOING,
    Measure,
)
from call_analytics.db.figures.query import ASSISTANT, Group, Ranking, Steps
from call_analytics.db.rollups.grains import DAY
from call_analytics.resolvers.window import Period

TOTALS: dict[str, frozenset[Measure]] = {
    "total_calls": frozenset({CALLS}),
    "completed_calls": frozenset({COMPLETED}),
    "failed_calls": frozenset({FAILED}),
    "ongoing_calls": frozenset({ONGOING}),
    "total_duration": frozenset({COMPLETED_DURATION}),
    "avg_duration": frozenset({COMPLETED_DURATION, COMPLETED_TIMED}),
    "success_rate": frozenset({COMPLETED, CALLS}),
}
"""The figures of the whole window."""

DAILY: dict[str, frozenset[Measure]] = {
    "total": frozenset({CALLS}),
    "completed": frozenset({COMPLETED}),
    "failed": frozenset({FAILED}),
}
"""The figures of a day; its date needs no measure."""

PER_ASSISTANT: dict[str, frozenset[Measure]] = {
    "calls": frozenset({CALLS}),
    "duration": frozenset({DURATION}),
}
"""The figures of an assistant."""

DEFAULT_ASSISTANTS = 10


@dataclass(frozen=True, slots=True)
class Question:
    """What a client asks: a period, and the figures it selects, by their names in the report.

    ``daily`` and ``per_assistant`` are None where the client does not select the list at all, and
    may be empty where it selects none of the figures of its items.
    """

    period: Period
    totals: frozenset[str] = frozenset()
    daily: frozenset[str] | None = None
    per_assistant: frozenset[str] | None = None
    assistant_limit: int = DEFAULT_ASSISTANTS


def everything(period: Period) -> Question:
    """The question for all figures of a period."""
    return Question(
        period,
        totals=frozenset(TOTALS),
        daily=frozenset(DAILY),
        per_assistant=frozenset(PER_ASSISTANT),
    )


@lru_cache(maxsize=1024)
def groups_of(question: Question) -> dict[str, Group]:
    """The groups of calls that answer a question, by the list of the report that each makes."""
    groups = {}
    if question.totals:
        groups["totals"] = Group(_union(TOTALS, question.totals))
    if question.daily is not None:
        groups["daily"] = Group(_union(DAILY, question.daily), steps=Steps(rest=DAY))
    if question.per_assistant is not None:
        groups["per_assistant"] = Group(
            _union(PER_ASSISTANT, question.per_assistant),
            dimensions=(ASSISTANT,),
            ranking=Ranking(question.assistant_limit),
        )
    return groups


def _union(
    derivation: dict[str, frozenset[Measure]], figures: frozenset[str]
) -> frozenset[Measure]:
    return frozenset().union(*(derivation[figure] for figure in figures))
