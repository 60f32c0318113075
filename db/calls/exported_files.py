"""Writing calls as files that ``call-analytics import`` reads, and spreadsheets and programs too.

Both formats have the columns of the platform's own exports under the same names, and some more,
which an import passes over.
"""

import csv
import io
from collections.abc import Iterable
from datetime import datetime
from enum import Enum
from typing import NamedTuple, Protocol

import orjson

from call_analytics.db.calls.formulas import made_harmless
from call_analytics.db.calls.rows import FIELD_NAMES


class FileFormat(Enum):
    """The formats; the value is the end of a file's name."""

    CSV = "csv"
    JSONL = "jsonl"


class ExportedCall(NamedTuple):
    """A row. Timestamps carry no zone and are UTC, but for the last."""

    id: int
    call_sid: str
    assistant_id: int
    assistant_name: str
    to_phone_number: str | None
    customer_phone_number: str | None
    status: str
    duration: int | None
    """Seconds."""
    started_at: datetime | None
    ended_at: datetime | None
    started_at_local: datetime | None
    """With its offset from UTC."""


LOCAL = "started_at_local"
"""The field that is there only where local times are asked for."""


class Writer(Protocol):
    """Writes a file, part by part."""

    def head(self) -> bytes:
        """What comes before the first row."""
        ...

    def rows(self, calls: Iterable[ExportedCall]) -> bytes:
        """Some rows."""
        ...


def writer_for(file_format: FileFormat, zone: str | None) -> Writer:
    """The writer of a format; with the name of a zone there is a column of its local times."""
    return _Table(zone) if file_format is FileFormat.CSV else _Lines(has_local=zone is not None)


class _Table:
    """CSV, as RFC 4180 describes it."""

    def __init__(self, zone: str | None) -> None:
        headings = {"id": "Call ID", "assistant_id": "Assistant ID", **FIELD_NAMES}
        fields = ExportedCall._fields if zone is not None else _without_local()
        self._headings = [
            f"{headings['started_at']} ({zone})" if field == LOCAL else headings[field]
            for field in fields
        ]
        self._has_local = zone is not None

    def head(self) -> bytes:
        return _table([self._headings])

    def rows(self, calls: Iterable[ExportedCall]) -> bytes:
        return _table(map(self._cells, calls))

    def _cells(self, call: ExportedCall) -> list[object]:
        cells = [
            call.id,
            made_harmless(call.call_sid),
            call.assistant_id,
            made_harmless(call.assistant_name),
            made_harmless(call.to_phone_number or ""),
            made_harmless(call.customer_phone_number or ""),
            made_harmless(call.status),
            call.duration,
            call.started_at and f"{call.started_at.isoformat()}Z",
            call.ended_at and f"{call.ended_at.isoformat()}Z",
        ]
        if self._has_local:
            cells.append(call.started_at_local and call.started_at_local.isoformat())
        return cells


def _table(rows: Iterable[list[object]] | Iterable[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


class _Lines:
    """JSON Lines: an object a row."""

    def __init__(self, *, has_local: bool) -> None:
        self._fields = ExportedCall._fields if has_local else _without_local()

    def head(self) -> bytes:
        return b""

    def rows(self, calls: Iterable[ExportedCall]) -> bytes:
        options = orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE
        return b"".join(
            orjson.dumps(dict(zip(self._fields, call, strict=False)), option=options)
            for call in calls
        )


def _without_local() -> tuple[str, ...]:
    return tuple(field for field in ExportedCall._fields if field != LOCAL)
