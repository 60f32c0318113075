"""Reading the platform's call exports row by row: CSV, JSON and JSON Lines.

No more than one row and one chunk is ever held, and no more of a row than it may have, so a file
may be of any size and hold anything.
"""

import csv
import json
import math
import re
from collections.abc import Iterator, Mapping
from io import TextIOWrapper
from pathlib import Path
from typing import NamedTuple, TextIO

from call_analytics.db.calls.rows import FIELD_NAMES, BadRow, CallRow, parse_call
from call_analytics.db.errors import OperatorError

CHUNK_CHARACTERS = 1 << 16
LONGEST_ROW = 1 << 20
"""Characters; a cell of a CSV file may have 131,072."""

REQUIRED_HEADINGS = ("call_sid", "assistant_name", "status", "started_at")

_SPACE = re.compile(r"[ \t\r\n]*")


class FileRow(NamedTuple):
    """A row of a file: a call, or the reason why it is none."""

    line: int
    """Where the row begins; the first line of a file is 1."""
    content: CallRow | BadRow
    position: int
    """Bytes of the file that have been read so far."""


def read_call_file(path: Path) -> Iterator[FileRow]:
    """The rows of an export, whose format is told by its first character.

    Raises:
        OperatorError: where the file cannot be read as any of the formats; rows before the place
            that cannot be read have been yielded by then.
    """
    try:
        with path.open("rb") as raw, TextIOWrapper(raw, "utf-8-sig", newline="") as file:
            first = _first_character(file)
            read = {"[": _json_array, "{": _json_lines}.get(first, _csv)
            for line, content in read(file):
                yield FileRow(line, content, raw.tell())
    except UnicodeDecodeError:
        raise OperatorError(f"{path} is not UTF-8 text") from None
    except OSError as error:
        raise OperatorError(f"{path} cannot be read: {error.strerror or error}") from None


def _first_character(file: TextIO) -> str:
    while (chunk := file.read(CHUNK_CHARACTERS)).isspace():
        pass
    file.seek(0)
    return chunk.lstrip()[:1]


class _Lines:
    """The lines of a text, as many as make up a row; more than a row may have is not held."""

    def __init__(self, file: TextIO) -> None:
        self.number = 0
        """How many were read."""
        self._file = file
        self._left = LONGEST_ROW

    def begin_row(self) -> None:
        """From here on a row may have its full length."""
        self._left = LONGEST_ROW

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        """The next line.

        Raises:
            BadRow: where the row is too long with it; the line has been passed over then.
        """
        text = self._file.readline(self._left + 1)
        if not text:
            raise StopIteration
        self.number += 1
        if len(text) > self._left:
            self._pass_over_rest(text)
            raise BadRow(f"the row is longer than {LONGEST_ROW:,} characters")
        self._left -= len(text)
        return text

    def _pass_over_rest(self, part: str) -> None:
        while part and part[-1] not in "\r\n":
            part = self._file.readline(CHUNK_CHARACTERS)
        if part.endswith("\r"):  # the limit may have cut "\r\n" in two
            position = self._file.tell()
            if self._file.read(1) != "\n":
                self._file.seek(position)


def _csv(file: TextIO) -> Iterator[tuple[int, CallRow | BadRow]]:
    lines = _Lines(file)
    # Strict, for a quotation mark that is not closed must not make one cell of many rows.
    reader = csv.reader(lines, strict=True)
    try:
        headings = [heading.strip() for heading in next(reader, [])]
    except (csv.Error, BadRow) as error:
        raise OperatorError(f"the file's first line cannot be read: {error}") from None
    for field in REQUIRED_HEADINGS:
        if not {field, FIELD_NAMES[field]} & set(headings):
            raise OperatorError(f"the file's first line has no column {FIELD_NAMES[field]!r}")
    while True:
        line = lines.number + 1
        lines.begin_row()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, BadRow) as error:
            content: CallRow | BadRow = _without_row(error)
        else:
            if not cells:
                continue
            content = _from_cells(cells, headings)
        if isinstance(content, BadRow) and lines.number > line:
            content = BadRow(f"{content} (the row goes on to line {lines.number})")
        yield line, content


def _from_cells(cells: list[str], headings: list[str]) -> CallRow | BadRow:
    if len(cells) != len(headings):
        return BadRow(f"{len(cells)} columns, where the first line has {len(headings)}")
    return _from_record(dict(zip(headings, cells, strict=True)))


def _json_lines(file: TextIO) -> Iterator[tuple[int, CallRow | BadRow]]:
    lines = _Lines(file)
    while True:
        lines.begin_row()
        try:
            text = next(lines)
        except StopIteration:
            return
        except BadRow as reason:
            yield lines.number, _without_row(reason)
            continue
        if not text.isspace():
            yield lines.number, _from_json_text(text)


def _json_array(file: TextIO) -> Iterator[tuple[int, CallRow | BadRow]]:
    text = _JsonText(file)
    text.take("[")
    if text.next_character() == "]":
        return
    while True:
        text.next_character()
        line = text.line
        yield line, _from_json(text.take_value())
        if text.take(",", "]") == "]":
            return


def _from_json_text(text: str) -> CallRow | BadRow:
    try:
        value = _DECODER.decode(text)
    except (ValueError, RecursionError):
        return BadRow("not JSON")
    return _from_json(value)


def _from_json(value: object) -> CallRow | BadRow:
    return _from_record(value) if isinstance(value, dict) else BadRow("not a JSON object")


def _from_record(record: Mapping[str, object]) -> CallRow | BadRow:
    try:
        return parse_call(record)
    except BadRow as reason:
        return _without_row(reason)


def _without_row(reason: Exception) -> BadRow:
    """The same reason, without the traceback, by which it would hold the whole row."""
    return BadRow(str(reason))


def _integer(digits: str) -> float:
    # Python refuses to convert very many digits, and no figure of a call has so many.
    return int(digits) if len(digits) < 1000 else math.inf


_DECODER = json.JSONDecoder(parse_int=_integer)


class _JsonText:
    """The part of a long JSON text that is being read, and the line it has come to."""

    def __init__(self, file: TextIO) -> None:
        self.line = 1
        self._file = file
        self._part = ""
        self._at = 0
        """Where in that part the reading is."""

    def next_character(self) -> str:
        """Pass over white space; the empty string at the end of the text."""
        while True:
            space = _SPACE.match(self._part, self._at)
            assert space is not None
            self._advance(space.end())
            if self._at < len(self._part):
                return self._part[self._at]
            if not self._read_more():
                return ""

    def take(self, *allowed: str) -> str:
        """Take one of the allowed characters."""
        character = self.next_character()
        if character not in allowed:
            raise self._broken()
        self._advance(self._at + 1)
        return character

    def take_value(self) -> object:
        """Take a whole JSON value."""
        self.next_character()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._part, self._at)
            except RecursionError:
                raise self._broken() from None
            except ValueError:
                if not self._read_more_of_value():
                    raise self._broken() from None
                continue
            # A number that ends with the part may go on in the next.
            if end == len(self._part) and self._read_more_of_value():
                continue
            self._advance(end)
            return value

    def _read_more_of_value(self) -> bool:
        if len(self._part) - self._at > LONGEST_ROW:
            raise OperatorError(
                f"the value at line {self.line} does not end within {LONGEST_ROW:,} characters"
            )
        return self._read_more()

    def _read_more(self) -> bool:
        chunk = self._file.read(CHUNK_CHARACTERS)
        self._part = self._part[self._at :] + chunk
        self._at = 0
        return bool(chunk)

    def _advance(self, end: int) -> None:
        self.line += self._part.count("\n", self._at, end)
        self._at = end

    def _broken(self) -> OperatorError:
        return OperatorError(f"the file is not valid JSON at or after line {self.line}")
