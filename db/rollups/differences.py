"""How much the calls of each key exceed its rollups; there is no row where they agree.

Three things are compared, each in one statement: an assistant's calls with its quarter hours and
the log; the longer grains of an organization's assistants with their quarter hours; and the sums of
an organization with those of its assistants.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    SmallInteger,
    and_,
    bindparam,
    literal_column,
    or_,
    select,
    union,
    union_all,
)

from call_analytics.db.figures.measures import MEASURES, sums_of_calls, total_of
from call_analytics.db.functions import is_instant
from call_analytics.db.models import Assistant, Call
from call_analytics.db.placement import Placement
from call_analytics.db.rollups.grains import GRAINS, QUARTER_HOUR, Grain
from call_analytics.db.rollups.layout import (
    assistant_moves,
    assistant_sums,
    organization_sums,
    rollup_log,
)
from call_analytics.db.shape import Shape
from call_analytics.db.tenant import is_of_assistant


class Difference(NamedTuple):
    """How much the calls of one key exceed its rollups, measure by measure."""

    organization_id: int | None
    """None where an assistant's quarter hours were compared with its calls, and the log does not
    know whose they are."""
    assistant_id: int | None
    """None where the sums of an organization were compared."""
    grain: int
    bucket: datetime
    calls: int
    completed: int
    failed: int
    ongoing: int
    duration: int
    completed_duration: int
    completed_timed: int


_ASSISTANT = bindparam("assistant_id", type_=BigInteger)
_ORGANIZATION = bindparam("organization_id", type_=BigInteger)


def assistants_with_rows(placement: Placement) -> Any:  # noqa: ANN401 - a selectable
    """Every assistant that has, or may have, calls or rollups.

    The columns are parameters of ``of_assistant``.
    """
    if placement.keys_log:
        tables: tuple[Any, ...] = (rollup_log.c, assistant_sums.c)
        whose = select(Assistant.organization_id, Assistant.id.label("assistant_id"))
        its = (select(table.organization_id, table.assistant_id) for table in tables)
        return union(whose, *its).order_by("organization_id", "assistant_id")
    return union(
        select(Assistant.id.label("assistant_id")),
        select(rollup_log.c.assistant_id),
        select(assistant_sums.c.assistant_id),
    ).order_by("assistant_id")


def organizations_with_rows() -> Any:  # noqa: ANN401 - a selectable of one column
    """Every organization that has sums."""
    columns = (table.c.organization_id for table in (organization_sums, assistant_sums))
    return union(*map(select, columns)).order_by("organization_id")


def of_assistant(shape: Shape) -> Select[Any]:
    """The quarter hours of the assistant ``:assistant_id`` that are not the sum of its calls.

    The keys are those of the log: ``assistant_id`` and ``bucket``, and ``organization_id`` where it
    has that, which is a parameter then.
    """
    if shape.placement.keys_log:
        return _of_assistant_of_organization()
    bucket = QUARTER_HOUR.bucket_of(Call.started_at)
    calls = (
        select(
            Call.assistant_id.label("assistant_id"),
            bucket.label("bucket"),
            *sums_of_calls(MEASURES, Call.status, Call.duration),
        )
        .where(is_of_assistant(Call, shape.tenancy, _ASSISTANT), is_instant(Call.started_at))
        .group_by(Call.assistant_id, bucket)
    )
    sums, log, moves = assistant_sums.c, rollup_log.c, assistant_moves.c
    # All that may have its sums; those that others have are strays.
    organizations = union(
        select(Assistant.organization_id).where(Assistant.id == _ASSISTANT),
        select(moves.organization_id).where(moves.assistant_id == _ASSISTANT),
    )
    folded = select(sums.assistant_id, sums.bucket, *_negated(sums)).where(
        sums.assistant_id == _ASSISTANT,
        sums.grain == _number(QUARTER_HOUR),
        sums.organization_id.in_(organizations),
    )
    waiting = select(log.assistant_id, log.bucket, *_negated(log)).where(
        log.assistant_id == _ASSISTANT
    )
    return _excess(["assistant_id", "bucket"], [calls, folded, waiting])


def _of_assistant_of_organization() -> Select[Any]:
    bucket = QUARTER_HOUR.bucket_of(Call.started_at).label("bucket")
    keys = ["organization_id", "assistant_id", "bucket"]
    sums, log = assistant_sums.c, rollup_log.c
    calls = (
        select(
            Call.organization_id,
            Call.assistant_id,
            bucket,
            *sums_of_calls(MEASURES, Call.status, Call.duration),
        )
        .where(_is_asked(Call), is_instant(Call.started_at))
        .group_by(Call.organization_id, Call.assistant_id, bucket)
    )
    folded = select(*(sums[key] for key in keys), *_negated(sums)).where(
        _is_asked(sums), sums.grain == _number(QUARTER_HOUR)
    )
    waiting = select(*(log[key] for key in keys), *_negated(log)).where(_is_asked(log))
    return _excess(keys, [calls, folded, waiting])


def _is_asked(columns: Any) -> ColumnElement[bool]:  # noqa: ANN401 - of a table
    return and_(columns.organization_id == _ORGANIZATION, columns.assistant_id == _ASSISTANT)


def of_longer_grains() -> Select[Any]:
    """The longer grains of the organization ``:organization_id`` that are not the sums of the
    quarter hours.

    The keys are those of the sums of assistants.
    """
    sums = assistant_sums.c
    keys = [column.name for column in assistant_sums.primary_key]
    is_quarter = sums.grain == _number(QUARTER_HOUR)
    is_asked = sums.organization_id == _ORGANIZATION
    quarters = [
        select(
            sums.organization_id,
            _number(grain).label("grain"),
            grain.bucket_of(sums.bucket).label("bucket"),
            sums.assistant_id,
            *(sums[measure.name] for measure in MEASURES),
        ).where(is_asked, is_quarter)
        for grain in GRAINS
        if grain is not QUARTER_HOUR
    ]
    longer = select(
        sums.organization_id, sums.grain, sums.bucket, sums.assistant_id, *_negated(sums)
    ).where(is_asked, ~is_quarter)
    return _excess(keys, [*quarters, longer])


def of_organization() -> Select[Any]:
    """The sums of the organization ``:organization_id`` that are not those of its assistants.

    The keys are those of the sums of organizations.
    """
    keys = [column.name for column in organization_sums.primary_key]
    parts, whole = assistant_sums.c, organization_sums.c
    of_assistants = select(
        *(parts[key] for key in keys), *(parts[measure.name] for measure in MEASURES)
    ).where(parts.organization_id == _ORGANIZATION)
    stored = select(*(whole[key] for key in keys), *_negated(whole)).where(
        whole.organization_id == _ORGANIZATION
    )
    return _excess(keys, [of_assistants, stored])


def strays() -> Select[Any]:
    """Sums under an organization that the assistant neither has nor has left, negated.

    The keys are those of the sums of assistants.
    """
    sums, moves = assistant_sums.c, assistant_moves.c
    is_right = (
        select(literal_column("1"))
        .where(Assistant.id == sums.assistant_id, Assistant.organization_id == sums.organization_id)
        .exists()
    )
    has_left = (
        select(literal_column("1"))
        .where(
            moves.organization_id == sums.organization_id, moves.assistant_id == sums.assistant_id
        )
        .exists()
    )
    return select(
        sums.organization_id, sums.grain, sums.bucket, sums.assistant_id, *_negated(sums)
    ).where(~is_right, ~has_left)


def difference_of(row: Any) -> Difference:  # noqa: ANN401 - a row of one of the statements
    """A row as a difference."""
    found = {"organization_id": None, "assistant_id": None, "grain": QUARTER_HOUR.number}
    return Difference(**(found | row._asdict()))


def _number(grain: Grain) -> ColumnElement[int]:
    return literal_column(str(grain.number), SmallInteger)


def _negated(columns: Any) -> Iterable[ColumnElement[int]]:  # noqa: ANN401 - of a table
    return ((-columns[measure.name]).label(measure.name) for measure in MEASURES)


def _excess(keys: Sequence[str], parts: Sequence[Select[Any]]) -> Select[Any]:
    rows = union_all(*parts).subquery("both")
    key_columns = [rows.c[key] for key in keys]
    excess = {measure.name: total_of(rows.c[measure.name]) for measure in MEASURES}
    return (
        select(*key_columns, *(column.label(name) for name, column in excess.items()))
        .group_by(*key_columns)
        .having(or_(*(column != literal_column("0") for column in excess.values())))
    )
