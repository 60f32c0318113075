"""``call-analytics import``, as its users run it."""

import asyncio
import csv
import gzip
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import pytest
from sqlalchemy import select, text

from call_analytics.cli import import_screen
from call_analytics.db.calls import importing
from call_analytics.db.engine import connect
from call_analytics.db.models import Call, Organization
from tests.command import COMMAND, WAIT_SECONDS, environment, run_here, wait_until
from tests.platform import Platform
from tests.postgres import PostgresCluster
from tests.terminal import CTRL_C, on_terminal

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

HEADINGS = "Call SID,Assistant Name,Customer Phone,Status,Duration (seconds),Started At,Ended At"
CSV = f"""{HEADINGS}
CA1,Support Bot,+15550001,completed,300,2026-03-03T12:00:00,
CA2,Sales Rep,+15550001,completed,never,2026-03-03T12:00:00,
"""
NEW = ("--create", "--organization", "acme")
INTERRUPTED = (
    "call-analytics: interrupted; nothing was imported; to go on, run the same command again"
)
ENDING = "Ending after what the database is doing now; Ctrl-C again ends at once."
BATCH = 100
"""How many rows of ``_long_table`` an import stores at once."""
WHERE_IT_GOES_ON = (
    "and this stays; to go on, run the same command again: "
    "calls that are in are updated, not added twice"
)


@pytest.fixture
def directory(sqlite_template: Path, tmp_path: Path) -> Path:
    """A working directory with an empty database."""
    shutil.copy(sqlite_template, tmp_path / "call-analytics.db")
    return tmp_path


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(lambda raw: raw, id="plain"),
        pytest.param(gzip.compress, id="gzip"),
        pytest.param(lambda raw: gzip.compress(raw[:90]) + gzip.compress(raw[90:]), id="two gzip"),
        pytest.param(zstd.compress, id="zstd"),
        pytest.param(lambda raw: zstd.compress(raw[:90]) + zstd.compress(raw[90:]), id="two zstd"),
        pytest.param(lambda raw: b"\x53\x2a\x4d\x18\1\0\0\0?" + zstd.compress(raw), id="skipped"),
    ],
)
def test_a_compressed_file_is_known_by_its_first_bytes(directory: Path, content: Any) -> None:
    path = directory / "calls.txt"
    path.write_bytes(content(CSV.replace("never", "4").encode()))

    named = run_here(directory, "import", "calls.txt", *NEW)
    assert (named.stdout, named.stderr, named.returncode) == (
        "2 added, 0 updated, 0 rejected.\n",
        "",
        0,
    )
    with path.open("rb") as file:
        opened = run_here(directory, "import", "-", stdin=file)
    with subprocess.Popen(["cat", path], stdout=subprocess.PIPE) as cat:
        piped = run_here(directory, "import", "-", stdin=cat.stdout)
    for again in (opened, piped):
        assert (again.stdout, again.stderr, again.returncode) == (
            "0 added, 2 updated, 0 rejected.\n",
            "",
            0,
        )


def test_a_table_of_another_system(platform: Platform, tmp_path: Path) -> None:
    """Semicolons, headings in any case, and some that mean nothing to us."""
    platform.add_organization("acme")
    (tmp_path / "calls.csv").write_text(
        "\ufeff CALL_SID ;assistant name;STATUS;Begin ;price, EUR\r\n"
        "CA1;Bot, the;completed;2026-03-03 12:00:00;1,50\r\n"
        "CA2;Bot, the;COMPLETED;;2\r\n"
        "CA3;Bot, the;Failed;2999-01-01T02:00:00+02:00;\r\n"
        "CA4;Bot, the;no-answer;2999-01-01T00:00:01;\r\n"
        "CA5;Bot, the;no-answer;2026-03-03;\r\n"
    )

    done = run_here(
        tmp_path,
        "import",
        "calls.csv",
        "--column",
        "started at= BEGIN",
        DATABASE_URL=platform.url,
    )

    assert (done.stderr, done.returncode) == ("", 0)
    assert done.stdout == (
        "5 added, 0 updated, 0 rejected.\n"
        "Without a start time: 1 (they count in no window).\n"
        "Starting in the future: 2, the latest at 2999-01-01 00:00:01 UTC "
        "(a time without an offset is read as UTC).\n"
        "With a status that is none of completed, failed, ongoing: 4 "
        "(they count in totals only).\n"
        "         2  no-answer\n"
        "         1  COMPLETED: counts as none of completed, failed, ongoing, "
        "which are compared exactly; write 'completed'\n"
        "         1  Failed: counts as none of completed, failed, ongoing, "
        "which are compared exactly; write 'failed'\n"
    )
    assert _statuses(platform) == {
        "CA1": "completed",
        "CA2": "COMPLETED",
        "CA3": "Failed",
        "CA4": "no-answer",
        "CA5": "no-answer",
    }


def test_many_other_statuses_are_told_in_few_lines(directory: Path) -> None:
    rows = [f"CA{number},Bot,,s{number % 1_500}\x1b,,," for number in range(1_520)]
    (directory / "calls.csv").write_text("\n".join([HEADINGS, *rows]))

    lines = run_here(directory, "import", "calls.csv", *NEW).stdout.splitlines()

    assert lines[2] == (
        "With a status that is none of completed, failed, ongoing: 1,520 "
        "(they count in totals only)."
    )
    assert lines[3:-1] == [f"         2  s{number}\\x1b" for number in range(10)]
    assert lines[-1] == "     1,500  other statuses"


def test_a_help_that_says_which_side_is_which(tmp_path: Path) -> None:
    told = " ".join(run_here(tmp_path, "import", "--help").stdout.replace("│", " ").split())

    assert "COLUMN=HEADING" in told
    assert "the column, then the file's heading, like 'Started At=begin'" in told


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["--column", "Started At=begin"],
            (
                "--column 'Started At=begin': the file has no heading 'begin' (it has: Call SID, "
                "Assistant Name, Customer Phone, Status, Duration (seconds), Started At, Ended At)"
            ),
        ),
        (
            ["--column", "Start=Started At"],
            (
                "--column 'Start=Started At': there is no column 'Start'; the columns are: "
                "Call SID, Assistant Name, To Phone, Customer Phone, Status, Duration (seconds), "
                "Started At, Ended At"
            ),
        ),
        (
            ["--column", "Started At"],
            (
                "--column 'Started At' must be a column and its heading in the file, "
                "like 'Started At=begin'"
            ),
        ),
        (
            ["--column", "Started At=a", "--column", "started_at=b"],
            "--column names 'Started At' twice",
        ),
        (
            ["--column", "Started At=a", "--column", "Ended At=A"],
            "--column gives the heading 'A' to two columns",
        ),
        (
            ["--organization", "ac\nme", "--create"],
            r"the organization's name has a line break or a control character: 'ac\nme'",
        ),
        (
            ["--organization", "ac\u2028me", "--create"],
            r"the organization's name has a line break or a control character: 'ac\u2028me'",
        ),
        (
            ["--organization", "ac\x1bme", "--create"],
            r"the organization's name has a line break or a control character: 'ac\x1bme'",
        ),
        (
            ["--organization", "ac\udcffme", "--create"],
            r"the organization's name has a character that is no text: 'ac\udcffme'",
        ),
        (
            ["--organization", "x" * 101, "--create"],
            f"the organization's name is longer than 100 characters: '{'x' * 79}",
        ),
        (
            ["--organization", " ", "--create"],
            "the organization's name is empty: ' '",
        ),
        (
            ["--organization", "other"],
            "there is no organization 'other' (there are: acme)",
        ),
        (
            ["--rejects", "calls.csv"],
            "--rejects calls.csv is the file to be imported; name another",
        ),
        (["--rejects", "."], "--rejects . cannot be written: Is a directory"),
        (["--rejects", "a/b"], "--rejects a/b cannot be written: No such file or directory"),
    ],
)
def test_a_mistake_is_told_before_anything_is_imported(
    directory: Path, arguments: list[str], line: str
) -> None:
    (directory / "empty.csv").write_text(HEADINGS)
    run_here(directory, "import", "empty.csv", *NEW)
    (directory / "calls.csv").write_text(CSV)

    result = run_here(directory, "import", "calls.csv", *arguments)

    assert (result.stderr, result.returncode) == (f"call-analytics: {line}\n", 1)
    assert result.stdout == ""
    assert (directory / "calls.csv").read_text() == CSV
    assert _count(directory) == 0


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "the file is empty"),
        (gzip.compress(b"", mtime=0), "the file is empty"),
        (CSV.encode("utf-16"), "calls is UTF-16 text; save it as UTF-8"),
        (CSV.replace("Bot", "Bär").encode("latin-1"), "calls is not UTF-8 text; save it as UTF-8"),
        (
            HEADINGS.replace("Status", "Sta\0tus").encode(),
            (
                "the file's first line has no column 'Status' (it has: Call SID, Assistant Name, "
                r"Customer Phone, Sta\x00tus, Duration (seconds), Started At, Ended At); "
                "if another heading stands for it: --column 'Status=HEADING'"
            ),
        ),
        (
            f"{HEADINGS},CALL_SID\n".encode(),
            (
                "the file's first line has 'Call SID' and 'CALL_SID' (columns 1 and 8), "
                "which both stand for 'Call SID'; rename one of them"
            ),
        ),
        (
            gzip.compress(CSV.encode(), mtime=0)[:-12],
            (
                "calls is damaged or cut short: "
                "Compressed file ended before the end-of-stream marker was reached"
            ),
        ),
        (
            zstd.compress(CSV.encode())[:-12],
            (
                "calls is damaged or cut short: "
                "Compressed file ended before the end-of-stream marker was reached"
            ),
        ),
        (
            gzip.compress(b"\0" * (1 << 25), mtime=0),
            "the file's first line cannot be read: the row is longer than 1,048,576 characters",
        ),
        (
            zstd.compress(b" " * (1 << 25)),
            "the file's first line cannot be read: the row is longer than 1,048,576 characters",
        ),
    ],
    ids=[
        *("empty", "empty gzip", "utf-16", "latin-1", "nul", "heading twice"),
        *("short gzip", "short zstd", "gzip bomb", "zstd bomb"),
    ],
)
def test_a_file_that_is_no_export_is_told_in_one_line(
    directory: Path, content: bytes, line: str
) -> None:
    (directory / "calls").write_bytes(content)

    result = run_here(directory, "import", "calls", *NEW)

    assert (result.stderr, result.stdout, result.returncode) == (
        f"call-analytics: {line}\n",
        "",
        1,
    )
    assert (
        run_here(directory, "organizations", "list").stdout == "There are no organizations yet.\n"
    )


@pytest.mark.slow
def test_other_things_than_files_are_told_in_one_line(directory: Path) -> None:
    result = run_here(directory, "import", ".", *NEW)
    assert result.stderr == "call-analytics: . cannot be read: Is a directory\n"
    result = run_here(directory, "import", "-", *NEW)
    assert result.stderr == "call-analytics: the file is empty\n"
    closed = subprocess.run(
        ["sh", "-c", f"{COMMAND} import - {' '.join(NEW)} <&-"],
        cwd=directory,
        env=environment({}),
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS,
        check=False,
    )
    assert (closed.stderr, closed.returncode) == ("call-analytics: standard input is closed\n", 1)


def test_rejected_rows_are_told_and_written(directory: Path) -> None:
    bad = [f'CA{number},"Bot\n{number}",,busy,,,' for number in range(10)]
    bad += [f"CA{number},Bot,,busy,{number}s,," for number in range(10, 24)]
    bad += ['CA24,"Bot,,,']
    (directory / "calls.csv").write_text(
        "\n".join([HEADINGS, "CA,Bot,,completed,,2026-03-03,", *bad])
    )
    lines = [3 + 2 * number for number in range(10)] + list(range(23, 37))
    reasons = [
        "Assistant Name has a line break or a control character "
        f"(the row goes on to line {line + 1})"
        for line in lines[:10]
    ] + [
        f"Duration (seconds) must be a whole number of seconds, not '{number}s'"
        for number in range(10, 24)
    ]
    lines.append(37)
    reasons.append("unexpected end of data")
    shown = [f"line {line}: {reason}" for line, reason in zip(lines, reasons, strict=True)][:20]

    first = run_here(directory, "import", "calls.csv", *NEW)
    second = run_here(directory, "import", "calls.csv", "--rejects", "bad\x1b.csv")

    assert first.stderr.splitlines() == [
        *shown,
        "and 5 more rejected rows",
        "To have all of them in a file: --rejects FILE",
    ]
    assert (first.stdout, first.returncode) == ("1 added, 0 updated, 25 rejected.\n", 1)
    assert second.stderr.splitlines() == [
        *shown,
        "and 5 more rejected rows",
        "All of them are in bad\\x1b.csv.",
    ]
    assert (second.stdout, second.returncode) == ("0 added, 1 updated, 25 rejected.\n", 1)
    with (directory / "bad\x1b.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["Line", "Reason", "Row"],
            *([str(line), *rest] for line, *rest in zip(lines, reasons, bad, strict=True)),
        ]


@pytest.mark.parametrize("style", ["json", "json lines"])
def test_rejected_rows_of_json_are_written_too(directory: Path, style: str) -> None:
    rows = ['{"call_sid": 1, "a": "ä"}', '["x",  2]']
    start, between, end = ("[\n", ",\n", "]") if style == "json" else ("{}\n", "\n", "\n")
    (directory / "calls").write_text(start + between.join(rows) + end)

    result = run_here(directory, "import", "calls", *NEW, "--rejects", "rejects")

    first = [] if style == "json" else [["1", "Call SID is missing", "{}"]]
    assert result.returncode == 1
    with (directory / "rejects").open(newline="") as file:
        assert list(csv.reader(file))[1:] == [
            *first,
            ["2", "Call SID must be text", rows[0]],
            ["3", "not a JSON object", rows[1]],
        ]


def test_json_with_other_keys(directory: Path) -> None:
    record = '{"Call_Sid": "CA1", "assistant name": "Bot", "STATUS": "busy", "begin": "2026-03-03"}'
    (directory / "calls").write_text(f'{record}\n{record[:-1]}, "Status": "x"}}\n')

    done = run_here(directory, "import", "calls", *NEW, "--column", "Started At=BEGIN")
    assert done.stderr == "line 2: two keys stand for Status\n"
    assert _started(directory) == ["2026-03-03 00:00:00.000000"]

    refused = run_here(directory, "import", "calls", "--column", "Started At=start")
    assert refused.stderr == (
        "call-analytics: --column 'Started At=start': the file has no heading 'start' "
        "(it has: Call_Sid, assistant name, STATUS, begin)\n"
    )


def test_strict_imports_all_or_nothing_and_says_so(platform: Platform, tmp_path: Path) -> None:
    (tmp_path / "calls.csv").write_text(CSV)
    strict = ("import", "calls.csv", *NEW, "--strict")

    result = run_here(tmp_path, *strict, "--rejects", "rejects", DATABASE_URL=platform.url)

    assert (result.stdout, result.returncode) == ("", 1)
    assert result.stderr == (
        "line 3: Duration (seconds) must be a whole number of seconds, not 'never'\n"
        "All of them are in rejects.\n"
        "call-analytics: nothing was imported: 1 of 2 rows are rejected\n"
    )
    assert (tmp_path / "rejects").read_text().splitlines()[1:] == [
        (
            "3,\"Duration (seconds) must be a whole number of seconds, not 'never'\","
            '"CA2,Sales Rep,+15550001,completed,never,2026-03-03T12:00:00,"'
        )
    ]
    assert platform.run(_all(platform, Organization.slug)) == []

    (tmp_path / "calls.csv").write_text(CSV.replace("never", "5"))
    result = run_here(tmp_path, *strict, DATABASE_URL=platform.url)
    assert (result.stdout, result.returncode) == ("2 added, 0 updated, 0 rejected.\n", 0)
    assert len(platform.run(_all(platform, Call.id))) == 2


def test_a_file_that_breaks_off_leaves_what_was_before(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH_ROWS", 1_000)
    whole = gzip.compress("".join(_table(2_500)).encode())
    (directory / "calls.csv.gz").write_bytes(whole[: len(whole) * 9 // 10])

    result = run_here(directory, "import", "calls.csv.gz", *NEW)

    assert result.stderr == (
        f"2,000 added, 0 updated, 0 rejected until then, {WHERE_IT_GOES_ON}\n"
        "call-analytics: calls.csv.gz is damaged or cut short: "
        "Compressed file ended before the end-of-stream marker was reached\n"
    )
    assert result.returncode == 1
    assert _count(directory) == 2_000

    again = run_here(directory, "import", "calls.csv.gz", *NEW[1:], "--strict")
    assert again.stderr == (
        "call-analytics: nothing was imported: calls.csv.gz is damaged or cut short: "
        "Compressed file ended before the end-of-stream marker was reached\n"
    )


def test_without_a_terminal_a_long_import_writes_a_line_now_and_then(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH_ROWS", 100)
    monkeypatch.setattr(import_screen, "ROWS_BETWEEN_LINES", 1_000)
    (directory / "calls.csv").write_text("".join(_table(1_200)))

    result = run_here(directory, "import", "calls.csv", *NEW)

    assert result.stdout == (
        "1,000 added, 0 updated, 0 rejected so far\n1,200 added, 0 updated, 0 rejected.\n"
    )
    assert result.stderr == ""


@pytest.mark.slow
def test_the_bar_moves_before_anything_is_in_and_ctrl_c_ends_the_wait(directory: Path) -> None:
    with (
        _slow_pipe() as (pipe, feed),
        on_terminal(directory, "import", "-", *NEW, stdin=pipe) as terminal,
    ):
        terminal.wait_for("0/? bytes 0 rows")
        feed("".join(_table(5)))
        terminal.wait_for(f"{len(''.join(_table(5)))}/? bytes 0 rows")
        terminal.type(CTRL_C)
        assert terminal.wait_for_end() == 130
        assert "".join(terminal.lines[1:]) == INTERRUPTED
    assert _count(directory) == 0


@pytest.mark.slow
def test_ctrl_c_tells_what_is_in_and_the_same_command_goes_on(directory: Path) -> None:
    rows = _long_table(BATCH + 20)
    (directory / "calls.csv").write_text("".join(rows))
    with (
        _slow_pipe() as (pipe, feed),
        on_terminal(directory, "import", "-", *NEW, stdin=pipe) as terminal,
    ):
        feed("".join(rows))
        terminal.wait_for(f"{BATCH} rows")
        terminal.type(CTRL_C)
        assert terminal.wait_for_end() == 130
        told = "".join(line.ljust(80) for line in terminal.lines[1:]).rstrip()
    assert told == (
        f"call-analytics: interrupted; {BATCH} added, 0 updated, 0 rejected until then, "
        f"{WHERE_IT_GOES_ON}"
    )
    assert _count(directory) == BATCH

    again = run_here(directory, "import", "calls.csv", *NEW)
    assert (again.stdout, again.returncode) == (f"20 added, {BATCH} updated, 0 rejected.\n", 0)


@pytest.mark.slow
def test_nothing_is_written_into_the_bar(directory: Path) -> None:
    bad = [f"CA{number},,,busy,,,,\n" for number in range(25)]
    with (
        _slow_pipe() as (pipe, feed),
        on_terminal(directory, "import", "-", *NEW, "--strict", stdin=pipe) as terminal,
    ):
        feed("".join([*_long_table(BATCH), *bad, *_long_table(BATCH)[1:]]))
        terminal.wait_for(f"{2 * BATCH + 25} rows")
        shown = [line for line in terminal.lines if "rows" not in line]
        assert shown == [f"line {BATCH + 2 + n}: Assistant Name is missing" for n in range(20)]
        assert "rows" in terminal.lines[-1]
        terminal.type(CTRL_C)
        assert terminal.wait_for_end() == 130
        bars = [line for line in terminal.lines if f"{2 * BATCH + 25} rows" in line]
        assert len(bars) == 1
        assert terminal.lines[-4:-2] == [
            "and 5 more rejected rows",
            "To have all of them in a file: --rejects FILE",
        ]
        assert "".join(terminal.lines[-2:]) == INTERRUPTED
    assert _count(directory) == 0


@pytest.mark.slow
def test_a_bar_of_known_length_comes_to_its_end(directory: Path) -> None:
    path = directory / "calls.csv.gz"
    path.write_bytes(gzip.compress(CSV.replace("never", "5").encode()))
    size = path.stat().st_size
    with on_terminal(directory, "import", "calls.csv.gz", *NEW) as terminal:
        assert terminal.wait_for_end() == 0
        bar, *rest = terminal.lines
    assert f"{size}/{size} bytes 2 rows" in bar
    assert rest == ["2 added, 0 updated, 0 rejected."]


@pytest.mark.slow
def test_sigterm_ends_an_import_as_ctrl_c_does(directory: Path) -> None:
    with _slow_pipe() as (pipe, feed):
        process = subprocess.Popen(
            [COMMAND, "import", "-", *NEW],
            cwd=directory,
            env=environment({}),
            stdin=pipe,
            stderr=subprocess.PIPE,
            text=True,
        )
        feed("".join(_table(10_001)))
        wait_until(lambda: _count(directory) == 10_000)
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == 128 + signal.SIGTERM
    assert told == (
        f"call-analytics: interrupted; 10,000 added, 0 updated, 0 rejected until then, "
        f"{WHERE_IT_GOES_ON}\n"
    )


@pytest.mark.parametrize("on_start", [signal.SIG_DFL, signal.SIG_IGN])
@pytest.mark.slow
def test_a_second_ctrl_c_does_not_wait_for_a_lock(
    postgres_url: str, tmp_path: Path, runner: asyncio.Runner, on_start: signal.Handlers
) -> None:
    """Nor where the command has found SIGINT ignored, as a script's background commands do."""
    platform = Platform(postgres_url, runner)
    with (
        _import_waiting_for_lock(platform, tmp_path),
        on_terminal(
            tmp_path, "import", "calls.csv", on_ctrl_c=on_start, DATABASE_URL=platform.url
        ) as terminal,
    ):
        wait_until(lambda: _number_waiting(platform) == 1)
        terminal.type(CTRL_C)
        terminal.wait_for(ENDING)
        assert terminal.process.poll() is None
        terminal.type(CTRL_C)
        assert terminal.wait_for_end() == 130
        assert "".join(terminal.lines[-2:]) == INTERRUPTED
        assert _number_waiting(platform) == 0
    platform.close()


@pytest.mark.slow
def test_rejects_are_in_their_file_as_soon_as_their_batch_is_in(directory: Path) -> None:
    """So a command that is killed has written them too."""
    rejects = directory / "rejects"
    with _slow_pipe() as (pipe, feed):
        process = subprocess.Popen(
            [COMMAND, "import", "-", *NEW, "--rejects", rejects],
            cwd=directory,
            env=environment({}),
            stdin=pipe,
            stderr=subprocess.DEVNULL,
        )
        feed("".join([*_long_table(BATCH), "CA,,,,,,\n", *_long_table(BATCH)[1:]]))
        wait_until(lambda: _count(directory) == BATCH)
        wait_until(lambda: len(rejects.read_text().splitlines()) == 2)
        assert process.poll() is None
        process.kill()
        process.wait(WAIT_SECONDS)


@pytest.mark.slow
def test_two_signals_at_once_are_not_taken_for_one(
    postgres_url: str, tmp_path: Path, runner: asyncio.Runner
) -> None:
    platform = Platform(postgres_url, runner)
    with (
        _import_waiting_for_lock(platform, tmp_path),
        on_terminal(tmp_path, "import", "calls.csv", DATABASE_URL=platform.url) as terminal,
    ):
        wait_until(lambda: _number_waiting(platform) == 1)
        for number in (signal.SIGSTOP, signal.SIGINT, signal.SIGTERM, signal.SIGCONT):
            terminal.process.send_signal(number)
        assert terminal.wait_for_end() in (128 + signal.SIGINT, 128 + signal.SIGTERM)
        assert "".join(terminal.lines[-2:]) == INTERRUPTED
        assert terminal.has_cursor
    platform.close()


@pytest.mark.slow
def test_a_second_ctrl_c_does_not_wait_for_a_server_that_hangs(
    own_cluster: PostgresCluster, own_platform: Platform, tmp_path: Path
) -> None:
    with (
        _import_waiting_for_lock(own_platform, tmp_path),
        on_terminal(tmp_path, "import", "calls.csv", DATABASE_URL=own_platform.url) as terminal,
    ):
        wait_until(lambda: _number_waiting(own_platform) == 1)
        processes = own_cluster.processes()
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        try:
            terminal.type(CTRL_C)
            terminal.wait_for(ENDING)
            terminal.type(CTRL_C)
            assert terminal.wait_for_end() == 130
        finally:
            for process in processes:
                os.kill(process, signal.SIGCONT)
        assert "".join(terminal.lines[-2:]) == INTERRUPTED
        assert terminal.has_cursor


@pytest.mark.slow
def test_memory_does_not_grow_with_what_a_file_decompresses_to(directory: Path) -> None:
    bombs: dict[str, tuple[bytes, int]] = {
        "a long line": (b"x", 1 << 27),
        "many rejects": (b"CA1,Bot,,busy,%b,,\n" % (b"x" * 8_000), 10_000),
        "long rejects": (f"CA1,{'x' * 1_000_000}\n".encode(), 100),
    }

    def peak(name: str) -> int:
        with (directory / "log.txt").open("w") as log:
            process = subprocess.Popen(
                [COMMAND, "import", name, *NEW, "--rejects", "rejects"],
                cwd=directory,
                env=environment({}),
                stdout=log,
                stderr=log,
            )
            _pid, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 1, (directory / "log.txt").read_text()
        return usage.ru_maxrss

    (directory / "calls.csv").write_text(CSV)
    small = peak("calls.csv")
    for name, (part, times) in bombs.items():
        with gzip.open(directory / name, "wb", compresslevel=1) as bomb:
            bomb.write(CSV.encode())
            _write(bomb, part, times)
        assert peak(name) < small * 1.6, name


def _write(file: Any, part: bytes, times: int) -> None:
    whole, rest = divmod(times, 1_000)
    for _ in range(whole):
        file.write(part * 1_000)
    file.write(part * rest)


def _table(rows: int) -> list[str]:
    return [
        f"{HEADINGS}\n",
        *(f"CA{number},Bot,,completed,1,2026-03-03,\n" for number in range(rows)),
    ]


def _long_table(rows: int) -> list[str]:
    """Rows of about 21,000 characters."""
    heading, *short = _table(rows)
    note = "x" * (importing.BATCH_CHARACTERS // BATCH)
    return [f"{heading.strip()},Note\n", *(f"{row.strip()},{note}\n" for row in short)]


@contextmanager
def _slow_pipe() -> Iterator[tuple[IO[bytes], Callable[[str], None]]]:
    """A pipe to read from, and what writes into it; it does not end before the block does."""
    reading, writing = os.pipe()

    def write(text: str) -> None:
        with suppress(OSError), open(writing, "w", closefd=False) as file:
            file.write(text)

    writers: list[threading.Thread] = []

    def feed(text: str) -> None:
        writers.append(threading.Thread(target=write, args=(text,)))
        writers[-1].start()

    with open(reading, "rb") as pipe:  # noqa: PTH123
        yield pipe, feed
    for writer in writers:
        writer.join()
    os.close(writing)


def _count(directory: Path) -> int:
    with closing(sqlite3.connect(directory / "call-analytics.db")) as connection:
        return int(connection.execute("SELECT count(*) FROM calls").fetchone()[0])


def _started(directory: Path) -> list[str]:
    with closing(sqlite3.connect(directory / "call-analytics.db")) as connection:
        return [value for (value,) in connection.execute("SELECT started_at FROM calls")]


def _statuses(platform: Platform) -> dict[str, str]:
    return dict(
        zip(
            platform.run(_all(platform, Call.call_sid)),
            platform.run(_all(platform, Call.status)),
            strict=True,
        )
    )


async def _all(platform: Platform, column: Any) -> list[Any]:
    async with connect(platform.reader) as connection:
        return list(await connection.scalars(select(column).order_by(column.class_.id)))


@contextmanager
def _import_waiting_for_lock(platform: Platform, directory: Path) -> Iterator[None]:
    """Keep a lock for which an import of ``calls.csv`` waits, until the end of the block."""
    organization = platform.add_organization("acme")
    (directory / "calls.csv").write_text(CSV)
    with platform.locked(organization):
        yield


def _number_waiting(platform: Platform) -> int:
    """How many transactions of the test's database wait for a lock."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )

    async def ask() -> int:
        async with connect(platform.reader) as connection:
            return int(await connection.scalar(waiting))

    number: int = platform.run(ask())
    return number
