"""Reading exports: three formats, bad rows, and files that are no exports."""

import json
import os
import re
import tracemalloc
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from call_analytics.db.calls import importing, json_objects
from call_analytics.db.calls import text as call_text
from call_analytics.db.calls.columns import Columns
from call_analytics.db.calls.files import read_call_file
from call_analytics.db.calls.rows import BadRow, CallRow, FileRow, parse_call
from call_analytics.db.calls.sources import CallFile
from call_analytics.db.errors import OperatorError
from tests.db.calls.exports import (
    CALLS,
    CSV,
    HEADINGS,
    csv_of,
    export_file,
    json_of,
    record_of,
    rows_of,
)

_name = st.text(
    st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp", "Zs")), min_size=1, max_size=20
)
# What is odd in a table, more often than chance has it; white space at the ends does not count.
_text = (
    st.lists(
        st.sampled_from([*"'=+-@\",;\t\r\n ", "\r\n", "\uff1d"])
        | st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"),
        min_size=1,
        max_size=10,
    )
    .map(lambda parts: "".join(parts).strip())
    .filter(bool)
)
_moments = st.none() | st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1))
_call_rows = st.builds(
    CallRow,
    _text,
    _name,
    _text,
    _text,
    _text,
    st.none() | st.integers(0, 2**31 - 1),
    _moments,
    _moments,
)


def test_csv_is_read(tmp_path: Path) -> None:
    assert _calls(export_file(tmp_path, CSV)) == CALLS


def test_csv_may_begin_with_a_byte_order_mark_and_have_other_columns(tmp_path: Path) -> None:
    text = "\ufeffStatus,Extra,call_sid,Started At,Assistant Name\r\nbusy,x,CA1,,Bot\r\n"

    assert _calls(export_file(tmp_path, text)) == [
        CallRow("CA1", "Bot", "", "", "busy", None, None, None)
    ]


@pytest.mark.parametrize("style", ["json", "indented json", "json lines"])
@pytest.mark.parametrize("names", ["headings", "json names"])
def test_json_is_read(tmp_path: Path, style: str, names: str) -> None:
    records = [record_of(call, headings=names == "headings") for call in CALLS]

    assert _calls(export_file(tmp_path, json_of(records, style))) == CALLS


@given(calls=st.lists(_call_rows, max_size=8), chunk=st.integers(1, 40), data=st.data())
@hypothesis_settings(max_examples=150)
def test_what_was_written_is_read(
    tmp_path: Path, calls: list[CallRow], chunk: int, data: st.DataObject
) -> None:
    style = data.draw(st.sampled_from(["json", "indented json", "json lines", "csv"]))
    if style == "csv" or (style == "json lines" and not calls):
        text = csv_of(calls)
    else:
        text = json_of([record_of(call, headings=False) for call in calls], style)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(call_text, "CHUNK_CHARACTERS", chunk)
        assert _calls(export_file(tmp_path, text)) == calls


def test_a_row_is_known_by_the_line_where_it_begins(tmp_path: Path) -> None:
    text = f'{HEADINGS}\n1,CA1,"Two\nlines",,x,,,\n\n2,CA2,Bot,,busy,,,\nshort\n'

    assert [row.line for row in rows_of(export_file(tmp_path, text))] == [2, 5, 6]
    assert [
        row.line
        for row in rows_of(export_file(tmp_path, '[\n {\n"a":\n1}\n, 12,\n\n {"b": 2}, [\n]]'))
    ] == [2, 5, 7, 7]
    assert [
        row.line for row in rows_of(export_file(tmp_path, '{"a": 1}\n\n{"b": 2}\n{broken\n'))
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
    record = record_of(CALLS[0], headings=False) | change

    with pytest.raises(BadRow) as refusal:
        parse_call(record)
    assert str(refusal.value) == reason


def test_a_time_with_a_zone_becomes_utc() -> None:
    zone = timezone(timedelta(hours=5, minutes=30))
    moment = datetime(2026, 3, 10, 17, 30, tzinfo=zone)

    for text in (moment.isoformat(), moment.astimezone(UTC).isoformat(), "2026-03-10T12:00:00Z"):
        assert parse_call(
            record_of(CALLS[0], headings=False) | {"started_at": text}
        ).started_at == datetime(2026, 3, 10, 12)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b" \r\n\n", "the file is empty"),
        (b"Status\n", "the file's first line has no column 'Call SID'"),
        (b"Call SID,Status\n", "the file's first line has no column 'Assistant Name'"),
        (b"[", "the file is not valid JSON at or after line 1"),
        (b'[{"a": 1}\n {"b": 2}]', "the file is not valid JSON at or after line 2"),
        (b'[{"a": 1},\n', "the file is not valid JSON at or after line 2"),
        (b"[" * 100_000, "the file is not valid JSON at or after line 1"),
        (b"\xff\xfeC\0", "is UTF-16 text; save it as UTF-8"),
        (b"Call SID,\xe4", "is not UTF-8 text; save it as UTF-8"),
    ],
)
def test_a_file_that_is_no_export_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "calls"
    path.write_bytes(content)

    with pytest.raises(OperatorError, match=reason.replace("(", r"\(")):
        list(rows_of(path))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="cannot be read: No such file"):
        list(rows_of(tmp_path / "calls.csv"))


def test_a_file_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "calls"
    os.mkfifo(path)
    writer = Thread(target=path.write_text, args=(CSV,))
    writer.start()

    assert _calls(path) == CALLS
    writer.join()


@pytest.mark.parametrize("style", ["csv", "json", "json lines"])
def test_a_large_file_is_never_held(tmp_path: Path, style: str) -> None:
    calls = [CALLS[0]] * 20_000
    records = [record_of(call, headings=False) for call in calls]
    path = export_file(tmp_path, csv_of(calls) if style == "csv" else json_of(records, style))

    file = CallFile(path)
    next(read_call_file(file, Columns()))

    assert 0 < file.position < path.stat().st_size / 10
    assert file.size == path.stat().st_size


def test_a_row_that_is_too_long_is_passed_over(tmp_path: Path) -> None:
    too_long = (3, "the row is longer than 1,048,576 characters")
    good = (4, "CA2")
    for line in ("x" * (1 << 20), "x" * (3 << 20), '"' + "x" * (3 << 20), "," * (3 << 20)):
        text = f"{HEADINGS}\n1,CA1,Bot,,busy,,,\n{line}\n2,CA2,Bot,,busy,,,\n"
        for end in ("\n", "\r", "\r\n"):
            path = export_file(tmp_path, text.replace("\n", end))
            assert _seen(path) == [(2, "CA1"), too_long, good], (line[:2], len(line), end)
    for line in (json.dumps({"call_sid": "x" * (3 << 20)}), "[" * (3 << 20)):
        records = [json.dumps(record_of(call, headings=False)) for call in CALLS]
        path = export_file(tmp_path, "\n".join([records[0], "", line, records[1]]))
        assert _seen(path) == [(1, "CA1"), too_long, good]


def test_a_quotation_mark_that_is_not_closed_costs_few_rows(tmp_path: Path) -> None:
    rows = [f"{number},CA{number},Bot,,busy,,,\n" for number in range(20_000)]
    rows[0] = rows[0].replace("Bot", '"Bot')
    many = _seen(export_file(tmp_path, f"{HEADINGS}\n{''.join(rows)}"))

    assert many[0][0] == 2
    reason, first_line = re.fullmatch(
        r"(.*) \(the row goes on to line (\d+)\)", many[0][1]
    ).groups()  # type: ignore[union-attr]
    assert reason == "field larger than field limit (131072)"
    assert many[1:] == [
        (line, f"CA{line - 2}") for line in range(int(first_line) + 1, len(rows) + 2)
    ]
    assert len(many) > 10_000

    rows[1] = rows[1].replace("Bot", '"Bot"')
    assert _seen(export_file(tmp_path, f"{HEADINGS}\n{''.join(rows[:4])}")) == [
        (2, "',' expected after '\"' (the row goes on to line 3)"),
        (4, "CA2"),
        (5, "CA3"),
    ]
    assert _seen(export_file(tmp_path, f"{HEADINGS}\n{''.join(rows[2:4])}{rows[0]}")) == [
        (2, "CA2"),
        (3, "CA3"),
        (4, "unexpected end of data"),
    ]


@pytest.mark.parametrize("digits", [11, 999, 1_000, 4_301, 100_000])
def test_a_duration_may_have_any_number_of_digits(tmp_path: Path, digits: int) -> None:
    number = "9" * digits
    reason = "Duration (seconds) must be a whole number of seconds, not "
    csv_path = export_file(tmp_path, f"{HEADINGS}\n1,CA1,Bot,,busy,{number},,\n")
    assert _seen(csv_path) == [(2, f"{reason}{number!r:.40}")]

    record = json.dumps(record_of(CALLS[0], headings=False)).replace("300", number)
    for text in (record, f"[{record}]"):
        [(line, found)] = _seen(export_file(tmp_path, text))
        assert (line, found) == (1, f"{reason}{f'{number:.40}' if digits < 1_000 else 'inf'}")


def test_what_is_nested_deeply_is_a_bad_row(tmp_path: Path) -> None:
    for depth in (1, *range(50, 1_000, 50), 5_000):
        record = json.dumps(record_of(CALLS[0], headings=False) | {"started_at": "?"})
        record = record.replace('"?"', "[" * depth + "]" * depth)
        [(line, reason)] = _seen(export_file(tmp_path, record))
        assert line == 1
        assert reason in (
            "not JSON",
            "Started At must be a time like 2026-03-10T12:00:00, not an array",
        )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x" * 131_073, "the file's first line cannot be read: field larger than field limit"),
        ("x" * (2 << 20), "the file's first line cannot be read: the row is longer than 1,048,576"),
        ('"Call SID', "the file's first line cannot be read: unexpected end of data"),
        (f'[{{"a": "{"x" * (2 << 20)}"}}]', "the value at line 1 does not end within 1,048,576"),
        (f"[\n{'1' * (2 << 20)}]", "the value at line 2 does not end within 1,048,576"),
        (f"[1.{'1' * (2 << 20)}]", "the value at line 1 does not end within 1,048,576"),
        ("[" * (2 << 20), "the file is not valid JSON at or after line 1"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(OperatorError) as refusal:
        list(rows_of(export_file(tmp_path, content)))

    assert str(refusal.value).startswith(message)
    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize(
    ("before", "part", "times", "after"),
    [
        pytest.param(f"{HEADINGS}\n", "x", 1 << 25, "\n", id="csv line"),
        pytest.param("", "x", 1 << 25, "", id="csv heading"),
        pytest.param(f"{HEADINGS}\n", 'x","\n', 400_000, "", id="csv quotation marks"),
        pytest.param('{"a": "', "x", 1 << 25, '"}\n', id="json line"),
        pytest.param("{}\n", f'{{"call_sid": "{"x" * 1_000_000}"}}\n', 32, "", id="json lines"),
        pytest.param("{}\n", "x" * 1_100_000 + "\n", 32, "", id="long json lines"),
        pytest.param(f"{HEADINGS}\n", "x" * 1_100_000 + "\n", 32, "", id="long csv lines"),
        pytest.param("[1", f',{{"call_sid": "{"x" * 1_000_000}"}}\n', 32, "]", id="json array"),
        pytest.param('["', "x", 1 << 25, '"]', id="json text"),
        pytest.param("[", "1", 1 << 25, "]", id="json number"),
        pytest.param("", " ", 1 << 25, "", id="space"),
    ],
)
def test_no_more_than_a_row_is_held(
    tmp_path: Path, before: str, part: str, times: int, after: str
) -> None:
    path = export_file(tmp_path, before + part * times + after)
    tracemalloc.start()
    with suppress(OperatorError):
        for batch in importing._batches(rows_of(path)):
            assert not any(isinstance(row.content, CallRow) for row in batch)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 24 << 20


_ANY_BYTES = st.one_of(
    st.binary(max_size=200),
    st.lists(
        st.sampled_from(
            [
                *(b'"', b",", b"\n", b"\r", b"\0", b" ", b"[", b"]", b"{", b"}", b":", b"\\"),
                *(b'"call_sid"', b'"CA1"', b"CA1", b"-1", b"1e400", b"NaN", b"null", b"true"),
                *(b"\xef\xbb\xbf", b"\xff", b"\xe2\x80\xae", b"9" * 50, b"x" * 50),
            ]
        ),
        max_size=60,
    ).map(b"".join),
)


@given(
    start=st.sampled_from([b"", f"{HEADINGS}\n".encode(), b"[", b"{"]),
    rest=_ANY_BYTES,
    longest=st.integers(1, 200),
    chunk=st.integers(1, 40),
)
@hypothesis_settings(max_examples=200)
def test_any_bytes_are_rows_or_one_refusal(
    tmp_path: Path, start: bytes, rest: bytes, longest: int, chunk: int
) -> None:
    path = tmp_path / "calls"
    path.write_bytes(start + rest)
    lines = 1 + len(re.findall(rb"\r\n|\r|\n", start + rest))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(call_text, "CHUNK_CHARACTERS", chunk)
        for module in (call_text, json_objects):
            patch.setattr(module, "LONGEST_ROW", longest)
        rows = []
        with suppress(OperatorError):
            for row in rows_of(path):
                rows.append(row)  # noqa: PERF402 - those before a refusal count
        assert [row.line for row in rows] == sorted(row.line for row in rows)
        assert all(1 <= row.line <= lines for row in rows)
        assert {type(row.content) for row in rows} <= {CallRow, BadRow}


def _seen(path: Path) -> list[tuple[int, str]]:
    """Each row's line, and its SID or what is wrong with it."""
    return [
        (row.line, row.content.call_sid if isinstance(row.content, CallRow) else str(row.content))
        for row in rows_of(path)
    ]


def _calls(path: Path) -> list[CallRow]:
    rows: list[FileRow] = list(rows_of(path))
    for row in rows:
        assert isinstance(row.content, CallRow), row
    return [row.content for row in rows if isinstance(row.content, CallRow)]
