"""Statements that are compiled once: parameters, constants and columns keep their types."""

from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, bindparam, func, select

from call_analytics.db.engine import read
from call_analytics.db.figures.prepared import PreparedSelect
from call_analytics.db.models import Call
from tests.platform import Platform

FIRST = datetime(2026, 3, 10, 11, 0, 0, 5)


def test_timestamps_go_in_and_come_out(platform: Platform) -> None:
    """SQLite keeps them as text."""
    assistant = platform.add_assistant(platform.add_organization())
    platform.add_calls([{"assistant_id": assistant, "started_at": FIRST}])
    statement: Any = (
        select(
            func.min(Call.started_at).label("first"),
            func.max(Call.ended_at).label("last"),
            (func.count() + 41).label("calls"),
        )
        .where(Call.started_at >= bindparam("since", type_=DateTime()))
        .where(Call.assistant_id == bindparam("assistant_id"))
    )
    prepared = PreparedSelect(statement, platform.reader.dialect)

    def rows(since: datetime) -> list[Any]:
        parameters = {"assistant_id": assistant, "since": since}
        found: list[Any] = platform.run(
            read(platform.reader, lambda connection: prepared.rows(connection, parameters))
        )
        return found

    (found,) = rows(since=FIRST)

    assert (found.first, found.last, found.calls) == (FIRST, None, 42)
    assert rows(since=FIRST.replace(microsecond=6)) == [(None, None, 41)]
