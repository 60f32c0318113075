"""Removing the rollups of assistants that are removed with all their calls."""

from collections.abc import Sequence

from sqlalchemy import delete, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from call_analytics.db.errors import OperatorError
from call_analytics.db.rollups.layout import call_rollups
from call_analytics.db.rollups.triggers import TRIGGERS


async def have_rollups(connection: AsyncConnection) -> bool:
    """Whether the database has rollups, ready or not."""
    return await connection.run_sync(lambda sync: inspect(sync).has_table(call_rollups.name))


async def lock_rollups(connection: AsyncConnection) -> None:
    """Keep others from filling, repairing and merging rollups until the transaction ends.

    What they had read before the calls went, they would write after the rollups have gone.

    Raises:
        OperatorError: where another process is filling or repairing them.
    """
    triggers = TRIGGERS[connection.dialect.name]
    if triggers.fill_lock is not None and not await connection.scalar(text(triggers.fill_lock)):
        raise OperatorError("another process is changing the rollups; try again later")
    if triggers.compaction_lock is not None:
        await connection.execute(text(triggers.compaction_lock))


async def remove_rollups_of(connection: AsyncConnection, assistant_ids: Sequence[int]) -> None:
    """Remove the rollups of assistants without calls, under ``lock_rollups``."""
    for assistant_id in assistant_ids:
        await connection.execute(
            delete(call_rollups).where(call_rollups.c.assistant_id == assistant_id)
        )
