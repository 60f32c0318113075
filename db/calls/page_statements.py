"""The statements that read calls in the order in which they started."""

from typing import Any, NamedTuple

from cachetools import LRUCache, cached
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Dialect,
    FromClause,
    Integer,
    Select,
    String,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.sql.elements import Label
from sqlalchemy.types import TypeEngine

from call_analytics.db.figures.prepared import PreparedSelect
from call_analytics.db.figures.query import STATUS
from call_analytics.db.figures.sources import ASSISTANT_IDS
from call_analytics.db.figures.tile_tables import TILE_TABLES
from call_analytics.db.functions import among, is_between, is_instant
from call_analytics.db.models import Assistant, Call
from call_analytics.db.tenant import ORGANIZATION, Tenancy, in_scope

STATUSES = "statuses"
"""The name of the parameter that holds the statuses that are asked for."""
LEAST_ID, LARGEST_ID = -(2**63), 2**63 - 1
"""The ends of the numbers that an id may be."""


class PageShape(NamedTuple):
    """What a statement depends on; all else is a parameter."""

    tenancy: Tenancy
    is_narrowed: bool
    has_statuses: bool
    is_earliest: bool
    is_short: bool = False
    """Whether all calls of the range may be looked at to find the page."""


def _key(shape: object, dialect: Dialect) -> object:
    return shape, dialect.name


@cached(LRUCache(32), key=_key)
def page_statement(shape: PageShape, dialect: Dialect) -> PreparedSelect:
    """The first or the last so many calls of a range, from the end on where they are the last.

    Their ids are found in an index, and only these calls are read.
    """
    calls = Call.__table__
    page = _ids(shape, dialect).limit(_parameter("limit", Integer())).cte("page")
    page = page.prefix_with("MATERIALIZED")
    its = calls.c.id == page.c.id
    if shape.tenancy is Tenancy.BY_ORGANIZATION:
        its &= calls.c.organization_id == ORGANIZATION
    rows = _with_assistants(page.join(calls, its))
    order = _order(page.c.started_at, page.c.id, shape)
    return PreparedSelect(select(*_columns()).select_from(rows).order_by(*order), dialect)


@cached(LRUCache(32), key=_key)
def count_statement(shape: PageShape, dialect: Dialect) -> PreparedSelect:
    """How many calls a range has."""
    calls = Call.__table__
    ids = _asked_ids(dialect) if shape.is_narrowed else None
    count = select(func.count().label("total")).where(
        in_scope(calls.c, shape.tenancy, among_ids=ids),
        _is_between(calls),
        _is_of(calls, shape, dialect),
    )
    return PreparedSelect(count, dialect)


@cached(LRUCache(8), key=lambda tenancy, dialect, *, by_sid: (tenancy, dialect.name, by_sid))
def one_statement(tenancy: Tenancy, dialect: Dialect, *, by_sid: bool) -> PreparedSelect:
    """The call of an id or of a SID."""
    calls = Call.__table__
    is_it = (
        calls.c.call_sid == _parameter("name", String())
        if by_sid
        else calls.c.id == _parameter("name", BigInteger())
    )
    rows = select(*_columns()).select_from(_with_assistants(calls))
    one = rows.where(in_scope(calls.c, tenancy), is_it).order_by(calls.c.id).limit(1)
    return PreparedSelect(one, dialect)


def _ids(shape: PageShape, dialect: Dialect) -> Select[Any]:
    """The id and the timestamp of each call that may be on the page, in order."""
    calls = Call.__table__
    is_of = _is_of(calls, shape, dialect)
    ids = select(calls.c.id, calls.c.started_at)
    if shape.is_short or (shape.tenancy is Tenancy.BY_ORGANIZATION and not shape.is_narrowed):
        asked = _asked_ids(dialect) if shape.is_narrowed else None
        is_its = in_scope(calls.c, shape.tenancy, among_ids=asked)
        found = ids.where(is_its, _is_between(calls), is_of)
    else:
        reach = _reach(shape, dialect)
        is_its = _is_its(calls, reach.c.assistant_id, shape)
        # An assistant has as many calls on the page at most as the page has.
        end = "first" if not shape.is_earliest else "last"
        is_near = _is_between(calls, **{end: reach.c.furthest})
        found = ids.select_from(reach.join(calls, and_(is_its, is_near, is_of)))
    return found.order_by(*_order(calls.c.started_at, calls.c.id, shape))


def _reach(shape: PageShape, dialect: Dialect) -> FromClause:
    """Each assistant, and how far its calls on the page may reach; null is to the end."""
    calls = Call.__table__.alias("others")
    assistants = select(Assistant.id).where(Assistant.organization_id == ORGANIZATION)
    if shape.is_narrowed:
        ids = _asked_ids(dialect).scalar_subquery()
        assistants = assistants.where(among(Assistant.id, ids))
    asked = assistants.cte("asked").prefix_with("MATERIALIZED")
    furthest = (
        select(calls.c.started_at)
        .where(_is_its(calls, asked.c.id, shape), _is_between(calls), _is_of(calls, shape, dialect))
        .order_by(*_order(calls.c.started_at, calls.c.id, shape))
        .limit(1)
        .offset(_parameter("limit", Integer()) - 1)
        .correlate(asked)
        .scalar_subquery()
    )
    rows = select(asked.c.id.label("assistant_id"), furthest.label("furthest"))
    return rows.cte("reach").prefix_with("MATERIALIZED")


def _is_its(
    calls: FromClause, assistant_id: ColumnElement[Any], shape: PageShape
) -> ColumnElement[bool]:
    is_its: ColumnElement[bool] = calls.c.assistant_id == assistant_id
    if shape.tenancy is Tenancy.BY_ORGANIZATION:
        is_its &= calls.c.organization_id == ORGANIZATION
    return is_its


def _is_of(calls: FromClause, shape: PageShape, dialect: Dialect) -> ColumnElement[Any]:
    """Whether a call has one of the statuses that are asked for."""
    if not shape.has_statuses:
        return true()
    statuses = TILE_TABLES[dialect.name].values(STATUSES, String())
    return among(STATUS.of_call(calls.c), select(statuses.c.value).scalar_subquery())


def _asked_ids(dialect: Dialect) -> Select[tuple[int]]:
    return select(TILE_TABLES[dialect.name].values(ASSISTANT_IDS, BigInteger()).c.value)


def _is_between(
    calls: FromClause,
    *,
    first: ColumnElement[Any] | None = None,
    last: ColumnElement[Any] | None = None,
) -> ColumnElement[Any]:
    """Whether a call is in the range, an end of which may be nearer than the parameter says."""
    first_id, last_id = (_parameter(name, BigInteger()) for name in ("first_id", "last_id"))
    the_first, the_last = (_parameter(name, DateTime()) for name in ("first", "last"))
    if first is not None:
        first_id = case((first > the_first, LEAST_ID), else_=first_id)
        the_first = func.coalesce(first, the_first)
    if last is not None:
        last_id = case((last < the_last, LARGEST_ID), else_=last_id)
        the_last = func.coalesce(last, the_last)
    ends = (the_first, first_id, the_last, last_id)
    return is_between(calls.c.started_at, calls.c.id, *ends)


def _order(moment: Any, number: Any, shape: PageShape) -> tuple[Any, Any]:  # noqa: ANN401 - columns
    if shape.is_earliest:
        return moment, number
    return moment.desc(), number.desc()


def _parameter(name: str, type_: TypeEngine[Any]) -> ColumnElement[Any]:
    return bindparam(name, type_=type_)


def _with_assistants(rows: FromClause) -> FromClause:
    calls = Call.__table__
    return rows.outerjoin(Assistant.__table__, Assistant.id == calls.c.assistant_id)


def _columns() -> list[Label[Any]]:
    """The columns of a row that ``_stored`` reads."""
    calls = Call.__table__.c
    empty: ColumnElement[str] = literal_column("''")
    return [
        calls.id.label("id"),
        func.coalesce(calls.call_sid, empty).label("call_sid"),
        calls.assistant_id.label("assistant_id"),
        func.coalesce(Assistant.name, empty).label("assistant_name"),
        func.coalesce(Assistant.is_active, true()).label("is_active"),
        calls.to_phone_number.label("to_phone_number"),
        calls.customer_phone_number.label("customer_phone_number"),
        STATUS.of_call(calls).label("status"),
        calls.duration.label("duration"),
        case((is_instant(calls.started_at), calls.started_at)).label("started_at"),
        case((is_instant(calls.ended_at), calls.ended_at)).label("ended_at"),
    ]
