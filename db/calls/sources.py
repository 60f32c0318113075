"""Where a call export comes from: a file or standard input, compressed or not."""

import gzip
import io
import os
import stat
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TextIO, TypeAlias

from call_analytics.db.errors import OperatorError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_Readable: TypeAlias = io.BufferedReader | gzip.GzipFile | zstd.ZstdFile

BUFFER_BYTES = 1 << 16

GZIP = b"\x1f\x8b"
ZSTANDARD = (0xFD2FB528, *range(0x184D2A50, 0x184D2A60))
"""What a frame of Zstandard may begin with: one with data, or one of sixteen to be skipped."""

UTF_16 = (b"\xff\xfe", b"\xfe\xff")


class CallFile:
    """A call export that can be read once, from its beginning to its end."""

    def __init__(self, path: Path | None) -> None:
        """The file at ``path``; None is standard input."""
        self.path = path
        self.name = "standard input" if path is None else str(path)
        self.position = 0
        """Bytes that have been read so far, before they are decompressed."""
        self.size: int | None = None
        """Bytes in all; None where it is not known, or not yet."""

    @contextmanager
    def open(self) -> Iterator[TextIO]:
        """The text of the file, with its line ends as they are.

        Raises:
            OperatorError: where it cannot be read, then or by whoever reads the text.
        """
        try:
            with self._open_bytes() as raw:
                status = os.fstat(raw.fileno())
                self.size = status.st_size if stat.S_ISREG(status.st_mode) else None
                stored = _StoredBytes(raw, self)
                content = _decompressed(stored.first_bytes, io.BufferedReader(stored, BUFFER_BYTES))
                with io.TextIOWrapper(content, "utf-8-sig", newline="") as text:
                    yield text
        except UnicodeDecodeError as error:
            is_utf_16 = error.object[error.start :].startswith(UTF_16)
            problem = "is UTF-16 text" if is_utf_16 else "is not UTF-8 text"
            raise OperatorError(f"{self.name} {problem}; save it as UTF-8") from None
        except (EOFError, gzip.BadGzipFile, zlib.error, zstd.ZstdError) as error:
            raise OperatorError(f"{self.name} is damaged or cut short: {error}") from None
        except OSError as error:
            raise OperatorError(f"{self.name} cannot be read: {error.strerror or error}") from None

    def _open_bytes(self) -> IO[bytes]:
        if self.path is not None:
            return self.path.open("rb", buffering=0)
        if sys.stdin is None:
            raise OperatorError("standard input is closed")
        # Not Python's own object, which a process cannot leave while a thread of it reads.
        return open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)


class _StoredBytes(io.RawIOBase):
    """The bytes of a file as they are stored, whose number is noted."""

    def __init__(self, raw: IO[bytes], file: CallFile) -> None:
        self._raw = raw
        self._file = file
        self.first_bytes = b""
        """Four of them; fewer where there are no more. Whoever reads gets them again."""
        while len(self.first_bytes) < 4 and (more := raw.read(4 - len(self.first_bytes))):
            self.first_bytes += more
        self._again = self.first_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        data = self._again or self._raw.read(len(buffer)) or b""
        self._again = b""
        buffer[: len(data)] = data
        self._file.position += len(data)
        return len(data)


def _decompressed(first_bytes: bytes, stored: io.BufferedReader) -> _Readable:
    if first_bytes.startswith(GZIP):
        return gzip.GzipFile(fileobj=stored)
    if int.from_bytes(first_bytes, "little") in ZSTANDARD:
        return zstd.ZstdFile(stored)
    return stored
