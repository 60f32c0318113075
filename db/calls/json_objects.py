"""Reading an export that is JSON: an array of objects, or an object a line."""

import json
import math
import re
from collections.abc import Iterator

from call_analytics.db.calls.columns import Columns
from call_analytics.db.calls.rows import BadRow, CallRow, FileRow, parse_call, without_row
from call_analytics.db.calls.text import LONGEST_ROW, Lines, Text
from call_analytics.db.errors import OperatorError

_SPACE = re.compile(r"[ \t\r\n]*")


def read_json_lines(text: Text, columns: Columns) -> Iterator[FileRow]:
    """The rows of JSON Lines: an object a line.

    Raises:
        OperatorError: where the first object has not the keys that it was said to have.
    """
    lines = Lines(text)
    calls = _Calls(columns)
    while True:
        lines.begin_row()
        try:
            line = next(lines)
        except StopIteration:
            return
        except BadRow as reason:
            yield FileRow(lines.number, without_row(reason), lines.row)
            continue
        if not line.isspace():
            yield FileRow(lines.number, calls.in_text(line), lines.row)


def read_json_array(text: Text, columns: Columns) -> Iterator[FileRow]:
    """The rows of a JSON array of objects.

    Raises:
        OperatorError: where the text is no JSON array, or as ``read_json_lines``.
    """
    array = _JsonText(text)
    calls = _Calls(columns)
    array.take("[")
    if array.next_character() == "]":
        return
    while True:
        array.next_character()
        line = array.line
        value, written = array.take_value()
        yield FileRow(line, calls.of(value), written)
        if array.take(",", "]") == "]":
            return


class _Calls:
    """What makes calls of the objects of one file."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._is_first = True

    def in_text(self, text: str) -> CallRow | BadRow:
        try:
            value = _DECODER.decode(text)
        except (ValueError, RecursionError):
            return BadRow("not JSON")
        return self.of(value)

    def of(self, value: object) -> CallRow | BadRow:
        if not isinstance(value, dict):
            return BadRow("not a JSON object")
        if self._is_first:
            self._columns.require_mapped(value)
            self._is_first = False
        try:
            return parse_call(self._columns.record_of(value))
        except BadRow as reason:
            return without_row(reason)


def _integer(digits: str) -> float:
    # Python refuses to convert very many digits, and no figure of a call has so many.
    return int(digits) if len(digits) < 1000 else math.inf


_DECODER = json.JSONDecoder(parse_int=_integer)


class _JsonText:
    """The part of a long JSON text that is being read, and the line it has come to."""

    def __init__(self, text: Text) -> None:
        self.line = 1
        self._text = text
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

    def take_value(self) -> tuple[object, str]:
        """Take a whole JSON value; returns it and how it was written."""
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
            written = self._part[self._at : end]
            self._advance(end)
            return value, written

    def _read_more_of_value(self) -> bool:
        if len(self._part) - self._at > LONGEST_ROW:
            raise OperatorError(
                f"the value at line {self.line} does not end within {LONGEST_ROW:,} characters"
            )
        return self._read_more()

    def _read_more(self) -> bool:
        chunk = self._text.read()
        self._part = self._part[self._at :] + chunk
        self._at = 0
        return bool(chunk)

    def _advance(self, end: int) -> None:
        self.line += self._part.count("\n", self._at, end)
        self._at = end

    def _broken(self) -> OperatorError:
        return OperatorError(f"the file is not valid JSON at or after line {self.line}")
