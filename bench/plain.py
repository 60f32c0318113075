"""The statements of the plain baseline."""

import datetime as dt
from typing import Any

from sqlalchemy import ColumnElement, case, extract, func, select

from call_analytics.db.models import Assistant, Call

BY_INDEX = dict.fromkeys(("enable_seqscan", "enable_nestloop", "enable_bitmapscan"), "off")
"""Settings with which PostgreSQL reads calls through the covering index, as the service does."""


def counted(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((condition, 1), else_=0))


completed = Call.status == "completed"
failed = Call.status == "failed"
totals = (
    func.count(),
    counted(completed),
    counted(failed),
    counted(Call.status == "ongoing"),
    func.sum(case((completed, Call.duration))),
    counted(completed & (Call.duration != 0)),
)


def dashboard_statements(organization_id: int, since: dt.datetime) -> tuple[Any, ...]:
    """What a dashboard needs: totals, those before, days, hours of the week, and assistants."""
    length = dt.timedelta(days=90)
    of_organization = Assistant.organization_id == organization_id
    now = Call.started_at >= since
    before = (Call.started_at >= since - length, Call.started_at < since)
    local = func.timezone("America/New_York", func.timezone("UTC", Call.started_at))
    day: Any = func.date(local)
    hour = (extract("isodow", local), extract("hour", local))

    def of_groups(*keys: Any, where: tuple[Any, ...] = (now,)) -> Any:
        grouped = (
            select(*keys, *totals, func.sum(Call.duration))
            .join(Assistant)
            .where(of_organization, *where)
        )
        return grouped.group_by(*keys).order_by(*keys) if keys else grouped

    return (
        of_groups(),
        of_groups(where=before),
        of_groups(day),
        of_groups(*hour),
        of_groups(Assistant.id, Assistant.name),
    )


def statements(organization_id: int, since: dt.datetime) -> tuple[Any, ...]:
    """The totals, the days and the assistants."""
    calls = (Assistant.organization_id == organization_id, Call.started_at >= since)
    day: Any = func.date(Call.started_at)
    daily = (
        select(day, func.count(), counted(completed), counted(failed))
        .join(Assistant)
        .where(*calls)
        .group_by(day)
        .order_by(day)
    )
    assistants = (
        select(Assistant.id, Assistant.name, func.count(), func.sum(Call.duration))
        .join(Call)
        .where(*calls)
        .group_by(Assistant.id, Assistant.name)
        .order_by(func.count().desc(), Assistant.id)
        .limit(10)
    )
    return select(*totals).join(Assistant).where(*calls), daily, assistants
