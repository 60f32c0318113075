"""A primary with two standbys, and the service on all three."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

from starlette.testclient import TestClient

from call_analytics.server import create_app
from call_analytics.settings import Settings
from tests.conftest import migrate
from tests.platform import NOW, Platform
from tests.postgres import PostgresCluster


class Replicated(NamedTuple):
    """A primary with two standbys."""

    primary: PostgresCluster
    standbys: tuple[PostgresCluster, PostgresCluster]
    platform: Platform
    database: str = "postgres"
    reader: str = "postgres"
    """The role of the service."""

    def client(self, **changes: Any) -> TestClient:
        """The service on all three."""
        settings = {
            "database_url": self._address(self.primary, *self.standbys, kind="primary"),
            "read_database_url": self._address(*self.standbys, kind="any"),
            "max_staleness_seconds": 2,
            "key_cache_seconds": 0,
            "compaction_seconds": 0.5,
            "telemetry_token": "token",
            **changes,
        }
        app = create_app(Settings.model_validate(settings), clock=lambda: NOW)
        return TestClient(app, raise_server_exceptions=False)

    def _address(self, *clusters: PostgresCluster, kind: str) -> str:
        return address(*clusters, kind=kind, database=self.database, user=self.reader)

    def replay(self, *, is_on: bool) -> None:
        """Stop or go on with what the standbys take over from the primary."""
        for standby in self.standbys:
            standby.execute(f"SELECT pg_wal_replay_{'resume' if is_on else 'pause'}()")


def address(
    *clusters: PostgresCluster,
    kind: str = "primary",
    database: str = "postgres",
    user: str = "postgres",
) -> str:
    """The address of a database on several servers."""
    hosts = ",".join(str(cluster.directory) for cluster in clusters)
    return f"postgresql:///{database}?user={user}&host={hosts}&target_session_attrs={kind}"


@contextmanager
def replicated(runner: asyncio.Runner, configuration: str = "") -> Iterator[Replicated]:
    """A primary with two standbys; the configuration is of all three."""
    with ExitStack() as stack:
        primary = stack.enter_context(PostgresCluster())
        for setting in filter(None, configuration.split(";")):
            primary.execute(f"ALTER SYSTEM SET {setting}")
        runner.run(migrate(primary.url("postgres")))
        one, another = (stack.enter_context(PostgresCluster(primary=primary)) for _ in range(2))
        platform = Platform(primary.url("postgres"), runner)
        yield Replicated(primary, (one, another), platform)
        platform.close()
