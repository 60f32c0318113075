"""Compacting rollups: what the server does by itself, every few seconds.

The server's processes import this and not ``db.rollups.upkeep``, which needs the migrations.
"""

import asyncio
import logging

from sqlalchemy import text

from call_analytics.db.engine import Database, connect, transaction
from call_analytics.db.errors import DatabaseError, OperatorError
from call_analytics.db.rollups.state import UNUSABLE, rollup_state
from call_analytics.db.rollups.triggers import TRIGGERS

logger = logging.getLogger("call_analytics")

COMPACTION_ROWS = 5_000
"""Rows of one transaction, so that none is long."""


async def compact_rollups(database: Database) -> int:
    """Merge the rows of each key, in bounded batches; returns how many rows were merged.

    Does nothing while another process is at it, and where there are no rollups.

    Raises:
        OperatorError: where the role may not write them.
    """
    triggers = TRIGGERS[database.dialect.name]
    compaction = triggers.compaction
    if compaction is None or await rollup_state(database) in UNUSABLE:
        return 0
    if triggers.permission is not None:  # asked first, for a refusal would fill the server's log
        async with connect(database) as connection:
            if not await connection.scalar(text(triggers.permission)):
                raise OperatorError(
                    "this role may not compact; GRANT INSERT, DELETE ON call_rollups to it, "
                    "or let another run: call-analytics rollups compact"
                )
    merged = 0
    while True:
        async with transaction(database) as connection:
            batch = await connection.scalar(text(compaction), {"rows": COMPACTION_ROWS})
        if not batch:
            return merged
        merged += batch


async def compact_regularly(database: Database, *, seconds: float) -> None:
    """Compact every so often until cancelled; a failure is logged, and tried again."""
    if TRIGGERS[database.dialect.name].compaction is None:
        return
    logged = ""
    while True:
        await asyncio.sleep(seconds)
        try:
            await compact_rollups(database)
            logged = ""
        except DatabaseError as error:
            if str(error) != logged:  # once, for it may last
                logged = str(error)
                logger.warning("rollups are not compacted: %s", error)
