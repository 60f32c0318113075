"""From a question to its report: window, measures, one read, ratios."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from call_analytics.db.engine import Database
from call_analytics.db.errors import expected_errors
from call_analytics.db.figures.query import FigureQuery
from call_analytics.db.figures.query import Window as StoredWindow
from call_analytics.db.figures.reader import FigureReader
from call_analytics.resolvers.calendar_unit import Weekday
from call_analytics.resolvers.question import Question, groups_of
from call_analytics.resolvers.report import AssistantRow, DayRow, Report, percent, ratio
from call_analytics.resolvers.window import window_for
from call_analytics.resolvers.zones import zone_for

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

    async def report(self, organization_id: int, question: Question, *, now: datetime) -> Report:
        """The figures of an organization's calls that a question selects, and no others.

        Runs one statement, or none where no selected figure needs a call to be counted.

        Raises:
            Unavailable, Overloaded: where the database cannot be asked.
        """
        window = window_for(
            question.period, zone=zone_for("UTC"), week_starts_on=Weekday.MONDAY, now=now
        )
        report = Report(organization_id=organization_id, period=question.period, window=window)
        groups = groups_of(question)
        if not groups:
            return report
        start = window.start.replace(tzinfo=None)
        until = window.until and window.until.replace(tzinfo=None)
        query = FigureQuery(organization_id, StoredWindow(start, until), tuple(groups.values()))
        with expected_errors():
            figures = await self._reader.read(query)
        report = replace(report, sources=FROM_ROLLUPS if figures.from_rollups else FROM_CALLS)
        return _with_figures(report, dict(zip(groups, figures.groups, strict=True)))


def _with_figures(report: Report, groups: dict[str, Sequence[Any]]) -> Report:
    report = replace(
        report,
        daily_stats=tuple(_day(row) for row in groups.get("daily", ())),
        top_assistants=tuple(_assistant(row) for row in groups.get("per_assistant", ())),
    )
    if "totals" not in groups:
        return report
    (totals,) = groups["totals"]
    return replace(report, **_totals(totals))


def _day(row: Any) -> DayRow:  # noqa: ANN401 - a row of the database
    return DayRow(row.bucket.date(), row.calls, row.completed, row.failed)


def _assistant(row: Any) -> AssistantRow:  # noqa: ANN401
    return AssistantRow(row.assistant_id, row.assistant_name, row.calls, row.duration)


def _totals(row: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "total_calls": row.calls,
        "completed_calls": row.completed,
        "failed_calls": row.failed,
        "ongoing_calls": row.ongoing,
        "total_duration": row.completed_duration,
        "avg_duration": ratio(row.completed_duration, row.completed_timed),
        "success_rate": percent(row.completed, row.calls),
    }
