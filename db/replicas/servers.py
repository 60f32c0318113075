"""Which server answers: a replica that is new enough, else the primary."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from random import shuffle
from typing import NamedTuple, Protocol, TypeAlias, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from call_analytics.db.engine import Database, read, read_in_one_snapshot
from call_analytics.db.errors import ConnectionsInUse, DatabaseError, DatabaseUnavailable
from call_analytics.db.replicas.ages import Ages
from call_analytics.db.replicas.positions import Position

logger = logging.getLogger("call_analytics")

Result = TypeVar("Result")

AgeOf: TypeAlias = Callable[[AsyncConnection], Awaitable[float]]
"""Tells how many seconds old the snapshot of a connection's transaction may be.

Raises ``Stale`` where that is older than it may be.
"""

PRIMARY, REPLICA = "primary", "replica"

LOOK_SECONDS = 1
"""How often a replica is looked at."""
SHORTEST_PAUSE_SECONDS = 0.05
"""How often at most, when requests fail there."""
LOOK_TIMEOUT_SECONDS = 2


class Origin(NamedTuple):
    """Where an answer comes from, where there are replicas."""

    server: str
    """``REPLICA`` or ``PRIMARY``."""
    age_seconds: float
    """What the snapshot may lack was committed in this time before it was read; 0 is nothing."""


class ReplicaObserver(Protocol):
    """Is told how replicas are, and who answers."""

    def replica_seen(self, name: str, *, age_seconds: float | None) -> None:
        """A replica was looked at; its age is None where it is not in use."""
        ...

    def answered(self, server: str) -> None:
        """A ``replica`` or the ``primary`` has answered."""
        ...


class Replica:
    """One replica, as a process sees it: whether it is in use, and why not."""

    def __init__(
        self, name: str, database: Database, ages: Ages, observer: ReplicaObserver
    ) -> None:
        self.name = name
        self.is_in_use = False
        self._ages = ages
        self._position: Position | None = None
        self._database = database
        self._observer = observer
        self._reason: str | None = ""
        """Why it is not in use; None where it is, and empty until it is known."""
        self._has_failed = asyncio.Event()

    def has_failed(self) -> None:
        """A request failed there: look at once whether others will."""
        self._has_failed.set()

    async def watch(self) -> None:
        """Look at it, until cancelled."""
        while True:
            await asyncio.sleep(SHORTEST_PAUSE_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):  # after which a first beat has come there
                    await self._has_failed.wait()
            self._has_failed.clear()
            await self._look()

    async def _look(self) -> None:
        age, reason = None, None
        try:
            async with asyncio.timeout(LOOK_TIMEOUT_SECONDS):
                age, self._position = await self._ages.look(self._database)
        except DatabaseError as error:
            reason = str(error)
        except TimeoutError:
            reason = f"it has not answered for {LOOK_TIMEOUT_SECONDS} s"
        self._observer.replica_seen(self.name, age_seconds=age)
        self.is_in_use = reason is None
        if (reason is None) != (self._reason is None) or self._reason == "":
            if reason is None:
                logger.info("replica %s is in use", self.name)
            else:
                logger.warning("replica %s is not in use: %s", self.name, reason)
        self._reason = reason

    def age_of_next_snapshot(self) -> AgeOf:
        """Tells the age of the snapshot of a transaction that begins after this call."""
        return partial(self._ages.of_snapshot, seen=self._position)


class Server:
    """A database that answers over connections of its own: the primary, or one of its replicas."""

    def __init__(self, database: Database, replica: Replica | None = None) -> None:
        self.database = database
        self.replica = replica

    async def read(
        self, work: Callable[[AsyncConnection], Awaitable[Result]]
    ) -> tuple[Result, float]:
        """What ``work`` returns, which reads over a connection, and the age of what it read.

        Raises:
            Stale: where that may be older than it may be.
            ConnectionsInUse, DatabaseUnavailable: as ``connect``.
        """
        if self.replica is None:
            return await read(self.database, work), 0

        age_of = self.age_of_next_snapshot()

        async def aged(connection: AsyncConnection) -> tuple[Result, float]:
            age = await age_of(connection)
            return await work(connection), age

        return await read_in_one_snapshot(self.database, aged)

    def age_of_next_snapshot(self) -> AgeOf:
        """Tells the age of the snapshot of a transaction that begins after this call.

        Of the primary that is 0.
        """
        return _no_age if self.replica is None else self.replica.age_of_next_snapshot()


async def _no_age(_connection: AsyncConnection) -> float:
    return 0


class Servers:
    """The primary and its replicas, over one kind of connections."""

    def __init__(
        self,
        primary: Database,
        replicas: Sequence[Server] = (),
        *,
        observer: ReplicaObserver | None = None,
    ) -> None:
        self.primary = Server(primary)
        self.replicas = replicas
        self._observer = observer

    async def answer(
        self, attempt: Callable[[Server], Awaitable[tuple[Result, float]]]
    ) -> tuple[Result, Origin | None]:
        """The result of an attempt, and where it comes from.

        It is attempted on each replica in use, the least busy first, until one can answer, and
        else on the primary. Without replicas there is no origin.

        Raises:
            ConnectionsInUse, DatabaseUnavailable: where the primary cannot answer either.
        """
        in_use = [
            (server, server.replica)
            for server in self.replicas
            if server.replica is not None and server.replica.is_in_use
        ]
        shuffle(in_use)
        for server, replica in sorted(in_use, key=lambda pair: pair[0].database.requests):
            try:
                result, age = await attempt(server)
            except (ConnectionsInUse, DatabaseUnavailable) as error:
                logger.debug("replica %s did not answer: %s", replica.name, error)
                replica.has_failed()
            else:
                return result, self._answered(REPLICA, age)
        result, age = await attempt(self.primary)
        return result, self._answered(PRIMARY, age) if self.replicas else None

    async def read(
        self, work: Callable[[AsyncConnection], Awaitable[Result]]
    ) -> tuple[Result, Origin | None]:
        """What ``work`` returns, which reads over a connection, and where that comes from.

        Raises:
            ConnectionsInUse, DatabaseUnavailable: as ``answer``.
        """
        return await self.answer(lambda server: server.read(work))

    def _answered(self, server: str, age: float) -> Origin:
        if self._observer is not None:
            self._observer.answered(server)
        return Origin(server, age)
