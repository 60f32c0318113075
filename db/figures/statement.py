"""Reading the figures: one statement, which computes what is wanted and nothing else.

The calls of a window are read from **tiles** that together cover it exactly once. Without rollups
there is one, the calls themselves. With rollups, whole days come from day rows, the hours up to
the first midnight from hour rows, and the rest of the hour at the window's edge from the calls.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum
from functools import lru_cache
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    Integer,
    Select,
    String,
    bindparam,
    case,
    desc,
    func,
    literal_column,
    null,
    select,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.selectable import CTE, CompoundSelect

from call_analytics.db.dialects import among, is_instant, utc_date
from call_analytics.db.engine import Database, connect
from call_analytics.db.errors import DatabaseChanged
from call_analytics.db.figures.measures import Measure, sums_of_calls, total_of
from call_analytics.db.models import Assistant, Call
from call_analytics.db.rollups.layout import DAY, HOUR, call_rollups
from call_analytics.db.rollups.triggers import are_rolled_up


class Section(IntEnum):
    """A group of rows that share what they are grouped by."""

    READINESS = -1
    """One row, whose ``calls`` is 1 where the rollups that were read are ready, and 0 elsewhere."""
    TOTALS = 0
    DAYS = 1
    ASSISTANTS = 2


@dataclass(frozen=True, slots=True)
class Wanted:
    """The measures that a statement shall compute in each section; None where not the section.

    Days and assistants without calls are absent, and assistants are ranked by their calls: so
    there the calls are always counted.
    """

    totals: frozenset[Measure] | None = None
    days: frozenset[Measure] | None = None
    assistants: frozenset[Measure] | None = None

    @property
    def sections(self) -> dict[Section, frozenset[Measure]]:
        """The wanted sections, in order, and the measures of each."""
        sections = {}
        if self.totals is not None:
            sections[Section.TOTALS] = self.totals
        if self.days is not None:
            sections[Section.DAYS] = self.days | {Measure.CALLS}
        if self.assistants is not None:
            sections[Section.ASSISTANTS] = self.assistants | {Measure.CALLS}
        return sections

    @property
    def measures(self) -> list[Measure]:
        """Every wanted measure."""
        return sorted(frozenset().union(*self.sections.values()))


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose calls are read, and from which instant on."""

    organization_id: int
    since: datetime
    """Aware; the earliest ``started_at`` that counts."""


class FigureRow(NamedTuple):
    """One row of an answer: its section, the section's key, and each measure.

    ``day`` is there in rows of days only, and the assistant in rows of assistants only. A measure
    that is not wanted is None.
    """

    section: int
    day: date
    assistant_id: int
    assistant_name: str
    calls: int | None
    completed: int | None
    failed: int | None
    ongoing: int | None
    duration: int | None
    completed_duration: int | None
    completed_timed: int | None


class Figures(NamedTuple):
    """An answer of the database."""

    rows: Sequence[FigureRow]
    from_rollups: bool
    """Whether rollups were read, and not calls only."""


async def read_figures(
    scope: Scope,
    wanted: Wanted,
    *,
    database: Database,
    use_rollups: bool,
    assistant_limit: int = 0,
) -> Figures:
    """Compute the wanted figures of the scope's calls, in one statement and so in one snapshot.

    Rows come in the order of their sections; days ascending; assistants by calls descending, then
    by ``assistant_id`` ascending, at most ``assistant_limit`` of them.

    Raises:
        DatabaseChanged: where a table is not there, or not to be read; or rollups were to be used
            and are not ready.
        DatabaseUnavailable: where the database cannot answer.
    """
    async with connect(database) as connection:
        result = await connection.execute(
            figures_statement(wanted, use_rollups=use_rollups),
            {
                "organization_id": scope.organization_id,
                **tile_edges(scope.since),
                "assistant_limit": assistant_limit,
            },
        )
        # The rows of a result are tuples with the names of their columns: those of a FigureRow.
        rows = cast("Sequence[FigureRow]", result.all())
    if use_rollups:
        readiness, *rows = rows
        if not readiness.calls:
            raise DatabaseChanged("rollups are not ready")
    return Figures(rows, from_rollups=use_rollups)


def tile_edges(since: datetime) -> dict[str, datetime]:
    """Where the tiles of a window begin: at its start, the next full hour, the next midnight."""
    start = since.astimezone(UTC).replace(tzinfo=None)
    hour = _round_up(start, start.replace(minute=0, second=0, microsecond=0), timedelta(hours=1))
    day = _round_up(hour, hour.replace(hour=0), timedelta(days=1))
    return {"since": start, "since_hour": hour, "since_day": day}


def _round_up(moment: datetime, rounded_down: datetime, step: timedelta) -> datetime:
    return rounded_down if rounded_down == moment else rounded_down + step


@lru_cache(maxsize=512)
def figures_statement(wanted: Wanted, *, use_rollups: bool) -> Select[Any] | CompoundSelect[Any]:
    """The statement for ``wanted``, with the parameters that ``read_figures`` gives it."""
    tiles = _rolled_tiles(wanted) if use_rollups else [_calls_tile(wanted, _started("since"))]
    source = tiles[0] if len(tiles) == 1 else union_all(*tiles)
    parts = source.cte("parts")
    whole = parts
    sections: list[Select[Any]] = []
    if Section.DAYS in wanted.sections:
        whole = _by_day(parts, wanted)
        sections.append(_days(whole, wanted.sections[Section.DAYS]))
    if Section.TOTALS in wanted.sections:  # days are fewer, and add up to the same
        sections.append(_totals(whole, wanted.sections[Section.TOTALS]))
    if Section.ASSISTANTS in wanted.sections:
        sections.append(_assistants(parts, wanted.sections[Section.ASSISTANTS]))
    if use_rollups:  # seen in the same snapshot as the rollups themselves
        sections.append(_row(Section.READINESS, {Measure.CALLS: _readiness()}))
    rows = sections[0] if len(sections) == 1 else union_all(*sections)
    return rows.order_by("section", "day", desc("calls"), "assistant_id")


def in_scope(assistant_id: ColumnElement[int] | InstrumentedAttribute[int]) -> ColumnElement[Any]:
    """The tenant predicate: the rows of the organization's assistants, inactive ones too."""
    assistants = select(Assistant.id).where(
        Assistant.organization_id == bindparam("organization_id", type_=BigInteger)
    )
    return among(assistant_id, assistants.scalar_subquery())


def _rolled_tiles(wanted: Wanted) -> list[Select[Any]]:
    before_hour = Call.started_at < _edge("since_hour")
    hours = call_rollups.c.bucket >= _edge("since_hour"), call_rollups.c.bucket < _edge("since_day")
    return [
        _calls_tile(wanted, _started("since"), before_hour),
        _rollup_tile(wanted, HOUR, *hours),
        _rollup_tile(wanted, DAY, call_rollups.c.bucket >= _edge("since_day")),
    ]


def _calls_tile(wanted: Wanted, *conditions: ColumnElement[bool]) -> Select[Any]:
    """A tile of calls, summed up as far as the wanted sections allow."""
    keys = _keys(wanted, Call.assistant_id, Call.started_at)
    measures = sums_of_calls(wanted.measures, Call.status, Call.duration)
    return (
        select(*keys, *measures)
        .where(in_scope(Call.assistant_id), *conditions, is_instant(Call.started_at))
        .group_by(*keys)
    )


def _rollup_tile(wanted: Wanted, grain: int, *conditions: ColumnElement[bool]) -> Select[Any]:
    """A tile of rollup rows of one grain, as they are."""
    columns = call_rollups.c
    keys = _keys(wanted, columns.assistant_id, columns.bucket)
    measures = [columns[measure].label(measure) for measure in wanted.measures]
    return select(*keys, *measures).where(
        in_scope(columns.assistant_id),
        columns.grain == literal_column(str(grain)),
        *conditions,
    )


def _keys(wanted: Wanted, assistant_id: Any, moment: Any) -> list[ColumnElement[Any]]:  # noqa: ANN401
    keys: list[ColumnElement[Any]] = []
    if Section.DAYS in wanted.sections:
        keys.append(utc_date(moment).label("day"))
    if Section.ASSISTANTS in wanted.sections:
        keys.append(assistant_id.label("assistant_id"))
    return keys


def _started(edge: str) -> ColumnElement[bool]:
    return Call.started_at >= _edge(edge)


def _edge(name: str) -> ColumnElement[datetime]:
    return bindparam(name, type_=Call.started_at.type)


_NO_DAY: ColumnElement[Any] = null().cast(Date)
_NO_ID: ColumnElement[Any] = null().cast(Integer)
_NO_NAME: ColumnElement[Any] = null().cast(String)
_NO_MEASURE: ColumnElement[Any] = null().cast(BigInteger)


def _row(
    section: Section,
    measures: Mapping[Measure, ColumnElement[Any]],
    *,
    day: ColumnElement[Any] = _NO_DAY,
    assistant_id: ColumnElement[Any] | InstrumentedAttribute[Any] = _NO_ID,
    assistant_name: ColumnElement[Any] | InstrumentedAttribute[Any] = _NO_NAME,
) -> Select[Any]:
    """A SELECT with the columns of ``FigureRow``, which are the same for every section."""
    return select(
        literal_column(str(int(section)), Integer).label("section"),
        day.label("day"),
        assistant_id.label("assistant_id"),
        assistant_name.label("assistant_name"),
        *(measures.get(measure, _NO_MEASURE).label(measure) for measure in Measure),
    )


def _readiness() -> ColumnElement[int]:
    are_ready = case((are_rolled_up(), literal_column("1")), else_=literal_column("0"))
    return are_ready.cast(BigInteger)


def _merged(parts: CTE, measures: frozenset[Measure]) -> dict[Measure, ColumnElement[Any]]:
    return {measure: total_of(parts.columns[measure]) for measure in measures}


def _by_day(parts: CTE, wanted: Wanted) -> CTE:
    measures = wanted.sections[Section.DAYS] | wanted.sections.get(Section.TOTALS, frozenset())
    day = parts.columns.day
    merged = (column.label(measure) for measure, column in _merged(parts, measures).items())
    return select(day, *merged).group_by(day).having(_has_calls(parts)).cte("days")


def _days(days: CTE, measures: frozenset[Measure]) -> Select[Any]:
    return _row(
        Section.DAYS,
        {measure: days.columns[measure] for measure in measures},
        day=days.columns.day,
    )


def _totals(whole: CTE, measures: frozenset[Measure]) -> Select[Any]:
    return _row(Section.TOTALS, _merged(whole, measures)).select_from(whole)


def _assistants(parts: CTE, measures: frozenset[Measure]) -> Select[Any]:
    assistant_id = parts.columns.assistant_id
    merged = _merged(parts, measures)
    ranked = (
        select(assistant_id, *(column.label(measure) for measure, column in merged.items()))
        .group_by(assistant_id)
        .having(_has_calls(parts))
        .order_by(merged[Measure.CALLS].desc(), assistant_id)
        .limit(bindparam("assistant_limit", type_=Integer))
        .subquery("ranked")
    )
    return _row(
        Section.ASSISTANTS,
        {measure: ranked.columns[measure] for measure in measures},
        assistant_id=ranked.columns.assistant_id,
        assistant_name=func.coalesce(Assistant.name, literal_column("''")),
    ).join_from(ranked, Assistant, Assistant.id == ranked.columns.assistant_id)


def _has_calls(parts: CTE) -> ColumnElement[bool]:
    # A day or an assistant whose calls were all deleted may have rollup rows that add up to 0.
    return total_of(parts.columns.calls) != literal_column("0")
