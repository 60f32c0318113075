"""The configured database, for as long as a command needs it."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from call_analytics.db.addresses import DatabaseUrl, parse_database_url, refuse_other_files
from call_analytics.db.engine import Database, create_engine
from call_analytics.db.errors import OperatorError
from call_analytics.settings import PREFIX, Settings, SettingsError

T = TypeVar("T")


def database_url(settings: Settings) -> DatabaseUrl:
    """The address of the configured database.

    Raises:
        SettingsError: where it makes no sense.
    """
    with _naming_the_setting():
        return parse_database_url(settings.database_url)


@contextmanager
def _naming_the_setting() -> Iterator[None]:
    try:
        yield
    except OperatorError as error:
        raise SettingsError(f"{PREFIX}DATABASE_URL: {error}") from None


def with_database(
    settings: Settings, work: Callable[[Database], Awaitable[T]], *, read_only: bool = False
) -> T:
    """Do work on the configured database, which is closed afterwards.

    Raises:
        SettingsError: where its address makes no sense, or is a file of another kind.
    """
    url = database_url(settings)
    with _naming_the_setting():
        refuse_other_files(url)

    async def run() -> T:
        others = threading.enumerate()
        database = create_engine(
            url,
            read_only=read_only,
            connect_timeout=settings.connect_timeout_seconds,
        )
        try:
            return await work(database)
        finally:
            await database.dispose()
            await asyncio.to_thread(_wait_for_threads_but, others)

    return asyncio.run(run())


def _wait_for_threads_but(others: list[threading.Thread]) -> None:
    """Let SQLite's connection threads end while the event loop is still there.

    One whose file could not be opened reports to the loop as it ends, and that it is closed is a
    traceback on the operator's screen.
    """
    for thread in threading.enumerate():
        if thread not in (*others, threading.current_thread()) and (
            not thread.daemon  # one that may wait for more of a file for ever
        ):
            thread.join(timeout=5)
