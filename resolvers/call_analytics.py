"""The pipeline of one answer: window, what is wanted, fetch, report."""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from itertools import groupby, starmap
from operator import attrgetter

from call_analytics.access.authenticate import Principal
from call_analytics.db.figures.measures import Measure
from call_analytics.db.figures.reader import FigureReader
from call_analytics.db.figures.statement import Figures, Scope, Section, Wanted
from call_analytics.resolvers.errors import unavailability_told
from call_analytics.resolvers.report import AssistantStat, DailyStat, Report, percent, ratio
from call_analytics.resolvers.window import Period, window_for

TOTALS: dict[str, frozenset[Measure]] = {
    "total_calls": frozenset({Measure.CALLS}),
    "completed_calls": frozenset({Measure.COMPLETED}),
    "failed_calls": frozenset({Measure.FAILED}),
    "ongoing_calls": frozenset({Measure.ONGOING}),
    "total_duration": frozenset({Measure.COMPLETED_DURATION}),
    "avg_duration": frozenset({Measure.COMPLETED_DURATION, Measure.COMPLETED_TIMED}),
    "success_rate": frozenset({Measure.COMPLETED, Measure.CALLS}),
}
"""The measures that each figure of the totals is derived from."""

DAILY: dict[str, frozenset[Measure]] = {
    "total": frozenset({Measure.CALLS}),
    "completed": frozenset({Measure.COMPLETED}),
    "failed": frozenset({Measure.FAILED}),
}
"""The measures behind each figure of a day; its date needs none."""

PER_ASSISTANT: dict[str, frozenset[Measure]] = {
    "calls": frozenset({Measure.CALLS}),
    "duration": frozenset({Measure.DURATION}),
}
"""The measures behind each figure of an assistant; its place in the order needs its calls."""

DEFAULT_ASSISTANTS = 10

OF_A_DAY = attrgetter("day", "calls", "completed", "failed")
OF_AN_ASSISTANT = attrgetter("assistant_id", "assistant_name", "calls", "duration")
"""The columns of a row that make up a ``DailyStat`` and an ``AssistantStat``."""

FROM_CALLS = ("calls",)
FROM_ROLLUPS = ("calls", "rollups")


@dataclass(frozen=True, slots=True)
class Selection:
    """The figures that a client asks for, by their names in the report.

    ``daily`` and ``per_assistant`` are None where the client does not ask for the list at all,
    and may be empty where it asks for its keys only.
    """

    totals: frozenset[str] = frozenset()
    daily: frozenset[str] | None = None
    per_assistant: frozenset[str] | None = None
    assistant_limit: int = DEFAULT_ASSISTANTS


EVERYTHING = Selection(
    totals=frozenset(TOTALS), daily=frozenset(DAILY), per_assistant=frozenset(PER_ASSISTANT)
)


async def call_analytics(
    principal: Principal,
    period: Period,
    selection: Selection,
    *,
    now: datetime,
    reader: FigureReader,
) -> Report:
    """The selected figures of the principal's organization; nothing else is computed.

    Runs one statement, or none where the selection needs no call to be counted.

    Raises:
        Unavailable: where the database cannot answer.
    """
    window = window_for(period, now=now)
    wanted = wanted_for(selection)
    nothing = Report(organization_id=principal.organization_id, period=period, window=window)
    if not wanted.sections:
        return nothing
    with unavailability_told():
        figures = await reader.read(
            Scope(principal.organization_id, since=window.start),
            wanted,
            assistant_limit=selection.assistant_limit,
        )
    return _with_figures(nothing, figures)


@lru_cache(maxsize=1024)
def wanted_for(selection: Selection) -> Wanted:
    """The sections and measures that a selection needs."""
    return Wanted(
        totals=_measures(TOTALS, selection.totals) if selection.totals else None,
        days=None if selection.daily is None else _measures(DAILY, selection.daily),
        assistants=(
            None
            if selection.per_assistant is None
            else _measures(PER_ASSISTANT, selection.per_assistant)
        ),
    )


def _measures(
    derivation: dict[str, frozenset[Measure]], figures: frozenset[str]
) -> frozenset[Measure]:
    return frozenset().union(*(derivation[figure] for figure in figures))


def _with_figures(report: Report, figures: Figures) -> Report:
    sections = {
        Section(number): tuple(rows)
        for number, rows in groupby(figures.rows, attrgetter("section"))
    }
    report = replace(
        report,
        sources=FROM_ROLLUPS if figures.from_rollups else FROM_CALLS,
        daily_stats=tuple(starmap(DailyStat, map(OF_A_DAY, sections.get(Section.DAYS, ())))),
        top_assistants=tuple(
            starmap(AssistantStat, map(OF_AN_ASSISTANT, sections.get(Section.ASSISTANTS, ())))
        ),
    )
    if Section.TOTALS not in sections:
        return report
    (totals,) = sections[Section.TOTALS]
    return replace(
        report,
        total_calls=totals.calls,
        completed_calls=totals.completed,
        failed_calls=totals.failed,
        ongoing_calls=totals.ongoing,
        total_duration=totals.completed_duration,
        avg_duration=ratio(totals.completed_duration, totals.completed_timed),
        success_rate=percent(totals.completed, totals.calls),
    )
