"""How old what a replica has is: by the heartbeat, or else by its position in the log."""

import asyncio
import logging

from sqlalchemy.ext.asyncio import AsyncConnection

from call_analytics.db.engine import Database, read, read_in_one_snapshot, transaction
from call_analytics.db.errors import DatabaseError
from call_analytics.db.replicas.heartbeat import MAY_BEAT, Heartbeat
from call_analytics.db.replicas.positions import Position, Positions, position_of
from call_analytics.db.rollups.state import ENABLE, rollup_condition

logger = logging.getLogger("call_analytics")

LONGEST_PAUSE_SECONDS = 1
"""How often the primary is asked at least."""


class Ages:
    """What one process knows of the primary, by which it tells how old replicas are."""

    def __init__(self, *, max_age_seconds: float) -> None:
        self._pause_seconds = min(LONGEST_PAUSE_SECONDS, max_age_seconds / 4)
        self._heartbeat = Heartbeat(max_age_seconds=max_age_seconds)
        self._positions = Positions(max_age_seconds=max_age_seconds)
        self._may_beat: bool | None = True
        """None where there is no table for it."""
        self._obstacle = ""

    async def keep_up(self, primary: Database) -> None:
        """Ask the primary until cancelled; a failure is logged once, and tried again."""
        logged = ""
        while True:
            try:
                reason = await self._ask(primary)
            except DatabaseError as error:
                reason = f"replicas cannot tell how old they are: {error}"
            if reason and reason != logged:
                logger.warning("%s", reason)
            logged = reason
            await asyncio.sleep(self._pause_seconds)

    async def _ask(self, primary: Database) -> str:
        """Beat, or else note the position; returns why there is no heartbeat."""
        async with transaction(primary) as connection:
            # A refusal by the database itself would fill the log of its server.
            may_beat = await connection.scalar(MAY_BEAT)
            if may_beat:
                await self._heartbeat.beat(connection, seconds=self._pause_seconds / 2)
            else:
                await self._positions.note(connection)
        if may_beat is not self._may_beat:
            self._may_beat, self._obstacle = may_beat, ""
        if not may_beat and not self._obstacle:
            self._obstacle = await _obstacle(primary)
        return self._obstacle

    async def look(self, replica: Database) -> tuple[float, Position | None]:
        """How many seconds old a replica is now, and its position where it tells its age by that.

        Raises:
            Stale: where it is older than it may be.
            DatabaseUnavailable: as ``connect``.
        """
        if self._may_beat:
            return await read_in_one_snapshot(replica, self._heartbeat.age), None
        position = await read(replica, position_of)
        return self._positions.age(position), position

    async def of_snapshot(self, connection: AsyncConnection, seen: Position | None) -> float:
        """How many seconds old the snapshot of a connection's transaction may be.

        It began after the replica was ``seen`` at that position.

        Raises:
            Stale: where it may be older than it may be.
        """
        if self._may_beat:
            return await self._heartbeat.age(connection)
        return self._positions.age(seen)


async def _obstacle(primary: Database) -> str:
    """Why there is no heartbeat."""
    finding = (await rollup_condition(primary)).finding
    remedy = finding.line if finding else f"there are no rollups ({ENABLE})"
    return f"replicas tell how old they are by their position in the log: {remedy}"
