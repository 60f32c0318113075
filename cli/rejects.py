"""The rows that an import rejects: a few are shown, and all of them fit a file."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from call_analytics.db.calls.report import Reject
from call_analytics.db.calls.sources import CallFile
from call_analytics.db.errors import OperatorError


class RejectFile:
    """The file that ``--rejects`` names: each rejected row with its line and the reason."""

    def __init__(self, path: Path, file: TextIO) -> None:
        self.path = path
        self._file = file
        self._writer = csv.writer(file)
        self._writer.writerow(["Line", "Reason", "Row"])

    def write(self, reject: Reject) -> None:
        """Add a row.

        Raises:
            OperatorError: where the file cannot be written.
        """
        with _writing(self.path):
            self._writer.writerow(reject)

    def flush(self) -> None:
        """Let the file have all rows that were added.

        Raises:
            OperatorError: as ``write``.
        """
        with _writing(self.path):
            self._file.flush()


@contextmanager
def reject_file(path: Path | None, source: CallFile) -> Iterator[RejectFile | None]:
    """That file, made anew; None where none is wanted.

    Raises:
        OperatorError: where it cannot be written, or is the one that is imported.
    """
    if path is None:
        yield None
        return
    with _writing(path):
        if source.path is not None and _are_one(path, source.path):
            raise OperatorError(f"--rejects {path} is the file to be imported; name another")
        file = path.open("w", encoding="utf-8", errors="backslashreplace", newline="")
    try:
        yield RejectFile(path, file)
    finally:
        with _writing(path):
            file.close()


def _are_one(path: Path, other: Path) -> bool:
    return path.exists() and other.exists() and path.samefile(other)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OperatorError(
            f"--rejects {path} cannot be written: {error.strerror or error}"
        ) from None
