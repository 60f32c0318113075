"""The database, or the server, is killed in the middle of an export."""

import json
import os
import signal
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.command import started, wait_until, worker_processes
from tests.platform import Platform
from tests.postgres import PostgresCluster
from tests.tenants import Tenant
from tests.web.exports import PATIENCE, export, is_whole, make_large_tenant, reading, rest_of

pytestmark = [pytest.mark.starts_server, pytest.mark.slow]

OPEN = text(
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'call-analytics' "
    "AND xact_start IS NOT NULL AND pid <> pg_backend_pid()"
)


@pytest.fixture
def large(own_platform: Platform) -> Tenant:
    """An organization with many calls, on a PostgreSQL that may be killed."""
    return make_large_tenant(own_platform)


def test_the_database_is_killed(
    own_cluster: PostgresCluster, own_platform: Platform, large: Tenant, tmp_path: Path
) -> None:
    own_cluster.execute("CHECKPOINT")  # the test cluster commits to memory only
    with started(tmp_path, "serve", DATABASE_URL=own_platform.url) as (base, _):
        with reading(base, large) as client:
            own_cluster.stop("immediate")
            assert not is_whole(rest_of(client))
        own_cluster.start()
        assert export(base, large).status_code == 200

    log = (tmp_path / "log.txt").read_text()
    assert "Traceback" not in log
    entries = [json.loads(line) for line in log.splitlines()]
    (cut, whole) = (entry for entry in entries if entry.get("endpoint") == "export")
    assert (cut["status"], cut["codes"]) == (200, ["UNAVAILABLE"])
    assert (whole["status"], whole["codes"]) == (200, [])
    assert any(
        entry["level"] == "WARNING" and "the database does not answer" in entry["message"]
        for entry in entries
    )


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_server_is_killed_or_stopped(
    own_platform: Platform, large: Tenant, tmp_path: Path, how: signal.Signals
) -> None:
    async def transactions() -> int:
        async with own_platform.reader.connect() as connection:
            return int(await connection.scalar(OPEN) or 0)

    settings = {"DATABASE_URL": own_platform.url, "SHUTDOWN_SECONDS": 1, "WORKERS": 2}
    with (
        started(tmp_path, "serve", **settings) as (base, process),
        reading(base, large) as client,
    ):
        assert own_platform.run(transactions())
        if how is signal.SIGTERM:
            process.terminate()
            process.wait(PATIENCE)
        else:
            for worker in worker_processes(process.pid):
                os.kill(worker.pid, how)

        assert not is_whole(rest_of(client))
        wait_until(lambda: not own_platform.run(transactions()))
