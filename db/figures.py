"""Reading the figures: one statement, which computes what is wanted and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import IntEnum
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    Integer,
    Select,
    String,
    bindparam,
    cast,
    desc,
    literal_column,
    null,
    select,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.selectable import CTE, CompoundSelect

from db.dialects import among, utc_date
from db.engine import Database, connect
from db.measures import OVER_CALLS, Measure, total_of
from db.models import Assistant, Call


class Section(IntEnum):
    """A group of figures that share what they are grouped by."""

    TOTALS = 0
    DAYS = 1
    ASSISTANTS = 2


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a statement shall compute."""

    sections: frozenset[Section]
    measures: frozenset[Measure]


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


async def read_figures(
    scope: Scope, wanted: Wanted, *, database: Database, assistant_limit: int = 0
) -> Sequence[FigureRow]:
    """Compute the wanted figures of the scope's calls, in one statement and so in one snapshot.

    Rows come in the order of their sections; days ascending; assistants by calls descending, then
    by ``assistant_id`` ascending, at most ``assistant_limit`` of them.

    Raises:
        DatabaseUnavailable: where the database cannot answer.
    """
    async with connect(database) as connection:
        result = await connection.execute(
            figures_statement(wanted),
            {
                "organization_id": scope.organization_id,
                "since": scope.since.astimezone(UTC).replace(tzinfo=None),
                "assistant_limit": assistant_limit,
            },
        )
        return [FigureRow._make(row) for row in result]


@lru_cache(maxsize=256)
def figures_statement(wanted: Wanted) -> Select[Any] | CompoundSelect[Any]:
    """The statement for ``wanted``, with parameters ``organization_id``, ``since`` and, where
    assistants are wanted, ``assistant_limit``.
    """
    parts = _parts(wanted)
    sections = [_SECTIONS[section](parts, wanted) for section in sorted(wanted.sections)]
    rows = sections[0] if len(sections) == 1 else union_all(*sections)
    return rows.order_by("section", "day", desc("calls"), "assistant_id")


def in_scope() -> ColumnElement[bool]:
    """The tenant predicate: the calls of the organization's assistants, inactive ones too."""
    assistants = select(Assistant.id).where(
        Assistant.organization_id == bindparam("organization_id", type_=Integer)
    )
    return among(Call.assistant_id, assistants.scalar_subquery())


def _parts(wanted: Wanted) -> CTE:
    """The scope's calls, merged as far as the wanted sections allow."""
    keys: list[ColumnElement[Any]] = []
    if Section.DAYS in wanted.sections:
        keys.append(utc_date(Call.started_at).label("day"))
    if Section.ASSISTANTS in wanted.sections:
        keys.append(Call.assistant_id.label("assistant_id"))
    measures = [OVER_CALLS[measure].label(measure) for measure in sorted(wanted.measures)]
    since = bindparam("since", type_=Call.started_at.type)
    return (
        select(*keys, *measures)
        .where(in_scope(), Call.started_at >= since)
        .group_by(*keys)
        .cte("parts")
    )


_NO_DAY: ColumnElement[Any] = cast(null(), Date)
_NO_ID: ColumnElement[Any] = cast(null(), Integer)
_NO_NAME: ColumnElement[Any] = cast(null(), String)
_NO_MEASURE: ColumnElement[Any] = cast(null(), BigInteger)


def _row(
    section: Section,
    parts: CTE,
    wanted: Wanted,
    *,
    day: ColumnElement[Any] = _NO_DAY,
    assistant_id: ColumnElement[Any] | InstrumentedAttribute[Any] = _NO_ID,
    assistant_name: ColumnElement[Any] | InstrumentedAttribute[Any] = _NO_NAME,
) -> Select[Any]:
    """A SELECT with the columns of ``FigureRow``, which are the same for every section."""
    columns = [
        literal_column(str(int(section)), Integer).label("section"),
        day.label("day"),
        assistant_id.label("assistant_id"),
        assistant_name.label("assistant_name"),
    ]
    for measure in Measure:
        is_wanted = measure in wanted.measures
        merged = total_of(parts.columns[measure]) if is_wanted else _NO_MEASURE
        columns.append(merged.label(measure))
    return select(*columns)


def _totals(parts: CTE, wanted: Wanted) -> Select[Any]:
    return _row(Section.TOTALS, parts, wanted).select_from(parts)


def _days(parts: CTE, wanted: Wanted) -> Select[Any]:
    day = parts.columns.day
    return _row(Section.DAYS, parts, wanted, day=day).group_by(day)


def _assistants(parts: CTE, wanted: Wanted) -> Select[Any]:
    ranked = (
        _row(
            Section.ASSISTANTS,
            parts,
            wanted,
            assistant_id=Assistant.id,
            assistant_name=Assistant.name,
        )
        .join_from(parts, Assistant, Assistant.id == parts.columns.assistant_id)
        .group_by(Assistant.id, Assistant.name)
        .order_by(total_of(parts.columns.calls).desc(), Assistant.id)
        .limit(bindparam("assistant_limit", type_=Integer))
    )
    return select(ranked.subquery("ranked"))


_SECTIONS = {Section.TOTALS: _totals, Section.DAYS: _days, Section.ASSISTANTS: _assistants}
