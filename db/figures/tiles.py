"""Tiles: sources of calls that together cover a window exactly once.

Without rollups there is one, the calls themselves. With rollups, whole days come from day rows, the
hours up to the first midnight from hour rows, and the rest of the hour at the window's edge from
the calls.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, literal_column, select

from call_analytics.db.dialects import is_instant, utc_date
from call_analytics.db.figures.groups import Group, GroupMeasures
from call_analytics.db.figures.measures import sums_of_calls
from call_analytics.db.models import Call
from call_analytics.db.rollups.layout import DAY, HOUR, call_rollups
from call_analytics.db.tenant import in_scope


def tile_edges(since: datetime) -> dict[str, datetime]:
    """Where the tiles of a window begin: at its start, the next full hour, the next midnight."""
    start = since.astimezone(UTC).replace(tzinfo=None)
    hour = _round_up(start, start.replace(minute=0, second=0, microsecond=0), timedelta(hours=1))
    day = _round_up(hour, hour.replace(hour=0), timedelta(days=1))
    return {"since": start, "since_hour": hour, "since_day": day}


def tiles(measures: GroupMeasures, *, use_rollups: bool) -> list[Select[Any]]:
    """The tiles, each with the measures, and with the keys of the groups."""
    if not use_rollups:
        return [_calls_tile(measures, _started("since"))]
    before_hour = Call.started_at < _edge("since_hour")
    hours = call_rollups.c.bucket >= _edge("since_hour"), call_rollups.c.bucket < _edge("since_day")
    return [
        _calls_tile(measures, _started("since"), before_hour),
        _rollup_tile(measures, HOUR, *hours),
        _rollup_tile(measures, DAY, call_rollups.c.bucket >= _edge("since_day")),
    ]


def _round_up(moment: datetime, rounded_down: datetime, step: timedelta) -> datetime:
    return rounded_down if rounded_down == moment else rounded_down + step


def _calls_tile(measures: GroupMeasures, *conditions: ColumnElement[bool]) -> Select[Any]:
    """A tile of calls, summed up as far as the groups allow."""
    keys = _keys(measures, Call.assistant_id, Call.started_at)
    return (
        select(*keys, *sums_of_calls(measures.all, Call.status, Call.duration))
        .where(in_scope(Call.assistant_id), *conditions, is_instant(Call.started_at))
        .group_by(*keys)
    )


def _rollup_tile(
    measures: GroupMeasures, grain: int, *conditions: ColumnElement[bool]
) -> Select[Any]:
    """A tile of rollup rows of one grain, as they are."""
    columns = call_rollups.c
    keys = _keys(measures, columns.assistant_id, columns.bucket)
    return select(*keys, *(columns[measure].label(measure) for measure in measures.all)).where(
        in_scope(columns.assistant_id),
        columns.grain == literal_column(str(grain)),
        *conditions,
    )


def _keys(
    measures: GroupMeasures,
    assistant_id: Any,  # noqa: ANN401 - columns of two kinds of tables
    moment: Any,  # noqa: ANN401
) -> list[ColumnElement[Any]]:
    keys: list[ColumnElement[Any]] = []
    if Group.DAYS in measures.by_group:
        keys.append(utc_date(moment).label("day"))
    if Group.ASSISTANTS in measures.by_group:
        keys.append(assistant_id.label("assistant_id"))
    return keys


def _started(edge: str) -> ColumnElement[bool]:
    return Call.started_at >= _edge(edge)


def _edge(name: str) -> ColumnElement[datetime]:
    return bindparam(name, type_=Call.started_at.type)
