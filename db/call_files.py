"""Reading the platform's call exports row by row: CSV, JSON and JSON Lines.

No more than one row and one chunk is ever held, so a file may be of any size.
"""

import csv
import json
from collections.abc import Iterator, Mapping
from io import TextIOWrapper
from pathlib import Path
from typing import NamedTuple, TextIO, TypeAlias

from db.call_rows import FIELD_NAMES, BadRow, CallRow, parse_call
from db.errors import OperatorError

CHUNK_CHARACTERS = 1 << 16
LONGEST_JSON_ROW = 1 << 20
REQUIRED_HEADINGS = ("call_sid", "assistant_name", "status", "started_at")


Record: TypeAlias = Mapping[str, object] | BadRow


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
            for line, record in read(file):
                yield FileRow(line, _parse(record), raw.tell())
    except UnicodeDecodeError:
        raise OperatorError(f"{path} is not UTF-8 text") from None
    except OSError as error:
        raise OperatorError(f"{path} cannot be read: {error.strerror}") from None


def _parse(record: Record) -> CallRow | BadRow:
    if isinstance(record, BadRow):
        return record
    try:
        return parse_call(record)
    except BadRow as reason:
        return reason


def _first_character(file: TextIO) -> str:
    while (character := file.read(1)).isspace():
        pass
    file.seek(0)
    return character


def _csv(file: TextIO) -> Iterator[tuple[int, Record]]:
    reader = csv.reader(file)
    headings = [heading.strip() for heading in next(reader, [])]
    for field in REQUIRED_HEADINGS:
        if not {field, FIELD_NAMES[field]} & set(headings):
            raise OperatorError(f"the file's first line has no column {FIELD_NAMES[field]!r}")
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, BadRow(str(error))
            continue
        if not cells:
            continue
        if len(cells) != len(headings):
            yield line, BadRow(f"{len(cells)} columns, where the first line has {len(headings)}")
            continue
        yield line, dict(zip(headings, cells, strict=True))


def _json_lines(file: TextIO) -> Iterator[tuple[int, Record]]:
    for line, text in enumerate(file, start=1):
        if text.isspace():
            continue
        try:
            yield line, _record(json.loads(text))
        except (ValueError, RecursionError):
            yield line, BadRow("not JSON")


def _json_array(file: TextIO) -> Iterator[tuple[int, Record]]:
    text = _JsonText(file)
    text.take("[")
    if text.next_character() == "]":
        return
    while True:
        text.next_character()
        line = text.line
        yield line, _record(text.take_value())
        if text.take(",", "]") == "]":
            return


def _record(value: object) -> Record:
    return value if isinstance(value, dict) else BadRow("not a JSON object")


class _JsonText:
    """The part of a long JSON text that is being read, and the line it has come to."""

    def __init__(self, file: TextIO) -> None:
        self.line = 1
        self._file = file
        self._rest = ""
        self._decoder = json.JSONDecoder()

    def next_character(self) -> str:
        """Pass over white space; the empty string at the end of the text."""
        while True:
            self._advance(len(self._rest) - len(self._rest.lstrip()))
            if self._rest or not self._read_more():
                return self._rest[:1]

    def take(self, *allowed: str) -> str:
        """Take one of the allowed characters."""
        character = self.next_character()
        if character not in allowed:
            raise self._broken()
        self._advance(1)
        return character

    def take_value(self) -> object:
        """Take a whole JSON value."""
        self.next_character()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._rest)
            except RecursionError:
                raise self._broken() from None
            except ValueError:
                if len(self._rest) > LONGEST_JSON_ROW or not self._read_more():
                    raise self._broken() from None
                continue
            # A number that ends with the chunk may go on in the next.
            if end == len(self._rest) and self._read_more():
                continue
            self._advance(end)
            return value

    def _read_more(self) -> bool:
        chunk = self._file.read(CHUNK_CHARACTERS)
        self._rest += chunk
        return bool(chunk)

    def _advance(self, count: int) -> None:
        self.line += self._rest.count("\n", 0, count)
        self._rest = self._rest[count:]

    def _broken(self) -> OperatorError:
        return OperatorError(f"the file is not valid JSON at or after line {self.line}")
