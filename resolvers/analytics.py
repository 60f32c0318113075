"""From a question to its report: windows, groups, one read, figures."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from call_analytics.db.calls.call_reader import StoredCall
from call_analytics.db.calls.pages import (
    CallRows,
    PageQuery,
    reading_of_call,
    reading_of_page,
)
from call_analytics.db.errors import expected_errors
from call_analytics.db.figures.query import FigureQuery
from call_analytics.db.organizations import StoredOrganization, read_organization
from call_analytics.db.replicas.figures import FigureServers
from call_analytics.db.replicas.servers import Origin, Servers
from call_analytics.resolvers.call_list import (
    CallPage,
    CallRow,
    call_row,
    check_sizes,
    checked_name,
    connection_of,
    figures_of_total,
    page_query,
)
from call_analytics.resolvers.errors import BadInput
from call_analytics.resolvers.frame import Frame
from call_analytics.resolvers.limits import check_lists
from call_analytics.resolvers.question import Question, Selection
from call_analytics.resolvers.report import Report
from call_analytics.resolvers.sections import Section, sections
from call_analytics.resolvers.series_points import check_together
from call_analytics.resolvers.window import window_for

__all__ = ["Analytics", "Origin", "StoredOrganization"]

FROM_CALLS = ("calls",)
FROM_ROLLUPS = ("calls", "rollups")


@dataclass(frozen=True, slots=True)
class _Part:
    """The answer for one of the windows: the one that is asked for, or one before it."""

    frame: Frame
    sections: tuple[Section, ...]
    pages: tuple[tuple[CallPage, PageQuery], ...]
    """What the database is asked for each page of calls."""


class Analytics:
    """The analytics of one database and its replicas.

    All requests of a server process share one of these.

    Where it may not use rollups, it reads the calls. It may hide all but the last four digits of
    telephone numbers.
    """

    def __init__(
        self,
        servers: Servers,
        *,
        may_use_rollups: bool = True,
        hides_phone_numbers: bool = False,
    ) -> None:
        self._servers = servers
        self._figures = FigureServers(servers, may_use_rollups=may_use_rollups)
        self._hides_phone_numbers = hides_phone_numbers

    def shortage(self) -> str:
        """The reason that the log gives when requests wait too long for a database connection."""
        return str(self._servers.primary.database.shortage())

    async def report(self, organization_id: int, question: Question, *, now: datetime) -> Report:
        """The figures of an organization's calls that a question selects, and no others.

        Runs one statement, or none where no selected figure needs a call to be counted. Pages of
        calls have statements of their own, in the same snapshot.

        Raises:
            BadInput: where the question makes no sense.
            Unavailable, Overloaded: where the database cannot be asked.
        """
        parts = tuple(_parts(question, now, organization_id))
        found = [section for part in parts for section in part.sections]
        pages = [query for part in parts for _, query in part.pages]
        rows: Iterator[Any] = iter(())
        read_pages: Iterator[CallRows] = iter(())
        sources: tuple[str, ...] = ()
        origin: Origin | None = None
        if found or pages:
            query = FigureQuery(
                organization_id,
                tuple(part.frame.stored_window for part in parts),
                tuple(section.group for section in found),
                question.assistant_ids,
            )
            with expected_errors():
                figures, origin = await self._figures.read(
                    query, [reading_of_page(query, page) for page in pages]
                )
            rows = iter(figures.groups)
            read_pages = iter(figures.others)
            sources = FROM_ROLLUPS if figures.from_rollups else FROM_CALLS
            if origin is not None:
                sources = (*sources, origin.server)
        reports = []
        for before, part in enumerate(parts):
            fields = _fields(part, rows)
            calls = {
                page: connection_of(
                    page,
                    next(read_pages),
                    organization_id=organization_id,
                    total=_total(page, fields),
                    hides_phone_numbers=self._hides_phone_numbers,
                )
                for page, _ in part.pages
            }
            reports.append(
                Report(
                    organization_id=organization_id,
                    question=question,
                    window=part.frame.window,
                    as_of=now,
                    before=before,
                    sources=sources,
                    origin=origin,
                    calls=calls,
                    **fields,
                )
            )
        report = reports.pop()
        while reports:
            report = replace(reports.pop(), previous=report)
        return report

    async def call(
        self, organization_id: int, *, call_id: str | None, call_sid: str | None
    ) -> tuple[CallRow | None, Origin | None]:
        """The call of the organization that has this id, or this SID; None where there is none.

        Where there are replicas, which server answered, too.

        Raises:
            BadInput: where neither is given, or both are.
            Unavailable, Overloaded: where the database cannot be asked.
        """
        name = checked_name(call_id, call_sid)
        if name is None:
            return None, None
        with expected_errors():
            figures, origin = await self._figures.read(
                FigureQuery(organization_id, (), ()), [reading_of_call(organization_id, name)]
            )
        found: StoredCall | None = figures.others[0]
        call = found and call_row(found, hides_phone_numbers=self._hides_phone_numbers)
        return call, origin

    async def organization(
        self, organization_id: int, *, with_assistants: bool
    ) -> tuple[StoredOrganization, Origin | None]:
        """The organization that asks, with its assistants where these are asked for.

        Where there are replicas, which server answered, too.

        Raises:
            BadInput: where it is not there any more.
            Unavailable, Overloaded: where the database cannot be asked.
        """
        with expected_errors():
            found, origin = await self._servers.read(
                partial(
                    read_organization,
                    organization_id=organization_id,
                    with_assistants=with_assistants,
                )
            )
        if found is None:
            raise BadInput("The organization of this key is not there any more.")
        return found, origin


def _parts(question: Question, now: datetime, organization_id: int) -> Iterator[_Part]:
    """The part of each window, the latest first."""
    selection: Selection | None = question.selection
    before = points_so_far = lists_so_far = calls_so_far = 0
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
        lists_so_far += len(found) + len(selection.pages)
        check_lists(lists_so_far)
        pages = tuple(
            (page, page_query(page, selected, window=before, organization_id=organization_id))
            for page, selected in selection.pages.items()
        )
        calls_so_far += sum(query.size for _, query in pages)
        check_sizes(calls_so_far)
        yield _Part(frame, found, pages)
        selection = selection.previous
        before += 1


def _total(page: CallPage, fields: Mapping[str, Any]) -> int | None:
    """How many calls a page's list has, where figures say it and were selected."""
    figures = figures_of_total(page.statuses)
    if figures is None or not figures <= fields.keys():
        return None
    counts = [fields[figure] for figure in figures]
    return None if None in counts else sum(counts)


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
