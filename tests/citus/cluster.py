"""The machines of a Citus cluster, as the tests use them: databases, moves, deaths."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
from sqlalchemy import URL, make_url

SETTING = "CALL_ANALYTICS_TEST_CITUS"
WAIT_SECONDS = 120


class Machine(NamedTuple):
    """A PostgreSQL of the cluster."""

    host: str
    port: int

    @property
    def address(self) -> str:
        """Host and port, as statements take them."""
        return f"'{self.host}', {self.port}"


class CitusCluster:
    """A coordinator and its workers."""

    def __init__(self, coordinator: str, runner: asyncio.Runner) -> None:
        self._url = make_url(coordinator)
        self._runner = runner
        self.coordinator = Machine(self._url.host or "127.0.0.1", self._url.port or 5432)
        nodes = self.rows(
            self._url.database or "postgres",
            "SELECT nodename, nodeport FROM pg_dist_node "
            "WHERE groupid > 0 AND noderole = 'primary' ORDER BY nodeport",
        )
        self.workers = [Machine(*node) for node in nodes]

    def url(self, database: str) -> str:
        """The address of a database on the coordinator."""
        return self._on(self.coordinator, database).render_as_string(hide_password=False)

    def create(self, database: str, workers: int) -> None:
        """A database with Citus, of the coordinator and so many workers."""
        for machine in (self.coordinator, *self.workers):
            self.run("postgres", f"CREATE DATABASE {database}", on=machine)
            self.run(database, "CREATE EXTENSION citus", on=machine)
        self.run(database, f"SELECT citus_set_coordinator_host({self.coordinator.address})")
        for worker in self.workers[:workers]:
            self.add(database, worker)

    def add(self, database: str, worker: Machine) -> None:
        """Make a worker one of the cluster's."""
        self.run(database, f"SELECT citus_add_node({worker.address})")

    def drop(self, database: str) -> None:
        """Drop a database everywhere, and what a move that was cut short has left in it."""
        with suppress(asyncpg.PostgresError):
            self.run(database, "CALL citus_cleanup_orphaned_resources()")
        for machine in (self.coordinator, *self.workers):
            self.run("postgres", f"DROP DATABASE IF EXISTS {database} WITH (FORCE)", on=machine)

    def run(self, database: str, sql: str, on: Machine | None = None) -> None:
        """Run a statement, in no transaction."""
        self.rows(database, sql, on)

    def rows(self, database: str, sql: str, on: Machine | None = None) -> list[Any]:
        """The rows of a statement."""
        rows: list[Any] = self._runner.run(self.fetch(database, sql, on))
        return rows

    async def fetch(self, database: str, sql: str, on: Machine | None = None) -> list[Any]:
        """The rows of a statement, beside other work of the event loop."""
        connection = await asyncpg.connect(self._dsn(on or self.coordinator, database))
        try:
            # Each machine is given its databases by itself, whatever the release does.
            await connection.execute("SET citus.enable_create_database_propagation = off")
            return [tuple(row) for row in await connection.fetch(sql)]
        finally:
            await connection.close()

    def _on(self, machine: Machine, database: str) -> URL:
        return self._url.set(host=machine.host, port=machine.port, database=database)

    def _dsn(self, machine: Machine, database: str) -> str:
        url = self._on(machine, database).set(drivername="postgresql")
        return url.render_as_string(hide_password=False)

    @contextmanager
    def dead(self, worker: Machine) -> Iterator[None]:
        """A worker that is killed, and comes back at the end of the block."""
        ((directory,),) = self.rows("postgres", "SHOW data_directory", on=worker)
        ((binaries,),) = self.rows(
            "postgres", "SELECT setting FROM pg_config WHERE name = 'BINDIR'", on=worker
        )
        process = int((Path(directory) / "postmaster.pid").read_text().splitlines()[0])
        os.kill(process, signal.SIGQUIT)
        deadline = time.monotonic() + WAIT_SECONDS
        while Path(f"/proc/{process}").exists():
            assert time.monotonic() < deadline, "the worker does not end"
            time.sleep(0.05)
        try:
            yield
        finally:
            subprocess.run(
                [f"{binaries}/pg_ctl", "start", "-w", "-D", directory, "-l", f"{directory}/log"],
                check=True,
                user=Path(directory).stat().st_uid,
                cwd=directory,
                env={"HOME": directory, "PATH": os.environ["PATH"]},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            self._wait_for(worker)

    def _wait_for(self, worker: Machine) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            with suppress(OSError, asyncpg.PostgresError):
                self.run("postgres", "SELECT 1", on=worker)
                return
            assert time.monotonic() < deadline, "the worker does not come back"
            time.sleep(0.1)
