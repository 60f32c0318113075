"""The text of an export as its readers take it: by parts, or by the lines of a row."""

import io
from typing import TextIO

from call_analytics.db.calls.rows import BadRow

CHUNK_CHARACTERS = 1 << 16
LONGEST_ROW = 1 << 20
"""Characters; a cell of a table may have 131,072."""


class Text:
    """A text whose beginning can be looked at before it is read."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._seen = io.StringIO(newline="")

    def first_character(self) -> str:
        """The first that is no white space; the empty string where a row's length has none."""
        seen = ""
        while not seen.strip() and len(seen) <= LONGEST_ROW:
            chunk = self._file.read(CHUNK_CHARACTERS)
            if not chunk:
                break
            seen += chunk
        self._seen = io.StringIO(seen, newline="")
        return seen.strip()[:1]

    def read(self) -> str:
        """A part of the text; the empty string at its end."""
        return self._seen.read(CHUNK_CHARACTERS) or self._file.read(CHUNK_CHARACTERS)

    def readline(self, longest: int) -> str:
        """A line with its end, or as much of it; the empty string at the end of the text."""
        line = self._seen.readline(longest)
        if len(line) == longest or line.endswith(("\n", "\r")):
            return line
        return line + self._file.readline(longest - len(line))


class Lines:
    """The lines of a text, as many as make up a row; more than a row may have is not held."""

    def __init__(self, text: Text) -> None:
        self.number = 0
        """How many were read."""
        self._text = text
        self._left = LONGEST_ROW
        self._row = io.StringIO(newline="")
        self._last = ""

    def begin_row(self) -> None:
        """From here on a row may have its full length."""
        self._left = LONGEST_ROW
        self._row = io.StringIO(newline="")

    @property
    def row(self) -> str:
        """What was read since the row began; of one that is too long, its beginning."""
        return self._row.getvalue().rstrip("\r\n")

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> str:
        """The next line.

        Raises:
            BadRow: where the row is too long with it; the line has been passed over then.
        """
        last = self._last
        line = self._read(self._left + 1)
        if line == "\n" and last.endswith("\r"):  # the limit has cut "\r\n" in two
            line = self._read(self._left + 1)
        if not line:
            raise StopIteration
        self.number += 1
        self._row.write(line[: self._left])
        if len(line) > self._left:
            while line and line[-1] not in "\r\n":
                line = self._read(CHUNK_CHARACTERS)
            raise BadRow(f"the row is longer than {LONGEST_ROW:,} characters")
        self._left -= len(line)
        return line

    def _read(self, longest: int) -> str:
        line = self._text.readline(longest)
        self._last = line or self._last
        return line
