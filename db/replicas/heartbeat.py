"""The age of a snapshot, by a heartbeat.

Every second a service writes the primary's time to a table there. What was committed before such a
beat is in every snapshot that has the beat. So what a snapshot lacks was committed after the newest
beat in it. Only the primary's clock is asked for the time: those of replicas may be wrong.
"""

from datetime import datetime, timedelta
from time import monotonic

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from call_analytics.db.replicas.stale import Stale

MAY_BEAT = text("SELECT has_table_privilege(to_regclass('call_rollups_heartbeat'), 'UPDATE')")
"""Null where there is no table for it."""
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


class Heartbeat:
    """The primary's time, as one process knows it."""

    def __init__(self, *, max_age_seconds: float) -> None:
        self._max_age_seconds = max_age_seconds
        self._told: tuple[datetime, float] | None = None
        """A time of the primary's, and what ``monotonic`` was before it was asked for."""

    async def beat(self, primary: AsyncConnection, *, seconds: float) -> None:
        """Beat, unless that was done less than so many seconds ago, and learn the time."""
        asked_at = monotonic()
        told = await primary.scalar(BEAT, {"seconds": seconds})
        assert told is not None
        self._told = told, asked_at

    async def age(self, connection: AsyncConnection) -> float:
        """How many seconds old the snapshot of a connection's transaction may be.

        Raises:
            Stale: where it may be older than it may be, or that is not known.
        """
        if self._told is None:
            raise Stale("the primary has not told the time yet")
        beat_at = await connection.scalar(BEAT_OF_SNAPSHOT)
        if beat_at is None:
            raise Stale("the primary's time has not come there yet")
        told, asked_at = self._told
        age: timedelta = told - beat_at + timedelta(seconds=monotonic() - asked_at)
        seconds = max(age.total_seconds(), 0)
        if seconds > self._max_age_seconds:
            raise Stale(f"it is {seconds:,.0f} s behind the primary")
        return seconds
