"""Engines: addresses, read-only connections, readers beside a writer, and failures."""

import asyncio

import pytest
from sqlalchemy import func, insert, select, text

from db.dialects import BACKENDS
from db.engine import connect, create_engine, parse_database_url, ping, transaction
from db.errors import DatabaseUnavailable, OperatorError
from db.models import Call, Organization
from tests.platform import Platform
from tests.postgres import PostgresCluster


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        ("sqlite:///calls.db", "sqlite+aiosqlite:///calls.db"),
        ("sqlite+aiosqlite:////var/calls.db", "sqlite+aiosqlite:////var/calls.db"),
        ("postgres://ada@db/calls", "postgresql+asyncpg://ada@db/calls"),
        ("postgresql+asyncpg://ada@db/calls", "postgresql+asyncpg://ada@db/calls"),
        (
            "postgresql://ada@db/calls?sslmode=require",
            "postgresql+asyncpg://ada@db/calls?ssl=require",
        ),
    ],
)
def test_an_address_gets_the_driver_of_the_service(address: str, meant: str) -> None:
    assert parse_database_url(address).render_as_string() == meant


@pytest.mark.parametrize(
    "address", ["", "calls.db", "mysql://db/calls", "sqlite://", "sqlite:///:memory:", "a:b:c"]
)
def test_an_address_of_nothing_we_know_is_refused(address: str) -> None:
    with pytest.raises(OperatorError):
        parse_database_url(address)


def test_a_read_only_engine_cannot_write(platform: Platform) -> None:
    async def write() -> None:
        async with connect(platform.reader) as connection:
            await connection.execute(insert(Organization).values(name="x", slug="x"))

    with pytest.raises(DatabaseUnavailable, match=r"read.?only"):
        platform.run(write())


def test_a_reader_does_not_wait_for_a_writer(platform: Platform) -> None:
    assistant = platform.add_assistant(platform.add_organization())
    platform.add_calls([{"assistant_id": assistant}])

    async def read_beside_a_writer() -> int | None:
        async with transaction(platform.writer) as writing:
            await writing.execute(text("DELETE FROM calls"))
            async with asyncio.timeout(5), connect(platform.reader) as reading:
                return await reading.scalar(select(func.count()).select_from(Call))

    assert platform.run(read_beside_a_writer()) == 1


def test_sqlite_connections_are_set_up(sqlite_url: str, runner: asyncio.Runner) -> None:
    async def pragmas() -> list[object]:
        database = create_engine(parse_database_url(sqlite_url), read_only=True)
        async with connect(database) as connection:
            found = [
                await connection.scalar(text(f"PRAGMA {name}"))
                for name in ("journal_mode", "foreign_keys", "query_only", "busy_timeout")
            ]
        await database.dispose()
        return found

    assert runner.run(pragmas()) == ["wal", 1, 1, 10_000]


def test_postgresql_connections_are_set_up(postgres_url: str, runner: asyncio.Runner) -> None:
    async def settings() -> list[object]:
        database = create_engine(
            parse_database_url(postgres_url), read_only=True, statement_timeout=2.5
        )
        names = (
            "application_name",
            "statement_timeout",
            "default_transaction_read_only",
            "enable_seqscan",
        )
        async with connect(database) as connection:
            found = [await connection.scalar(text(f"SHOW {name}")) for name in names]
        await database.dispose()
        return found

    assert runner.run(settings()) == ["call-analytics", "2500ms", "on", "off"]


def test_a_statement_that_takes_too_long_is_given_up(
    postgres_url: str, runner: asyncio.Runner
) -> None:
    async def sleep() -> None:
        database = create_engine(
            parse_database_url(postgres_url), read_only=True, statement_timeout=0.1
        )
        try:
            async with connect(database) as connection:
                await connection.execute(text("SELECT pg_sleep(30)"))
        finally:
            await database.dispose()

    with pytest.raises(DatabaseUnavailable, match="statement timeout"):
        runner.run(sleep())


@pytest.mark.parametrize(
    "address", ["sqlite:////nowhere/calls.db", "postgresql://ada@localhost:1/calls"]
)
def test_a_database_that_is_not_there_is_unavailable(address: str, runner: asyncio.Runner) -> None:
    with pytest.raises(DatabaseUnavailable, match=r"^the database does not answer: \S.*$"):
        runner.run(ping(create_engine(parse_database_url(address), read_only=True)))


def test_a_connection_that_the_server_closed_is_replaced(
    postgres_url: str, runner: asyncio.Runner, cluster: PostgresCluster
) -> None:
    database = create_engine(parse_database_url(postgres_url), read_only=True)
    runner.run(ping(database))

    cluster.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'call-analytics'"
    )

    runner.run(ping(database))
    runner.run(database.dispose())


def test_a_failed_transaction_leaves_nothing(platform: Platform) -> None:
    async def fail() -> None:
        async with transaction(platform.writer) as connection:
            await connection.execute(insert(Organization).values(name="x", slug="x"))
            raise OperatorError("on purpose")

    async def count() -> int | None:
        async with connect(platform.reader) as connection:
            return await connection.scalar(select(func.count()).select_from(Organization))

    with pytest.raises(OperatorError):
        platform.run(fail())
    assert platform.run(count()) == 0


def test_every_backend_has_a_scheme() -> None:
    assert {backend.driver.partition("+")[0] for backend in BACKENDS.values()} == set(BACKENDS)
