"""Call exports as tests write them."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from call_analytics.db.calls.columns import Columns
from call_analytics.db.calls.files import read_call_file
from call_analytics.db.calls.formulas import made_harmless
from call_analytics.db.calls.rows import FIELD_NAMES, CallRow, FileRow
from call_analytics.db.calls.sources import CallFile

HEADINGS = (
    "Call ID,Call SID,Assistant Name,Customer Phone,Status,Duration (seconds),Started At,Ended At"
)
CSV = f"""{HEADINGS}
1,CA1,Support Bot,+15550001,completed,300,2026-03-03T12:00:00,2026-03-03T12:05:00
2,CA2,"Sales, Rep",,busy,,2026-03-04T00:00:00.000001,
"""
CALLS = [
    CallRow(
        "CA1",
        "Support Bot",
        "",
        "+15550001",
        "completed",
        300,
        datetime(2026, 3, 3, 12),
        datetime(2026, 3, 3, 12, 5),
    ),
    CallRow("CA2", "Sales, Rep", "", "", "busy", None, datetime(2026, 3, 4, 0, 0, 0, 1), None),
]


def export_file(directory: Path, text: str) -> Path:
    path = directory / "calls"
    path.write_text(text, encoding="utf-8", newline="")
    return path


def rows_of(path: Path, columns: Columns | None = None) -> Iterator[FileRow]:
    return read_call_file(CallFile(path), columns or Columns())


def record_of(call: CallRow, *, headings: bool) -> dict[str, Any]:
    values: dict[str, Any] = call._asdict()
    for name in ("started_at", "ended_at"):
        values[name] = values[name] and values[name].isoformat()
    if headings:
        return {"Call ID": 1} | {FIELD_NAMES[name]: value for name, value in values.items()}
    return {"id": 1} | values


def json_of(records: list[dict[str, Any]], style: str) -> str:
    if style == "json lines":
        return "".join(f"{json.dumps(record)}\n" for record in records)
    return json.dumps(records, indent=2 if style == "indented json" else None)


def csv_of(calls: list[CallRow]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, ["Call ID", *FIELD_NAMES.values()])
    writer.writeheader()
    for call in calls:
        cells = record_of(call, headings=True)
        writer.writerow(
            {
                heading: made_harmless(cell) if isinstance(cell, str) else cell
                for heading, cell in cells.items()
            }
        )
    return text.getvalue()
