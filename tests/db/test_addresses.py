"""Addresses of databases: what is understood, what is refused, and which host is connected to."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest
import trustme
from sqlalchemy import text

from call_analytics.db.addresses import (
    addresses_of_hosts,
    host_of,
    parse_database_url,
    refuse_other_files,
)
from call_analytics.db.engine import create_engine, ping, read
from call_analytics.db.errors import DatabaseUnavailable, OperatorError
from tests.conftest import missing
from tests.postgres import POOLER, PostgresCluster


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        ("sqlite:///calls.db", "sqlite+aiosqlite:///calls.db"),
        ("sqlite+aiosqlite:////var/calls.db", "sqlite+aiosqlite:////var/calls.db"),
        ("postgres://ada@db/calls", "postgresql+asyncpg://ada@db/calls"),
        ("postgresql+asyncpg://ada@db/calls", "postgresql+asyncpg://ada@db/calls"),
    ],
)
def test_an_address_gets_the_driver_of_the_service(address: str, meant: str) -> None:
    assert parse_database_url(address).render_as_string() == meant


@pytest.mark.parametrize(
    ("address", "hosts"),
    [
        ("postgresql://ada@db/calls", ["db:5432"]),
        ("postgresql://ada:p,w@db:6000/calls", ["db:6000"]),
        ("postgresql://ada@db/calls?port=6000", ["db:6000"]),
        ("postgresql://db1,db2/calls", ["db1:5432", "db2:5432"]),
        ("postgresql://ada:pw@db1:6000,db2/calls", ["db1:6000", "db2:5432"]),
        ("postgresql://ada:p,/?@db1:6000,10.0.0.1:7/calls", ["db1:6000", "10.0.0.1:7"]),
        ("postgresql://[::1]:6000,[2001:db8::2]/calls", ["::1:6000", "2001:db8::2:5432"]),
        ("postgresql://%2Ftmp%2Fa,%2Ftmp%2Fb:6000/calls", ["/tmp/a:5432", "/tmp/b:6000"]),
        ("postgresql:///calls?host=/tmp/a", ["/tmp/a:5432"]),
        ("postgresql:///calls?host=db1,db2&port=6000", ["db1:6000", "db2:6000"]),
        ("postgresql:///calls?host=db1,db2&port=6000,", ["db1:6000", "db2:5432"]),
        ("postgresql:///calls?host=db1:6000,db2:6001", ["db1:6000", "db2:6001"]),
        ("postgresql:///calls?host=db1:6000&host=db2:6001", ["db1:6000", "db2:6001"]),
    ],
)
def test_an_address_may_name_several_hosts(address: str, hosts: list[str]) -> None:
    url = parse_database_url(address)

    assert [host_of(one) for one in addresses_of_hosts(url)] == hosts
    assert url.database == "calls"


def test_what_is_not_the_host_is_the_same_for_all(tmp_path: Path) -> None:
    certificate = tmp_path / "root.crt"
    certificate.touch()
    options = f"target_session_attrs=primary&sslmode=verify-full&sslrootcert={certificate}"
    url = parse_database_url(f"postgresql://db1,db2?user=ada&password=pw&dbname=calls&{options}")

    for one in addresses_of_hosts(url):
        assert (one.username, one.password, one.database) == ("ada", "pw", "calls")
        assert one.query["target_session_attrs"] == "primary"
        assert "sslmode=verify-full&sslrootcert=" in one.query["dsn"]


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("", "must look like"),
        ("calls.db", "must look like"),
        ("mysql://db/calls", "must look like"),
        ("mysql://db1,db2/calls", "must look like"),
        ("sqlite://", "must name a file"),
        ("sqlite:///:memory:", "must name a file"),
        ("sqlite:///file::memory:?uri=true", "must name a file"),
        ("sqlite://a,b/calls.db", "must name a file"),
        ("a:b:c", "must look like"),
        ("postgresql://db1,/calls", "host that is not understood: ''"),
        ("postgresql://db1,[::1/calls", "host that is not understood"),
        ("postgresql://db1:a,db2/calls", "host that is not understood: 'db1:a'"),
        ("postgresql://db1,db2:70000/calls", "port that is not understood: '70000'"),
        ("postgresql://db/calls?port=a", "port that is not understood: 'a'"),
        ("postgresql:///calls?host=a,b,c&port=1,2", "3 hosts and 2 ports"),
        ("postgresql://db/calls?sslmode=on", "sslmode=on; it must be one of disable,"),
        ("postgresql://db/calls?target_session_attrs=x", "must be one of any,"),
        ("postgresql://db/calls?sslrootcert=/none", "sslrootcert=/none; no such file"),
        ("postgresql://db/calls?channel_binding=require", "not known: channel_binding"),
    ],
)
def test_what_is_not_understood_is_refused_in_one_line(address: str, complaint: str) -> None:
    with pytest.raises(OperatorError) as refusal:
        parse_database_url(address)

    assert complaint in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_an_address_is_read_without_its_file(tmp_path: Path) -> None:
    (tmp_path / "calls.csv").write_text("Call ID,Call SID")

    url = parse_database_url(f"sqlite:///{tmp_path}/calls.csv")

    with pytest.raises(OperatorError, match="is no SQLite database"):
        refuse_other_files(url)


@pytest.fixture
def standby(own_cluster: PostgresCluster) -> Iterator[PostgresCluster]:
    """A standby of a PostgreSQL of the test's own."""
    with PostgresCluster(primary=own_cluster) as copy:
        yield copy


@pytest.mark.parametrize("kind", ["primary", "read-write"])
def test_the_primary_is_found_also_after_another_has_become_it(
    own_cluster: PostgresCluster, standby: PostgresCluster, runner: asyncio.Runner, kind: str
) -> None:
    address = _address(standby, own_cluster, kind=kind)
    database = create_engine(parse_database_url(address), read_only=True)
    writer = create_engine(parse_database_url(address), read_only=False)

    async def directory() -> object:
        return await read(database, lambda it: it.scalar(text("SHOW unix_socket_directories")))

    async def write() -> None:
        async with writer.begin() as connection:
            await connection.execute(text("CREATE TABLE written ()"))

    assert runner.run(directory()) == str(own_cluster.directory)
    own_cluster.kill()
    with pytest.raises(DatabaseUnavailable):
        runner.run(ping(database))
    standby.promote()
    assert runner.run(directory()) == str(standby.directory)
    runner.run(write())
    runner.run(database.dispose())
    runner.run(writer.dispose())


@pytest.mark.parametrize(
    ("kind", "is_standby"),
    [("standby", True), ("prefer-standby", True), ("read-only", True), ("any", False)],
)
def test_a_standby_is_found(
    own_cluster: PostgresCluster,
    standby: PostgresCluster,
    runner: asyncio.Runner,
    kind: str,
    *,
    is_standby: bool,
) -> None:
    url = parse_database_url(_address(own_cluster, standby, kind=kind))
    database = create_engine(url, read_only=True)

    found = read(database, lambda connection: connection.scalar(text("SELECT pg_is_in_recovery()")))

    assert runner.run(found) is is_standby
    runner.run(database.dispose())


def test_a_primary_will_do_where_a_standby_is_only_preferred(
    cluster: PostgresCluster, runner: asyncio.Runner
) -> None:
    url = parse_database_url(_address(cluster, cluster, kind="prefer-standby"))
    database = create_engine(url, read_only=True)

    runner.run(ping(database))
    runner.run(database.dispose())


def test_a_host_that_is_cut_off_takes_no_more_than_its_own_time(
    cluster: PostgresCluster, runner: asyncio.Runner
) -> None:
    with _silent_host() as port:
        address = f"postgresql:///postgres?user=postgres&host=127.0.0.1:{port},{cluster.directory}"
        database = create_engine(parse_database_url(address), read_only=True, connect_timeout=1)

        runner.run(ping(database))
        runner.run(database.dispose())


@contextmanager
def _silent_host() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("name", ["localhost", "db.example.org"])
@pytest.mark.parametrize("is_known", [True, False])
def test_a_certificate_is_checked_as_the_address_says(
    cluster: PostgresCluster,
    tmp_path: Path,
    runner: asyncio.Runner,
    name: str,
    *,
    is_known: bool,
) -> None:
    if not Path(POOLER).exists():
        missing("PgBouncer")
    authority = trustme.CA()
    certificate = authority.issue_cert(name)
    root = tmp_path / "root.crt"
    (authority if is_known else trustme.CA()).cert_pem.write_to_path(root)
    both = cluster.directory / "server.pem"
    certificate.private_key_and_cert_chain_pem.write_to_path(both)
    both.chmod(0o644)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    tls = "listen_addr = 127.0.0.1\nclient_tls_sslmode = require\n"
    tls += f"client_tls_key_file = {both}\nclient_tls_cert_file = {both}\n"
    address = f"postgresql://postgres@localhost:{port}/postgres?sslrootcert={root}&sslmode="
    with cluster.pooler(sessions=1, port=port, further=tls):
        for mode, is_accepted in (
            ("disable", False),
            ("verify-ca", is_known),
            ("verify-full", is_known and name == "localhost"),
        ):
            database = create_engine(parse_database_url(address + mode), read_only=True)
            with nullcontext() if is_accepted else pytest.raises(DatabaseUnavailable):
                runner.run(ping(database))
            runner.run(database.dispose())


def _address(*clusters: PostgresCluster, kind: str) -> str:
    hosts = ",".join(str(cluster.directory).replace("/", "%2F") for cluster in clusters)
    return f"postgresql://postgres@{hosts}/postgres?target_session_attrs={kind}"
