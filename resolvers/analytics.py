"""From a question to its report: window, measures, one read, ratios."""

from dataclasses import replace
from datetime import datetime
from itertools import groupby, starmap
from operator import attrgetter

from call_analytics.db.engine import Database
from call_analytics.db.errors import expected_errors
from call_analytics.db.figures.groups import Figures, Group, Scope
from call_analytics.db.figures.reader import FigureReader
from call_analytics.resolvers.report import AssistantRow, DayRow, Report, percent, ratio
from call_analytics.resolvers.selected_figures import SelectedFigures, measures_of
from call_analytics.resolvers.window import Period, window_for

DAY_COLUMNS = attrgetter("day", "calls", "completed", "failed")
ASSISTANT_COLUMNS = attrgetter("assistant_id", "assistant_name", "calls", "duration")
"""The columns of a row of the database that make up a ``DayRow`` and an ``AssistantRow``."""

FROM_CALLS = ("calls",)
FROM_ROLLUPS = ("calls", "rollups")


class Analytics:
    """The analytics of one database. All requests of a server process share one of these.

    Where it may not use rollups, it reads the calls.
    """

    def __init__(self, database: Database, *, may_use_rollups: bool = True) -> None:
        self._database = database
        self._reader = FigureReader(database, may_use_rollups=may_use_rollups)

    def shortage(self) -> str:
        """The reason that the log gives when requests wait too long for a database connection."""
        return str(self._database.shortage())

    async def report(
        self, organization_id: int, period: Period, selected: SelectedFigures, *, now: datetime
    ) -> Report:
        """The selected figures of an organization's calls; nothing else is computed.

        Runs one statement, or none where no selected figure needs a call to be counted.

        Raises:
            Unavailable, Overloaded: where the database cannot be asked.
        """
        window = window_for(period, now=now)
        report = Report(organization_id=organization_id, period=period, window=window)
        measures = measures_of(selected)
        if not measures.by_group:
            return report
        with expected_errors():
            figures = await self._reader.read(
                Scope(organization_id, since=window.start),
                measures,
                assistant_limit=selected.assistant_limit,
            )
        return _with_figures(report, figures)


def _with_figures(report: Report, figures: Figures) -> Report:
    groups = {
        Group(number): tuple(rows) for number, rows in groupby(figures.rows, attrgetter("group"))
    }
    report = replace(
        report,
        sources=FROM_ROLLUPS if figures.from_rollups else FROM_CALLS,
        daily_stats=tuple(starmap(DayRow, map(DAY_COLUMNS, groups.get(Group.DAYS, ())))),
        top_assistants=tuple(
            starmap(AssistantRow, map(ASSISTANT_COLUMNS, groups.get(Group.ASSISTANTS, ())))
        ),
    )
    if Group.TOTALS not in groups:
        return report
    (totals,) = groups[Group.TOTALS]
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
