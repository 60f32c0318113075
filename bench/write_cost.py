"""What the triggers cost the platform: single inserts and status updates, with and without."""

import statistics
import time
from typing import Any, NamedTuple

from sqlalchemy import TextClause, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from call_analytics.db.engine import Database
from call_analytics.db.models import Call

INSERT = text(
    "INSERT INTO calls (call_sid, organization_id, assistant_id, to_phone_number, "
    "customer_phone_number, status, started_at) VALUES (:sid, :organization_id, :assistant_id, "
    "'+15550001', '+15550002', 'ongoing', :started_at)"
)
UPDATE = text(
    "UPDATE calls SET status = 'completed', duration = 42 "
    "WHERE organization_id = :organization_id AND call_sid = :sid"
)


class WriteCost(NamedTuple):
    """Medians, in microseconds."""

    insert: float
    update: float


async def measure(database: Database, label: str, count: int = 1_500) -> WriteCost:
    """Insert calls one by one, each in a transaction of its own, and complete each."""
    inserts, updates = [], []
    async with database.connect() as connection:
        columns = (Call.organization_id, Call.assistant_id, Call.started_at)
        newest = select(*columns).order_by(Call.id.desc()).limit(1)
        values = (await connection.execute(newest)).one()._asdict()
        await connection.rollback()
        for number in range(count):
            sid = f"{label}-{number}"
            inserts.append(await _timed(connection, INSERT, {"sid": sid, **values}))
            organization = values["organization_id"]
            updates.append(
                await _timed(connection, UPDATE, {"sid": sid, "organization_id": organization})
            )
    return WriteCost(statistics.median(inserts), statistics.median(updates))


async def _timed(
    connection: AsyncConnection, statement: TextClause, values: dict[str, Any]
) -> float:
    begin = time.perf_counter()
    await connection.execute(statement, values)
    await connection.commit()
    return (time.perf_counter() - begin) * 1e6
