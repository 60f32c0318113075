"""The age of a snapshot.

Every second a service writes the primary's time to a table there. What was committed before such a
beat is in every snapshot that has the beat. So what a snapshot lacks was committed after the newest
beat in it. Only the primary's clock is asked for the time: those of replicas may be wrong.
"""

import asyncio
import logging
from datetime import datetime, timedelta
from time import monotonic

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from call_analytics.db.engine import Database, transaction
from call_analytics.db.errors import DatabaseChanged, DatabaseError, DatabaseUnavailable
from call_analytics.db.rollups.state import ENABLE, rollup_condition

logger = logging.getLogger("call_analytics")

# Other services beat as well, and one of them at a time will do.
BEAT = text("""
WITH beat AS (
    UPDATE call_rollups_heartbeat SET beat_at = clock_timestamp()
    WHERE beat_at < clock_timestamp() - make_interval(secs => :seconds)
) SELECT clock_timestamp()
""")
BEAT_OF_SNAPSHOT = text(
    "SELECT CASE WHEN isfinite(beat_at) THEN beat_at END FROM call_rollups_heartbeat"
)


class Stale(DatabaseUnavailable):
    """A snapshot is too old, or nobody knows how old it is."""


class Heartbeat:
    """The primary's time, as one process knows it."""

    def __init__(self, *, max_age_seconds: float) -> None:
        self._max_age_seconds = max_age_seconds
        self._told: tuple[datetime, float] | None = None
        """A time of the primary's, and what ``monotonic`` was before it was asked for."""

    async def beat_regularly(self, primary: Database) -> None:
        """Beat until cancelled; a failure is logged once, and tried again."""
        seconds = min(1, self._max_age_seconds / 4)
        logged = ""
        while True:
            try:
                await self._beat(primary, seconds)
                logged = ""
            except DatabaseError as error:
                reason = await _explained(primary, error)
                if reason != logged:
                    logged = reason
                    logger.warning("replicas cannot tell how old they are: %s", reason)
            await asyncio.sleep(seconds)

    async def _beat(self, primary: Database, seconds: float) -> None:
        asked_at = monotonic()
        async with transaction(primary) as connection:
            told = await connection.scalar(BEAT, {"seconds": seconds / 2})
        assert told is not None
        self._told = told, asked_at

    async def age(self, connection: AsyncConnection) -> float:
        """How many seconds old the snapshot of a connection's transaction may be.

        Raises:
            Stale: where it may be older than it may be.
            DatabaseUnavailable: as ``connect``.
        """
        if self._told is None:
            raise Stale("the primary has not told the time yet")
        beat_at = await connection.scalar(BEAT_OF_SNAPSHOT)
        if beat_at is None:
            raise Stale("the primary has not beaten yet")
        told, asked_at = self._told
        age: timedelta = told - beat_at + timedelta(seconds=monotonic() - asked_at)
        seconds = max(age.total_seconds(), 0)
        if seconds > self._max_age_seconds:
            raise Stale(f"it is {seconds:,.0f} s behind the primary")
        return seconds


async def _explained(primary: Database, error: DatabaseError) -> str:
    """Why a beat failed, and what to do about it where that is known."""
    if not isinstance(error, DatabaseChanged):
        return str(error)
    try:
        finding = (await rollup_condition(primary)).finding
    except DatabaseError:
        return str(error)
    return finding.line if finding else f"there are no rollups; turn them on: {ENABLE}"
