"""Reading the platform's call exports row by row: tables, JSON and JSON Lines.

No more than one row and one chunk is ever held, and no more of a row than it may have, so a file
may be of any size and hold anything.
"""

from collections.abc import Iterator

from call_analytics.db.calls.columns import Columns
from call_analytics.db.calls.json_objects import read_json_array, read_json_lines
from call_analytics.db.calls.rows import FileRow
from call_analytics.db.calls.sources import CallFile
from call_analytics.db.calls.tables import read_table
from call_analytics.db.calls.text import Text


def read_call_file(file: CallFile, columns: Columns) -> Iterator[FileRow]:
    """The rows of an export, whose format is told by its first character.

    Raises:
        OperatorError: where the file cannot be read as any of the formats; rows before the place
            that cannot be read have been yielded by then.
    """
    with file.open() as opened:
        text = Text(opened)
        read = {"[": read_json_array, "{": read_json_lines}.get(text.first_character(), read_table)
        yield from read(text, columns)
