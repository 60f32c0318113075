"""Engines: addresses, connections, readers beside a writer, files that change, and failures."""

import asyncio
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, func, insert, literal, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from call_analytics.db.addresses import parse_database_url
from call_analytics.db.dialects import BACKENDS
from call_analytics.db.engine import Database, connect, create_engine, ping, read, transaction
from call_analytics.db.errors import (
    ConnectionLost,
    ConnectionsInUse,
    DatabaseChanged,
    DatabaseUnavailable,
    OperatorError,
)
from call_analytics.db.models import Call, Organization
from tests.platform import Platform
from tests.postgres import PostgresCluster


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
            "plan_cache_mode",
        )
        async with connect(database) as connection:
            found = [await connection.scalar(text(f"SHOW {name}")) for name in names]
        await database.dispose()
        return found

    assert runner.run(settings()) == [
        *("call-analytics", "2500ms", "on", "off"),
        "force_generic_plan",
    ]


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


KILL_OTHERS = text(
    "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def test_what_reads_is_done_again_where_its_connection_was_lost(
    postgres_url: str, runner: asyncio.Runner
) -> None:
    """Of many connections that were lost at once, none is tried again."""
    url = parse_database_url(postgres_url)
    killer, database = (create_engine(url, read_only=True, pool_size=3) for _ in range(2))
    tries: list[int] = []

    async def work(connection: AsyncConnection) -> int | None:
        tries.append(1)
        found: int | None = await connection.scalar(select(literal(42)))
        return found

    async def crowd() -> list[int | None]:
        return await asyncio.gather(*(read(database, work) for _ in range(3)))

    async def lose_and_read() -> list[int | None]:
        await crowd()
        tries.clear()
        await read(killer, lambda connection: connection.execute(KILL_OTHERS))
        found = await crowd() + await crowd()
        await killer.dispose()
        await database.dispose()
        return found

    assert runner.run(lose_and_read()) == [42] * 6
    assert 7 <= len(tries) <= 9


def test_what_reads_is_done_no_more_than_twice(postgres_url: str, runner: asyncio.Runner) -> None:
    database = create_engine(parse_database_url(postgres_url), read_only=True)
    tries: list[int] = []

    async def lose(connection: AsyncConnection) -> None:
        tries.append(1)
        await connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(ConnectionLost, match=r"terminating connection|connection was closed"):
        runner.run(read(database, lose))
    runner.run(ping(database))
    runner.run(database.dispose())
    assert len(tries) == 2


def test_a_statement_that_fails_is_not_tried_again(platform: Platform) -> None:
    tries: list[int] = []

    async def fail(connection: AsyncConnection) -> None:
        tries.append(1)
        await connection.execute(text("SELECT 1 FROM nowhere"))

    with pytest.raises(DatabaseChanged):
        platform.run(read(platform.reader, fail))
    assert len(tries) == 1


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


class Waits:
    """Hears what an engine does, and counts."""

    def __init__(self) -> None:
        self.in_use = 0
        self.waiting = 0
        self.waited: list[float] = []

    def statement_ended(self, seconds: float) -> None:
        """Nothing is counted."""

    def connection_taken(self) -> None:
        """One more is in use."""
        self.in_use += 1

    def connection_returned(self) -> None:
        """One fewer is in use."""
        self.in_use -= 1

    def wait_began(self) -> None:
        """One more waits."""
        self.waiting += 1

    def wait_ended(self, seconds: float) -> None:
        """One waits no longer."""
        self.waiting -= 1
        self.waited.append(seconds)


def test_connections_are_given_in_the_order_of_asking(platform: Platform) -> None:
    async def crowd() -> tuple[list[int], Waits, int]:
        observer = Waits()
        database = create_engine(
            platform.reader.url,
            read_only=True,
            pool_size=1,
            observer=observer,
        )
        served: list[int] = []

        async def ask(number: int) -> None:
            async with connect(database) as connection:
                await connection.execute(select(func.count()).select_from(Call))
                served.append(number)

        async with connect(database):
            asked = [asyncio.create_task(ask(number)) for number in range(10)]
            await asyncio.sleep(0.5)
            waiting = observer.waiting
        await asyncio.gather(*asked)
        await database.dispose()
        return served, observer, waiting

    served, observer, waiting = platform.run(crowd())

    assert served == list(range(10))
    assert (waiting, observer.waiting, observer.in_use) == (10, 0, 0)
    assert len(observer.waited) == 10
    assert min(observer.waited) > 0.1


def test_who_waits_in_vain_hears_whose_connections_are_in_use(platform: Platform) -> None:
    async def wait() -> str:
        database = create_engine(platform.reader.url, read_only=True, pool_size=2, wait_timeout=0.1)
        async with connect(database), connect(database):
            with pytest.raises(ConnectionsInUse) as refusal:
                await ping(database)
        await ping(database)
        await database.dispose()
        return str(refusal.value)

    assert platform.run(wait()) == (
        "all 2 database connections of this process are in use; "
        "raise CALL_ANALYTICS_POOL_SIZE, or see what keeps them busy"
    )


def test_whoever_leaves_takes_no_connection_along(platform: Platform) -> None:
    """Cancelled while it waits, connects, asks or gives back, at every step."""

    async def leave(after_steps: int, database: Database) -> None:
        leaving = [asyncio.create_task(ping(database)) for _ in range(4)]
        for _ in range(after_steps):
            await asyncio.sleep(0)
        for task in leaving:
            task.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)

    async def come_and_go() -> tuple[Waits, int]:
        observer = Waits()
        database = create_engine(
            platform.reader.url, read_only=True, pool_size=2, observer=observer
        )
        for after_steps in range(40):
            await leave(after_steps, database)
        async with asyncio.timeout(60), connect(database), connect(database):
            in_use = observer.in_use
        await database.dispose()
        return observer, in_use

    observer, in_use = platform.run(come_and_go())

    assert in_use == 2
    assert (observer.in_use, observer.waiting) == (0, 0)


def _database_file(path: Path, name: str) -> None:
    """A whole database, closed, with one organization."""
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("CREATE TABLE organizations (name TEXT, filler TEXT)")
        _write(file, name)


def _write(file: sqlite3.Connection, name: str) -> None:
    file.execute("DELETE FROM organizations")
    file.executemany("INSERT INTO organizations VALUES (?, ?)", [(name, "x" * 500)] * 100)
    file.commit()


async def _names(database: Database) -> list[Any]:
    async with connect(database) as connection:
        return list(await connection.scalars(text("SELECT DISTINCT name FROM organizations")))


@pytest.mark.parametrize("name", ["calls.db", "link.db"])
@pytest.mark.parametrize("read_only", [True, False])
def test_a_file_that_was_replaced_is_opened_anew(
    tmp_path: Path, runner: asyncio.Runner, *, read_only: bool, name: str
) -> None:
    """Also by connections that are new while old ones are in use, and time and again."""
    path = tmp_path / "calls.db"
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link.db"
    link.symlink_to(path)
    address = {"calls.db": path, "link.db": link}[name]
    _database_file(path, "first")
    database = create_engine(parse_database_url(f"sqlite:///{address}"), read_only=read_only)

    async def replace(name: str) -> tuple[list[Any], list[Any]]:
        other = tmp_path / "other.db"
        _database_file(other, name)
        async with connect(database) as busy:
            before = await busy.scalars(text("SELECT DISTINCT name FROM organizations"))
            if read_only:  # another program's commits, which SQLite keeps beside the file
                with closing(sqlite3.connect(path)) as file:
                    _write(file, f"{name}'s forerunner")
            other.replace(path)
            seen = await _names(database)
        return [list(before), seen], await _names(database)

    async def replace_twice() -> list[Any]:
        seen = [await _names(database), await replace("second"), await replace("third")]
        await database.dispose()
        return seen

    assert runner.run(replace_twice()) == [
        ["first"],
        ([["first"], ["second"]], ["second"]),
        ([["second"], ["third"]], ["third"]),
    ]
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("SELECT DISTINCT name FROM organizations").fetchall() == [("third",)]
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_link_that_leads_elsewhere_takes_no_commit_from_the_file_it_led_to(
    tmp_path: Path, runner: asyncio.Runner
) -> None:
    old, new, link = (tmp_path / name for name in ("old.db", "new.db", "link.db"))
    _database_file(old, "old")
    _database_file(new, "new")
    link.symlink_to(old)
    database = create_engine(parse_database_url(f"sqlite:///{link}"), read_only=True)

    async def lead_elsewhere() -> list[list[Any]]:
        seen = [await _names(database)]
        with closing(sqlite3.connect(old)) as file:
            _write(file, "committed late")  # and kept in the file beside it while others read
            link.unlink()
            link.symlink_to(new)
            seen.append(await _names(database))
            with closing(sqlite3.connect(old)) as another:
                seen += another.execute("SELECT DISTINCT name FROM organizations").fetchall()
        await database.dispose()
        return seen

    assert runner.run(lead_elsewhere()) == [["old"], ["new"], ("committed late",)]
    assert list(tmp_path.glob("*.replaced")) == []


def test_who_notices_late_leaves_the_new_file_s_commits_alone(
    tmp_path: Path, runner: asyncio.Runner
) -> None:
    """As another server process does, which is asked less often."""
    path, other = tmp_path / "calls.db", tmp_path / "other.db"
    _database_file(path, "old")
    _database_file(other, "new")
    url = parse_database_url(f"sqlite:///{path}")
    early, late = (create_engine(url, read_only=True) for _ in range(2))

    async def notice() -> list[Any]:
        seen = [await _names(early), await _names(late)]
        other.replace(path)
        seen.append(await _names(early))
        with closing(sqlite3.connect(path)) as file:
            _write(file, "newer")
        seen += [await _names(late), await _names(early)]
        await early.dispose()
        await late.dispose()
        return seen

    assert runner.run(notice()) == [["old"], ["old"], ["new"], ["newer"], ["newer"]]


def test_a_file_that_is_gone_is_unavailable_and_not_made_anew(
    tmp_path: Path, runner: asyncio.Runner
) -> None:
    path = tmp_path / "calls.db"
    _database_file(path, "first")
    database = create_engine(parse_database_url(f"sqlite:///{path}"), read_only=True)

    async def lose_and_find() -> list[Any]:
        seen = await _names(database)
        with closing(sqlite3.connect(path)) as file:
            _write(file, "lost")
        path.unlink()
        for _twice in range(2):
            with pytest.raises(DatabaseUnavailable, match="its file is missing"):
                await _names(database)
        assert not path.exists()
        _database_file(path, "found")
        seen += await _names(database)
        await database.dispose()
        return seen

    assert runner.run(lose_and_find()) == ["first", "found"]


def test_a_file_that_goes_while_it_is_opened_is_not_made_anew(
    tmp_path: Path, runner: asyncio.Runner
) -> None:
    path = tmp_path / "calls.db"
    _database_file(path, "first")
    database = create_engine(parse_database_url(f"sqlite:///{path}"), read_only=True)

    @event.listens_for(database.sync_engine, "do_connect")
    def lose(*_arguments: object) -> None:
        path.unlink()

    async def open_it() -> None:
        with pytest.raises(DatabaseUnavailable, match="unable to open database file"):
            await ping(database)
        for thread in threading.enumerate():  # the driver's, which still reports to this loop
            if "_connection_worker_thread" in thread.name:
                await asyncio.to_thread(thread.join, 60)

    runner.run(open_it())
    assert not path.exists()
