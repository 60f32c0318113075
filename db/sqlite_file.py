"""The file of an embedded database, which an operator may replace or remove while it is open.

SQLite keeps the last commits in a second file, whose name is that of the database and ``-wal``.
That file does not say which database it belongs to. Where a new database is moved to the place of
an old one, SQLite would add the old one's commits to it. So before a new file is opened, the files
that the old one left beside it get other names.
"""

import fcntl
import logging
import os
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import quote

from sqlalchemy import event
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import ConnectionPoolEntry

from call_analytics.db.errors import DatabaseUnavailable

logger = logging.getLogger("call_analytics")

HEADER = b"SQLite format 3\0"
COMPANIONS = ("-wal", "-shm")
PUT_ASIDE = ".replaced"

FileIdentity: TypeAlias = tuple[int, int]
"""Device and inode: while a file is open, no other file has the same."""


def follow_file(engine: AsyncEngine, *, must_exist: bool) -> None:
    """Have an engine notice that its file is another one, and open that; or that it is missing."""
    assert engine.url.database is not None
    path = Path(engine.url.database)
    file = SQLiteFile(path)
    opened = "file"

    @event.listens_for(engine.sync_engine, "do_connect")
    def look_before_opening(
        _dialect: Dialect,
        record: ConnectionPoolEntry,
        arguments: list[Any],
        options: MutableMapping[str, Any],
    ) -> None:
        record.info[opened] = file.find_existing() if must_exist else file.find()
        if must_exist:  # until the driver opens it, too
            arguments[0] = f"file:{quote(str(path))}?mode=rw"
            options["uri"] = True

    @event.listens_for(engine.sync_engine, "checkout")
    def look_before_use(
        _connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: object
    ) -> None:
        if record.info[opened] != file.find_existing():
            raise InvalidatePoolError

    @event.listens_for(engine.sync_engine, "connect")
    def note_file(_connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        record.info[opened] = file.opened(record.info[opened])


class OpenFile(NamedTuple):
    """A file that connections have open, and the files beside it that they use."""

    identity: FileIdentity
    path: Path
    """Where it is, behind every link."""
    companions: dict[Path, FileIdentity]


class SQLiteFile:
    """The file at a path; another one, after it was replaced."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: OpenFile | None = None

    def find(self) -> FileIdentity | None:
        """What is at the path now; the files that another one left beside it get other names.

        Raises:
            OSError: where that cannot be done.
        """
        found = _identity(self._path)
        if self._open is not None and found != self._open.identity:
            what = "is gone" if found is None else "was replaced; the new one is opened"
            logger.warning("the database's file %s", what)
            self._put_aside(self._open)
            self._open = None
        return found

    def find_existing(self) -> FileIdentity:
        """As ``find``.

        Raises:
            DatabaseUnavailable: where there is nothing.
        """
        found = self.find()
        if found is None:
            raise DatabaseUnavailable(
                "the database does not answer: its file is missing; put it back, or create one: "
                "call-analytics db upgrade"
            )
        return found

    def opened(self, found: FileIdentity | None) -> FileIdentity | None:
        """Note that a connection is open to what ``find`` found just before, and return that.

        Where it found nothing, the connection has created the file.
        """
        real = self._path.resolve()  # where SQLite goes, too, if the path is a link
        companions = {
            companion: identity
            for ending in COMPANIONS
            if (identity := _identity(companion := real.with_name(real.name + ending))) is not None
        }
        now = _identity(self._path)
        if now is None or found not in (None, now):  # replaced this instant; seen at the next use
            return found
        self._open = OpenFile(now, real, companions)
        return now

    def _put_aside(self, old: OpenFile) -> None:
        if _identity(old.path) == old.identity:
            return  # a link leads elsewhere now; the old file is whole, and may still be used
        # Server processes notice at the same time. The second finds companions of the new file.
        with _locked(old.path.parent):
            for path, identity in old.companions.items():
                if _identity(path) == identity:
                    path.replace(path.with_name(path.name + PUT_ASIDE))


def _identity(path: Path) -> FileIdentity | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    opened = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


def may_be_database(path: Path) -> bool:
    """Whether a file is an SQLite database, or may become one: it is empty, or not there."""
    try:
        with path.open("rb") as file:
            return file.read(len(HEADER)) in (b"", HEADER)
    except OSError:
        return True  # what cannot be opened is reported where the database is opened
