"""The age of what a standby has, by its position in the primary's log.

Where there is no heartbeat, as in a platform's database without rollups, each process remembers how
far the primary's log was at which time. A standby that has taken over the log up to such a position
has all that was committed before that time, and so has every later snapshot there.

Positions are those of one timeline. A standby that follows another primary tells so only after its
next restartpoint, and until then its age is not known.
"""

from collections import deque
from time import monotonic
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from call_analytics.db.replicas.stale import Stale

OF_PRIMARY = text("""
SELECT (position - '0/0')::bigint,
    ('x' || substr(pg_walfile_name(position), 1, 8))::bit(32)::bigint
FROM pg_current_wal_insert_lsn() AS position WHERE NOT pg_is_in_recovery()
""")
OF_STANDBY = text("""
SELECT (pg_last_wal_replay_lsn() - '0/0')::bigint, min_recovery_end_timeline::bigint
FROM pg_control_recovery() WHERE pg_is_in_recovery()
""")


class Position(NamedTuple):
    """A place in the log of a primary."""

    bytes: int
    timeline: int


class Positions:
    """How far the primary's log was, for as long as that may be of use."""

    def __init__(self, *, max_age_seconds: float) -> None:
        self._max_age_seconds = max_age_seconds
        self._seen: deque[tuple[float, Position]] = deque()
        """The earliest first, with what ``monotonic`` was before."""

    async def note(self, primary: AsyncConnection) -> None:
        """Remember how far the primary's log is now."""
        now = monotonic()
        row = (await primary.execute(OF_PRIMARY)).first()
        if row is not None:
            self._seen.append((now, Position(*row)))
        while self._seen and self._seen[0][0] < now - self._max_age_seconds:
            self._seen.popleft()

    def age(self, standby: Position | None) -> float:
        """How many seconds ago at most the primary was where a standby is.

        Raises:
            Stale: where that is longer than it may be, or not known.
        """
        if standby is None:
            raise Stale("it is no standby")
        for seen_at, position in reversed(self._seen):
            if position.timeline != standby.timeline:
                raise Stale("it does not follow the present primary, or has not said so yet")
            if position.bytes <= standby.bytes:
                seconds = monotonic() - seen_at
                if seconds <= self._max_age_seconds:
                    return seconds
                break
        raise Stale(f"it is more than {self._max_age_seconds:g} s behind the primary")


async def position_of(standby: AsyncConnection) -> Position | None:
    """How far a standby has taken over the log; None where it is none."""
    row = (await standby.execute(OF_STANDBY)).first()
    return None if row is None else Position(*row)
