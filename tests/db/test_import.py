"""Importing exports: three formats, bad rows, repetition, and other organizations' calls."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import select

from db import call_files
from db.call_files import FileRow, read_call_file
from db.call_rows import FIELD_NAMES, BadRow, CallRow, parse_call
from db.engine import connect
from db.errors import OperatorError
from db.importing import ImportReport, import_calls
from db.models import Assistant, Call
from tests.platform import Platform

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
        "+15550001",
        "completed",
        300,
        datetime(2026, 3, 3, 12),
        datetime(2026, 3, 3, 12, 5),
    ),
    CallRow("CA2", "Sales, Rep", "", "busy", None, datetime(2026, 3, 4, 0, 0, 0, 1), None),
]

_text = st.text(
    st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp", "Zs")), min_size=1, max_size=20
)
_moments = st.none() | st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1))
_call_rows = st.builds(
    CallRow, _text, _text, _text, _text, st.none() | st.integers(0, 2**31 - 1), _moments, _moments
)


def test_csv_is_read(tmp_path: Path) -> None:
    assert _calls(_file(tmp_path, CSV)) == CALLS


def test_csv_may_begin_with_a_byte_order_mark_and_have_other_columns(tmp_path: Path) -> None:
    text = "\ufeffStatus,Extra,call_sid,Started At,Assistant Name\r\nbusy,x,CA1,,Bot\r\n"

    assert _calls(_file(tmp_path, text)) == [CallRow("CA1", "Bot", "", "busy", None, None, None)]


@pytest.mark.parametrize("style", ["json", "indented json", "json lines"])
@pytest.mark.parametrize("names", ["headings", "json names"])
def test_json_is_read(tmp_path: Path, style: str, names: str) -> None:
    records = [_record(call, headings=names == "headings") for call in CALLS]

    assert _calls(_file(tmp_path, _write(records, style))) == CALLS


@given(calls=st.lists(_call_rows, max_size=8), chunk=st.integers(1, 40), data=st.data())
@hypothesis_settings(max_examples=150)
def test_what_was_written_is_read(
    tmp_path: Path, calls: list[CallRow], chunk: int, data: st.DataObject
) -> None:
    style = data.draw(st.sampled_from(["json", "indented json", "json lines", "csv"]))
    if style == "csv" or (style == "json lines" and not calls):
        text = _write_csv(calls)
    else:
        text = _write([_record(call, headings=False) for call in calls], style)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(call_files, "CHUNK_CHARACTERS", chunk)
        assert _calls(_file(tmp_path, text)) == calls


def test_a_row_is_known_by_the_line_where_it_begins(tmp_path: Path) -> None:
    text = f'{HEADINGS}\n1,CA1,"Two\nlines",,x,,,\n\n2,CA2,Bot,,busy,,,\nshort\n'

    assert [row.line for row in read_call_file(_file(tmp_path, text))] == [2, 5, 6]
    assert [
        row.line
        for row in read_call_file(_file(tmp_path, '[\n {\n"a":\n1}\n, 12,\n\n {"b": 2}, [\n]]'))
    ] == [2, 5, 7, 7]
    assert [
        row.line for row in read_call_file(_file(tmp_path, '{"a": 1}\n\n{"b": 2}\n{broken\n'))
    ] == [1, 3, 4]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"call_sid": None}, "Call SID is missing"),
        ({"call_sid": "  "}, "Call SID is missing"),
        ({"call_sid": "x" * 101}, "Call SID is longer than 100 characters"),
        ({"call_sid": 12}, "Call SID must be text"),
        ({"assistant_name": ""}, "Assistant Name is missing"),
        ({"assistant_name": "a\0b"}, "Assistant Name has a character that is no text"),
        ({"assistant_name": "\ud800"}, "Assistant Name has a character that is no text"),
        ({"status": None}, "Status is missing"),
        ({"customer_phone_number": "+" * 21}, "Customer Phone is longer than 20 characters"),
        ({"duration": "12.5"}, "Duration (seconds) must be a whole number of seconds, not '12.5'"),
        ({"duration": -1}, "Duration (seconds) must be a whole number of seconds, not -1"),
        ({"duration": True}, "Duration (seconds) must be a whole number of seconds, not True"),
        (
            {"duration": 2**31},
            "Duration (seconds) must be a whole number of seconds, not 2147483648",
        ),
        (
            {"started_at": "yesterday"},
            "Started At must be a time like 2026-03-10T12:00:00, not 'yesterday'",
        ),
        (
            {"ended_at": "0001-01-01T00:00:00+10:00"},
            "Ended At must be a time like 2026-03-10T12:00:00, not '0001-01-01T00:00:00+10:00'",
        ),
    ],
)
def test_a_bad_row_says_what_is_wrong(change: dict[str, Any], reason: str) -> None:
    record = _record(CALLS[0], headings=False) | change

    with pytest.raises(BadRow) as refusal:
        parse_call(record)
    assert str(refusal.value) == reason


def test_a_time_with_a_zone_becomes_utc() -> None:
    zone = timezone(timedelta(hours=5, minutes=30))
    moment = datetime(2026, 3, 10, 17, 30, tzinfo=zone)

    for text in (moment.isoformat(), moment.astimezone(UTC).isoformat(), "2026-03-10T12:00:00Z"):
        assert parse_call(
            _record(CALLS[0], headings=False) | {"started_at": text}
        ).started_at == datetime(2026, 3, 10, 12)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file's first line has no column 'Call SID'"),
        (b"Call SID,Status\n", "the file's first line has no column 'Assistant Name'"),
        (b"[", "the file is not valid JSON at or after line 1"),
        (b'[{"a": 1}\n {"b": 2}]', "the file is not valid JSON at or after line 2"),
        (b'[{"a": 1},\n', "the file is not valid JSON at or after line 2"),
        (b"[" * 100_000, "the file is not valid JSON at or after line 1"),
        (b"\xff\xfe", "is not UTF-8 text"),
    ],
)
def test_a_file_that_is_no_export_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "calls"
    path.write_bytes(content)

    with pytest.raises(OperatorError, match=reason.replace("(", r"\(")):
        list(read_call_file(path))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="cannot be read: No such file"):
        list(read_call_file(tmp_path / "calls.csv"))


@pytest.mark.parametrize("style", ["csv", "json", "json lines"])
def test_a_large_file_is_never_held(tmp_path: Path, style: str) -> None:
    calls = [CALLS[0]] * 20_000
    records = [_record(call, headings=False) for call in calls]
    path = _file(tmp_path, _write_csv(calls) if style == "csv" else _write(records, style))

    first = next(read_call_file(path))

    assert first.position < path.stat().st_size / 10


def test_calls_are_imported_and_their_assistants_made(platform: Platform, tmp_path: Path) -> None:
    organization = platform.add_organization("acme")
    known = platform.add_assistant(organization, "Support Bot")

    report, bad_rows = _import(platform, _file(tmp_path, CSV))

    assert (report.added, report.updated, report.rejected, bad_rows) == (2, 0, 0, [])
    assert _stored(platform) == [
        ("CA1", "Support Bot", organization, "completed", 300, datetime(2026, 3, 3, 12)),
        ("CA2", "Sales, Rep", organization, "busy", None, datetime(2026, 3, 4, 0, 0, 0, 1)),
    ]
    assert known in platform.run(_column(platform, Call.assistant_id))


def test_importing_twice_changes_nothing(platform: Platform, tmp_path: Path) -> None:
    platform.add_organization("acme")
    path = _file(tmp_path, CSV)
    _import(platform, path)
    before = _stored(platform)

    report, _ = _import(platform, path)

    assert (report.added, report.updated, report.rejected) == (0, 2, 0)
    assert _stored(platform) == before


def test_a_later_row_updates_the_call(platform: Platform, tmp_path: Path) -> None:
    organization = platform.add_organization("acme")
    text = CSV + "3,CA1,Night Bot,+1555,failed,7,2026-03-05T00:00:00,\n"

    report, _ = _import(platform, _file(tmp_path, text))

    assert (report.added, report.updated) == (2, 1)
    assert _stored(platform)[0] == (
        "CA1",
        "Night Bot",
        organization,
        "failed",
        7,
        datetime(2026, 3, 5),
    )


def test_bad_rows_are_reported_and_the_rest_goes_in(platform: Platform, tmp_path: Path) -> None:
    platform.add_organization("acme")
    text = CSV + "3,CA3,Bot,,completed,soon,,\n4,CA4,Bot,,completed,1,,\n5\n"

    report, bad_rows = _import(platform, _file(tmp_path, text))

    assert (report.added, report.rejected) == (3, 2)
    assert bad_rows == [
        (4, "Duration (seconds) must be a whole number of seconds, not 'soon'"),
        (6, "1 columns, where the first line has 8"),
    ]


def test_strict_takes_all_or_nothing(platform: Platform, tmp_path: Path) -> None:
    platform.add_organization("acme")
    path = _file(tmp_path, CSV + "3,CA3,Bot,,completed,soon,,\n")

    with pytest.raises(OperatorError, match="nothing was imported: 1 bad rows"):
        _import(platform, path, strict=True)
    assert _stored(platform) == []

    report, _ = _import(platform, _file(tmp_path, CSV), strict=True)
    assert report.added == 2


def test_another_organization_s_call_is_not_taken(platform: Platform, tmp_path: Path) -> None:
    platform.add_organization("acme")
    other = platform.add_organization("other")
    assistant = platform.add_assistant(other, "Other Bot")
    platform.add_calls([{"assistant_id": assistant, "call_sid": "CA1", "status": "ongoing"}])

    report, bad_rows = _import(platform, _file(tmp_path, CSV))

    assert (report.added, report.rejected) == (1, 1)
    assert bad_rows == [(2, "Call SID is the call of another organization")]
    assert _stored(platform)[0][:4] == ("CA1", "Other Bot", other, "ongoing")


def test_a_single_line_may_hold_many_calls(platform: Platform, tmp_path: Path) -> None:
    platform.add_organization("acme")
    records = [_record(call, headings=False) for call in CALLS]

    report, _ = _import(platform, _file(tmp_path, json.dumps([*records, 1, 2])))

    assert (report.added, report.rejected) == (2, 2)


def test_batches_make_no_difference(platform: Platform, tmp_path: Path) -> None:
    platform.add_organization("acme")
    calls = [CALLS[number % 2]._replace(call_sid=f"CA{number % 50}") for number in range(120)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("db.importing.BATCH_ROWS", 7)
        report, _ = _import(platform, _file(tmp_path, _write_csv(calls)))

    assert (report.added, report.updated, report.rejected) == (50, 70, 0)
    assert len(_stored(platform)) == 50


def _file(directory: Path, text: str) -> Path:
    path = directory / "calls"
    path.write_text(text, encoding="utf-8", newline="")
    return path


def _calls(path: Path) -> list[CallRow]:
    rows: list[FileRow] = list(read_call_file(path))
    for row in rows:
        assert isinstance(row.content, CallRow), row
    return [row.content for row in rows if isinstance(row.content, CallRow)]


def _record(call: CallRow, *, headings: bool) -> dict[str, Any]:
    values: dict[str, Any] = call._asdict()
    for name in ("started_at", "ended_at"):
        values[name] = values[name] and values[name].isoformat()
    if headings:
        return {"Call ID": 1} | {FIELD_NAMES[name]: value for name, value in values.items()}
    return {"id": 1} | values


def _write(records: list[dict[str, Any]], style: str) -> str:
    if style == "json lines":
        return "".join(f"{json.dumps(record)}\n" for record in records)
    return json.dumps(records, indent=2 if style == "indented json" else None)


def _write_csv(calls: list[CallRow]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, HEADINGS.split(","))
    writer.writeheader()
    writer.writerows(_record(call, headings=True) for call in calls)
    return text.getvalue()


def _import(
    platform: Platform, path: Path, *, strict: bool = False
) -> tuple[ImportReport, list[tuple[int, str]]]:
    bad_rows: list[tuple[int, str]] = []
    report = platform.run(
        import_calls(
            platform.writer,
            path,
            "acme",
            strict=strict,
            on_bad_row=lambda line, reason: bad_rows.append((line, reason)),
            on_progress=lambda _report: None,
        )
    )
    return report, bad_rows


def _stored(platform: Platform) -> list[tuple[Any, ...]]:
    async def read() -> list[tuple[Any, ...]]:
        async with connect(platform.reader) as connection:
            rows = await connection.execute(
                select(
                    Call.call_sid,
                    Assistant.name,
                    Assistant.organization_id,
                    Call.status,
                    Call.duration,
                    Call.started_at,
                )
                .join(Assistant)
                .order_by(Call.call_sid)
            )
            return [tuple(row) for row in rows]

    return list(platform.run(read()))


async def _column(platform: Platform, column: Any) -> list[Any]:
    async with connect(platform.reader) as connection:
        return list(await connection.scalars(select(column)))
