"""The databases of one server process: opened, kept up, watched and closed."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from call_analytics.db.addresses import DatabaseUrl, addresses_of_hosts, host_of
from call_analytics.db.engine import Database, create_engine, ping
from call_analytics.db.errors import DatabaseError
from call_analytics.db.observer import Observer
from call_analytics.db.replicas.ages import Ages
from call_analytics.db.replicas.servers import (
    LOOK_TIMEOUT_SECONDS,
    Replica,
    ReplicaObserver,
    Server,
    Servers,
)
from call_analytics.db.rollups.folding import fold_regularly
from call_analytics.db.rollups.state import rollup_backlog

BACKLOG_SECONDS = 2
"""How long ``/metrics`` waits for the number of rollup rows; Prometheus waits 10 for the page."""
LONGEST_FOLD_SECONDS = 3_600
"""No statement of folding takes nearly as long. Without a limit it would wait for ever for a
primary whose machine has gone without a word."""
OPERATORS_CONNECTIONS = 2
"""One for ``/readyz`` and one for ``/metrics``."""


class DatabasesObserver(Observer, ReplicaObserver, Protocol):
    """Is told all of it."""


@dataclass(frozen=True, slots=True)
class Waits:
    """How long databases are waited for, in seconds."""

    pool: float
    """For a connection, while all are in use."""
    connect: float
    statement: float


class Databases:
    """The primary, and the replicas that an address names.

    A replica answers where what it has is no older than ``max_age_seconds``.
    """

    def __init__(
        self,
        primary: DatabaseUrl,
        replicas: DatabaseUrl | None,
        *,
        waits: Waits,
        max_age_seconds: float,
        observer: DatabasesObserver,
    ) -> None:
        self._primary = primary
        self._waits = waits
        self._observer = observer
        self._ages = Ages(max_age_seconds=max_age_seconds)
        self._opened: list[Database] = []
        self._operators = self._reader(primary, OPERATORS_CONNECTIONS)
        self._replicas = [
            (url, Replica(host_of(url), self._watcher(url), self._ages, observer))
            for url in (addresses_of_hosts(replicas) if replicas else ())
        ]

    def servers(self, pool_size: int) -> Servers:
        """The primary and its replicas, each over so many connections of their own."""
        return Servers(
            self._reader(self._primary, pool_size),
            [Server(self._reader(url, pool_size), replica) for url, replica in self._replicas],
            observer=self._observer,
        )

    @asynccontextmanager
    async def kept_up(self, *, fold_seconds: float) -> AsyncIterator[None]:
        """Fold the rollups every so often, unless that is 0, and watch the replicas.

        All databases are closed at the end. Processes take turns.
        """
        work: list[Coroutine[Any, Any, None]] = []
        if fold_seconds:
            work.append(fold_regularly(self._writer(LONGEST_FOLD_SECONDS), seconds=fold_seconds))
        if self._replicas:
            # A primary whose machine has gone must not keep it from asking the next one.
            work.append(self._ages.keep_up(self._writer(self._waits.connect)))
            work += [replica.watch() for _, replica in self._replicas]
        tasks = list(map(asyncio.create_task, work))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for database in self._opened:
                await database.dispose()

    async def answer(self) -> bool:
        """Whether one of them answers, over a connection that no request can take."""
        if any(replica.is_in_use for _, replica in self._replicas):
            return True
        try:
            await ping(self._operators)
        except DatabaseError:
            return False
        return True

    async def rollup_backlog(self) -> int | None:
        """How many rows of the rollups' log wait to be folded; None where nobody can say."""
        try:
            async with asyncio.timeout(BACKLOG_SECONDS):
                return await rollup_backlog(self._operators)
        except (DatabaseError, TimeoutError):
            return None

    def replicas_in_use(self) -> tuple[int, int]:
        """How many replicas answer, and how many there are."""
        in_use = sum(replica.is_in_use for _, replica in self._replicas)
        return in_use, len(self._replicas)

    def _reader(self, url: DatabaseUrl, pool_size: int) -> Database:
        return self._opening(
            create_engine(
                url,
                read_only=True,
                pool_size=pool_size,
                wait_timeout=self._waits.pool,
                connect_timeout=self._waits.connect,
                statement_timeout=self._waits.statement,
                observer=self._observer,
            )
        )

    def _writer(self, statement_timeout: float) -> Database:
        return self._opening(
            create_engine(
                self._primary,
                read_only=False,
                pool_size=1,
                connect_timeout=self._waits.connect,
                statement_timeout=statement_timeout,
            )
        )

    def _watcher(self, url: DatabaseUrl) -> Database:
        return self._opening(
            create_engine(
                url,
                read_only=True,
                pool_size=1,
                connect_timeout=LOOK_TIMEOUT_SECONDS,
                statement_timeout=LOOK_TIMEOUT_SECONDS,
            )
        )

    def _opening(self, database: Database) -> Database:
        self._opened.append(database)
        return database
