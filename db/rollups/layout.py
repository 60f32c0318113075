"""Rollups: sums of calls by assistant and hour, and by assistant and day.

Triggers on ``calls`` append to them, in the writer's own transaction, what each statement changed;
so at every instant the rows of one key add up to the calls of that assistant in that hour or day.
Everything here follows from that sum:

- **reading** sums, and is right however many rows a key has;
- **compacting** replaces the rows of a key by their sum;
- **verifying** selects, in one snapshot, how much each key's calls exceed its rows;
- **repairing**, and filling rollups for the first time, append just that difference.

Appending takes no lock that another writer of ``calls`` could wait for.
"""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    MetaData,
    Select,
    SmallInteger,
    Table,
    bindparam,
    literal_column,
    or_,
    select,
    union,
    union_all,
)

from call_analytics.db.dialects import is_instant
from call_analytics.db.figures.measures import MEASURES, sums_of_calls, total_of
from call_analytics.db.models import Assistant, Call
from call_analytics.db.rollups.grains import STORED_GRAINS

SUMS = ", ".join(measure.name for measure in MEASURES)
"""The columns of the sums, as a statement lists them."""

WATCHED = "assistant_id, started_at, status, duration"
"""The columns of a call that its rollups depend on."""

_metadata = MetaData()

call_rollups = Table(
    "call_rollups",
    _metadata,
    Column("assistant_id", BigInteger, nullable=False),
    Column("grain", SmallInteger, nullable=False),
    Column("bucket", DateTime, nullable=False),
    *(Column(measure.name, BigInteger, nullable=False) for measure in MEASURES),
)
"""``bucket`` is the start of the hour or day, in UTC. Several rows of one key add up."""

call_rollups_state = Table(
    "call_rollups_state", _metadata, Column("is_ready", Boolean, nullable=False)
)
"""One row, which tells whether the rollups hold all calls and may be read."""


class Difference(NamedTuple):
    """How much the calls of one key exceed its rollups, measure by measure."""

    assistant_id: int
    grain: int
    bucket: datetime
    calls: int
    completed: int
    failed: int
    ongoing: int
    duration: int
    completed_duration: int
    completed_timed: int


def assistants_with_rows() -> Any:  # noqa: ANN401 - a selectable of one column
    """Every assistant that has, or may have, calls or rollups."""
    return union(select(Assistant.id), select(call_rollups.c.assistant_id)).order_by("id")


def differences() -> Select[Any]:
    """For the assistant ``:assistant_id``, the keys whose rollups are not the sum of its calls."""
    assistant_id = bindparam("assistant_id", type_=BigInteger)
    columns = call_rollups.c
    summed = [
        select(
            Call.assistant_id,
            literal_column(str(grain.number), SmallInteger).label("grain"),
            grain.bucket_of(Call.started_at).label("bucket"),
            *sums_of_calls(MEASURES, Call.status, Call.duration),
        )
        .where(Call.assistant_id == assistant_id, is_instant(Call.started_at))
        .group_by(Call.assistant_id, grain.bucket_of(Call.started_at))
        for grain in STORED_GRAINS
    ]
    stored = select(
        columns.assistant_id,
        columns.grain,
        columns.bucket,
        *((-columns[measure.name]).label(measure.name) for measure in MEASURES),
    ).where(columns.assistant_id == assistant_id)
    both: list[Select[Any]] = [*summed, stored]
    rows = union_all(*both).subquery("both")
    keys = rows.c.assistant_id, rows.c.grain, rows.c.bucket
    excess = {measure.name: total_of(rows.c[measure.name]) for measure in MEASURES}
    return (
        select(*keys, *(column.label(name) for name, column in excess.items()))
        .group_by(*keys)
        .having(or_(*(column != literal_column("0") for column in excess.values())))
    )
