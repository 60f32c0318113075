"""From a question to its report: windows, groups, one read, figures."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from call_analytics.db.engine import Database
from call_analytics.db.errors import expected_errors
from call_analytics.db.figures.query import FigureQuery
from call_analytics.db.figures.reader import FigureReader
from call_analytics.db.organizations import StoredOrganization, read_organization
from call_analytics.resolvers.errors import BadInput
from call_analytics.resolvers.frame import Frame
from call_analytics.resolvers.limits import check_lists
from call_analytics.resolvers.question import Question, Selection
from call_analytics.resolvers.report import Report
from call_analytics.resolvers.sections import Section, sections
from call_analytics.resolvers.series_points import check_together
from call_analytics.resolvers.window import window_for

__all__ = ["Analytics", "StoredOrganization"]

FROM_CALLS = ("calls",)
FROM_ROLLUPS = ("calls", "rollups")


@dataclass(frozen=True, slots=True)
class _Part:
    """The answer for one of the windows: the one that is asked for, or one before it."""

    frame: Frame
    sections: tuple[Section, ...]


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
            BadInput: where the question makes no sense.
            Unavailable, Overloaded: where the database cannot be asked.
        """
        parts = tuple(_parts(question, now))
        found = [section for part in parts for section in part.sections]
        rows: Iterator[Any] = iter(())
        sources: tuple[str, ...] = ()
        if found:
            query = FigureQuery(
                organization_id,
                tuple(part.frame.stored_window for part in parts),
                tuple(section.group for section in found),
                question.assistant_ids,
            )
            with expected_errors():
                figures = await self._reader.read(query)
            rows = iter(figures.groups)
            sources = FROM_ROLLUPS if figures.from_rollups else FROM_CALLS
        reports = [
            Report(
                organization_id=organization_id,
                question=question,
                window=part.frame.window,
                as_of=now,
                before=before,
                sources=sources,
                **_fields(part, rows),
            )
            for before, part in enumerate(parts)
        ]
        report = reports.pop()
        while reports:
            report = replace(reports.pop(), previous=report)
        return report

    async def organization(
        self, organization_id: int, *, with_assistants: bool
    ) -> StoredOrganization:
        """The organization that asks, with its assistants where these are asked for.

        Raises:
            BadInput: where it is not there any more.
            Unavailable, Overloaded: where the database cannot be asked.
        """
        with expected_errors():
            found = await read_organization(
                self._database, organization_id, with_assistants=with_assistants
            )
        if found is None:
            raise BadInput("The organization of this key is not there any more.")
        return found


def _parts(question: Question, now: datetime) -> Iterator[_Part]:
    """The part of each window, the latest first."""
    selection: Selection | None = question.selection
    before = points_so_far = lists_so_far = 0
    while selection is not None:
        window = window_for(
            question.asked,
            zone=question.zone,
            week_starts_on=question.week_starts_on,
            now=now,
            before=before,
        )
        frame = Frame(window, before, question.zone, question.week_starts_on, now)
        points_so_far += frame.points(selection)
        check_together(points_so_far)
        found = tuple(sections(selection, frame))
        lists_so_far += len(found)
        check_lists(lists_so_far)
        yield _Part(frame, found)
        selection = selection.previous
        before += 1


def _fields(part: _Part, rows: Iterator[Any]) -> dict[str, Any]:
    """The fields of a window's report, made of the next rows."""
    fields: dict[str, Any] = {}
    for section in part.sections:
        for name, value in section.fields(next(rows)).items():
            if isinstance(value, dict) and name in fields:
                fields[name] |= value
            else:
                fields[name] = value
    return fields
