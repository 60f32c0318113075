"""Reading an export that is a table: a first line of headings, and a call a row."""

import csv
from collections.abc import Iterator
from itertools import chain

from call_analytics.db.calls.columns import Columns
from call_analytics.db.calls.formulas import as_it_was
from call_analytics.db.calls.rows import BadRow, CallRow, FileRow, parse_call, without_row
from call_analytics.db.calls.text import Lines, Text
from call_analytics.db.errors import OperatorError

DELIMITERS = (",", ";", "\t")


def read_table(text: Text, columns: Columns) -> Iterator[FileRow]:
    """The rows of a table whose cells are separated by commas, semicolons or tabs.

    Raises:
        OperatorError: where its first line does not say where a call's fields are.
    """
    lines = Lines(text)
    try:
        reader, fields = _begin(lines, columns)
    except (csv.Error, BadRow) as error:
        raise OperatorError(f"the file's first line cannot be read: {error}") from None
    while True:
        line = lines.number + 1
        lines.begin_row()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, BadRow) as error:
            content: CallRow | BadRow = without_row(error)
        else:
            if not cells:
                continue
            content = _call_in(cells, fields)
        if isinstance(content, BadRow) and lines.number > line:
            content = BadRow(f"{content} (the row goes on to line {lines.number})")
        yield FileRow(line, content, lines.row)


def _begin(lines: Lines, columns: Columns) -> "tuple[Iterator[list[str]], list[str | None]]":
    first = next((line for line in lines if not line.isspace()), "")
    if not first:
        raise OperatorError("the file is empty")
    delimiter = max(DELIMITERS, key=lambda one: columns.known(_cells(first, one)))
    # Strict, for a quotation mark that is not closed must not make one cell of many rows.
    reader = csv.reader(chain([first], lines), delimiter=delimiter, strict=True)
    headings = [heading.strip() for heading in next(reader, [])]
    return reader, columns.fields_of(headings)


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _call_in(cells: list[str], fields: list[str | None]) -> CallRow | BadRow:
    if len(cells) != len(fields):
        return BadRow(f"{len(cells)} columns, where the first line has {len(fields)}")
    record = {
        field: as_it_was(cell)
        for field, cell in zip(fields, cells, strict=True)
        if field is not None
    }
    try:
        return parse_call(record)
    except BadRow as reason:
        return without_row(reason)
