"""The command, as its users run it: in a process of its own."""

import json
import os
import re
import socket
import sqlite3
import urllib.request
from contextlib import closing
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import httpx2
import pytest

from tests.command import WAIT_SECONDS, run, run_here, started, wait_until

KEY = re.compile(r"burki_[a-z0-9]{32}")
CSV = """Call SID,Assistant Name,Customer Phone,Status,Duration (seconds),Started At,Ended At
CA1,Support Bot,+15550001,completed,300,2026-03-03T12:00:00,
CA2,Sales Rep,+15550001,completed,never,2026-03-03T12:00:00,
"""


@pytest.mark.starts_server
def test_a_database_of_one_s_own_from_nothing_to_the_first_answer(tmp_path: Path) -> None:
    (tmp_path / "calls.csv").write_text(CSV)

    assert run(tmp_path, "db", "upgrade").stdout == "The database is up to date.\n"
    imported = run(tmp_path, "import", "calls.csv", "--create", "--organization", "acme")
    assert imported.stderr == (
        "line 3: Duration (seconds) must be a whole number of seconds, not 'never'\n"
    )
    assert imported.stdout.splitlines()[-1] == "1 added, 0 updated, 1 rejected."
    assert imported.returncode == 1
    key = run(tmp_path, "keys", "create", "--name", "dashboard").stdout.strip()
    assert KEY.fullmatch(key)
    listed = run_here(tmp_path, "keys", "list").stdout
    made = r"made 20\d\d-\d\d-\d\d"
    assert re.fullmatch(rf" +1  {key[:12]}\.\.\. +active +{made} +acme +dashboard\n", listed), (
        listed
    )

    with started(tmp_path, "serve") as (base, _process):
        status, answer = _get(f"{base}/api/v1/calls/analytics?period=90d", key)
        assert (status, set(answer["daily_stats"])) == (200, set())
        assert (
            run_here(tmp_path, "keys", "revoke", "1").stdout == f"Revoked {key[:12]}... of acme.\n"
        )
    assert "revoked" in run_here(tmp_path, "keys", "list").stdout


def test_the_version_is_the_package_s(tmp_path: Path) -> None:
    assert run_here(tmp_path, "--version").stdout == f"call-analytics {version('call-analytics')}\n"


def test_a_list_of_no_keys_says_how_to_make_one(tmp_path: Path) -> None:
    run_here(tmp_path, "db", "upgrade")

    assert run_here(tmp_path, "keys", "list").stdout == (
        "There are no keys; make one: call-analytics keys create\n"
    )


@pytest.mark.parametrize("command", [("serve",), ("db", "upgrade"), ("db", "check")])
def test_a_file_that_is_no_database_is_named(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "calls.csv").write_text(CSV)
    result = _run(tmp_path, *command, DATABASE_URL="sqlite:///calls.csv")

    assert result.returncode == 1
    assert result.stderr == (
        "call-analytics: CALL_ANALYTICS_DATABASE_URL: the file calls.csv is no SQLite database; "
        "name one, or a file that is not there yet (call-analytics import reads calls from a "
        "file)\n"
    )
    assert (tmp_path / "calls.csv").read_text() == CSV


def test_a_check_shows_the_settings_and_starts_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run_here(tmp_path, "serve", "--check", "--port", str(port), WORKERS=2)

    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0] == "CALL_ANALYTICS_DATABASE_URL=sqlite:///call-analytics.db (default)"
    assert f"CALL_ANALYTICS_PORT={port} (option --port)" in lines
    assert "CALL_ANALYTICS_WORKERS=2 (environment)" in lines
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("PORT", "99999", "Input should be less than or equal to 65535"),
        (
            "DATABASE_URL",
            "calls.db",
            (
                "the database address must look like sqlite:///FILE or "
                "postgresql://USER:PASSWORD@HOST/NAME"
            ),
        ),
        (
            "TRUSTED_DOCUMENTS",
            "missing.json",
            "must name a JSON file: an object of GraphQL texts by hash",
        ),
    ],
)
def test_a_check_names_a_wrong_setting(
    tmp_path: Path, name: str, value: str, complaint: str
) -> None:
    result = run_here(tmp_path, "serve", "--check", **{name: value})

    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == f"call-analytics: CALL_ANALYTICS_{name}: {complaint}\n"


def test_strict_import_fails_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "calls.csv").write_text(CSV)
    run_here(tmp_path, "db", "upgrade")

    result = run_here(
        tmp_path, "import", "calls.csv", "--create", "--organization", "acme", "--strict"
    )

    assert result.returncode == 1
    assert (
        result.stderr.splitlines()[-1]
        == "call-analytics: nothing was imported: 1 of 2 rows are rejected"
    )


@pytest.mark.starts_server
def test_workers_that_start_slowly_are_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than the five seconds after which uvicorn would kill them, again and again."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, time\n"
        "if any('spawn_main' in argument for argument in sys.orig_argv):\n"
        "    time.sleep(7)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    with started(tmp_path, "serve", WORKERS=2) as (base, process):
        assert _get(f"{base}/readyz")[0] == 200
        assert "died" not in (tmp_path / "log.txt").read_text()
        assert process.poll() is None


@pytest.mark.starts_server
def test_a_stopping_server_finishes_what_it_has_begun(tmp_path: Path) -> None:
    telemetry = {"Authorization": "Bearer token"}
    with started(tmp_path, "serve", TELEMETRY_TOKEN="token") as (base, process):
        host, port = base.removeprefix("http://").split(":")

        def both_are_running() -> bool:
            page = httpx2.get(f"{base}/metrics", headers=telemetry, timeout=WAIT_SECONDS).text
            return "call_analytics_requests_running 2.0" in page

        def nobody_else_is_let_in() -> bool:
            try:
                socket.create_connection((host, int(port)), timeout=1).close()
            except OSError:
                return True
            return False

        body = json.dumps({"query": "{ __typename }"}).encode()
        head = (
            f"POST /graphql HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode()
        with socket.create_connection((host, int(port)), timeout=WAIT_SECONDS) as connection:
            connection.sendall(head + body[:5])
            wait_until(both_are_running)
            process.terminate()
            wait_until(nobody_else_is_let_in)
            connection.sendall(body[5:])
            answer = b"".join(iter(lambda: connection.recv(10_000), b""))

    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b'{"data":{"__typename":"Query"}}')


def test_schema_prints_the_sdl(tmp_path: Path) -> None:
    sdl = (Path(__file__).parents[1] / "schema" / "schema.graphql").read_text()

    assert run_here(tmp_path, "schema").stdout == sdl


@pytest.mark.parametrize(
    ("arguments", "settings", "line"),
    [
        (
            ["serve"],
            {"PORT": "eighty"},
            (
                "CALL_ANALYTICS_PORT: Input should be a valid integer, unable to parse string as "
                "an integer"
            ),
        ),
        (
            ["serve"],
            {"WORKERS": 0, "LOG_LEVEL": "loud"},
            (
                "CALL_ANALYTICS_WORKERS: Input should be greater than or equal to 1; "
                "CALL_ANALYTICS_LOG_LEVEL: Input should be 'debug', 'info', 'warning' or 'error'"
            ),
        ),
        (
            ["serve"],
            {"DATABASE_URL": "mysql://db/calls"},
            (
                "CALL_ANALYTICS_DATABASE_URL: the database address must look like "
                "sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"
            ),
        ),
        (
            ["keys", "create"],
            {},
            "the database is empty; run first: call-analytics db upgrade",
        ),
        (
            ["import", "nothing.csv"],
            {},
            "the database is empty; run first: call-analytics db upgrade",
        ),
        (
            ["db", "upgrade"],
            {"DATABASE_URL": "sqlite:////nowhere/calls.db"},
            "the database does not answer: unable to open database file",
        ),
    ],
)
def test_a_mistake_is_told_in_one_line(
    tmp_path: Path, arguments: list[str], settings: dict[str, object], line: str
) -> None:
    result = _run(tmp_path, *arguments, **settings)

    assert result.stderr == f"call-analytics: {line}\n"
    assert result.returncode == 1


def test_what_the_operator_names_must_exist(tmp_path: Path) -> None:
    run_here(tmp_path, "db", "upgrade")

    for arguments, line in [
        (["keys", "revoke", "7"], "there is no key 7; see: call-analytics keys list"),
        (
            ["keys", "create"],
            "name the organization with --organization (there are: none yet)",
        ),
        (
            ["keys", "create", "--organization", "acme"],
            "there is no organization 'acme' (there are: none yet)",
        ),
        (
            ["import", "nothing.csv", "--organization", "acme", "--create"],
            "nothing.csv cannot be read: No such file or directory",
        ),
    ]:
        result = run_here(tmp_path, *arguments)
        assert (result.stderr, result.returncode) == (f"call-analytics: {line}\n", 1)


def test_a_file_that_is_not_there_is_not_created_by_a_look(tmp_path: Path) -> None:
    result = run_here(tmp_path, "db", "check")

    assert result.returncode == 1
    assert result.stderr == (
        "call-analytics: the database does not answer: its file is missing; put it back, or create "
        "one: call-analytics db upgrade\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_check_tells_what_an_empty_database_needs(tmp_path: Path) -> None:
    (tmp_path / "call-analytics.db").touch()
    result = run_here(tmp_path, "db", "check")

    assert result.returncode == 1
    assert result.stdout == (
        "The database is empty.\n- the database has no tables. Remedy:\n"
        "  call-analytics db upgrade\n"
    )

    run_here(tmp_path, "db", "upgrade")
    result = run_here(tmp_path, "db", "check")
    assert result.stdout == "The database is managed.\nNothing is missing.\n"
    assert result.returncode == 0


def test_names_reach_the_terminal_without_codes_that_it_obeys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evil = "a\x1b[2J\x1b]0;title\x07b\nc\r\t\x9b\u202ed\u2066\u200b\u2028e"
    shown = r"a\x1b[2J\x1b]0;title\x07b\nc\r\t\x9b\u202ed\u2066\u200b\u2028e"
    path = tmp_path / "calls\x1b.csv"
    path.write_text(CSV.replace("never", "\x1b[2J"))
    run_here(tmp_path, "db", "upgrade")

    refused = run_here(tmp_path, "import", path.name, "--create", "--organization", evil)
    assert refused.stderr == (
        f"call-analytics: the organization's name has a line break or a control character: "
        f"'{shown}'\n"
    )
    imported = run_here(tmp_path, "import", path.name, "--create", "--organization", "acme")
    assert imported.stderr == (
        r"line 3: Duration (seconds) must be a whole number of seconds, not '\x1b[2J'" + "\n"
    )
    key = run_here(tmp_path, "keys", "create", "--name", f"{evil} ключ").stdout[:12]
    made = f"made {datetime.now(UTC):%Y-%m-%d}"
    row = f"     1  {key}...   active   {made:<15}  {'':<15}  {'acme':<24}  {shown} "
    assert run_here(tmp_path, "keys", "list").stdout == f"{row}ключ\n"
    revoked = run_here(tmp_path, "keys", "revoke", "1")
    assert revoked.stdout == f"Revoked {key}... of acme.\n"
    refused = run_here(tmp_path, "keys", "create", "--organization", "x")
    assert refused.stderr == ("call-analytics: there is no organization 'x' (there are: acme)\n")
    refused = run_here(tmp_path, "import", "\x1b.csv")
    assert refused.stderr == (
        "call-analytics: \\x1b.csv cannot be read: No such file or directory\n"
    )

    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")  # which has no such letters
    listed = run(tmp_path, "keys", "list")
    assert (listed.stderr, listed.returncode) == ("", 0)
    assert listed.stdout == row.replace("active ", "revoked") + r"\u043a\u043b\u044e\u0447" + "\n"


def test_what_cannot_be_imported_is_told_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "calls"
    path.write_text(CSV.replace("never", "9" * 5_000))
    run_here(tmp_path, "db", "upgrade")

    result = run_here(tmp_path, "import", "calls", "--create", "--organization", "acme")
    assert result.stdout.splitlines()[-1] == "1 added, 0 updated, 1 rejected."
    assert result.stderr == (
        f"line 3: Duration (seconds) must be a whole number of seconds, not '{'9' * 39}\n"
    )

    path.write_text("x" * 131_073)
    result = run_here(tmp_path, "import", "calls")
    assert result.returncode == 1
    assert result.stderr == (
        "call-analytics: the file's first line cannot be read: "
        "field larger than field limit (131072)\n"
    )


def test_rollups_are_turned_off_and_on_and_mended(tmp_path: Path) -> None:
    (tmp_path / "calls.csv").write_text(CSV)
    run_here(tmp_path, "db", "upgrade")
    run_here(tmp_path, "import", "calls.csv", "--create", "--organization", "acme")

    assert run_here(tmp_path, "rollups", "status").stdout == (
        "Rollups are on; sums: 8, changes to be folded: 0.\n"
    )
    assert run_here(tmp_path, "rollups", "disable").stdout == "Rollups are off.\n"
    assert run_here(tmp_path, "rollups", "verify").stderr == (
        "call-analytics: rollups are off; turn them on: call-analytics rollups enable\n"
    )
    assert run_here(tmp_path, "rollups", "enable").stdout == "Rollups are on.\n"
    with closing(sqlite3.connect(tmp_path / "call-analytics.db")) as connection, connection:
        connection.execute("UPDATE call_rollups_assistants SET calls = 3 WHERE grain = 2")

    found = run_here(tmp_path, "rollups", "verify")
    hour = "hour of 2026-03-03 12:00:00"
    assert found.stdout == (
        f"organization 1 assistant 1, {hour}: calls -2\norganization 1, {hour}: calls +2\n"
    )
    assert found.stderr == (
        "call-analytics: 2 sums are not those of their calls; "
        "mend them: call-analytics rollups verify --repair\n"
    )
    assert found.returncode == 1
    mended = run_here(tmp_path, "rollups", "verify", "--repair")
    assert mended.stdout.splitlines()[-1] == "1 sums repaired."
    assert run_here(tmp_path, "rollups", "verify").stdout == ("Every sum is that of its calls.\n")
    assert run_here(tmp_path, "rollups", "compact").stdout == "0 changes folded.\n"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_port_in_use_is_named_before_anything_is_touched(tmp_path: Path, workers: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = run(tmp_path, "serve", PORT=port, WORKERS=workers)

    assert result.returncode == 1
    assert result.stderr == (
        f"call-analytics: port {port} of 127.0.0.1 is in use; "
        "choose another: --port or CALL_ANALYTICS_PORT\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_host_that_is_not_there_is_named(tmp_path: Path) -> None:
    result = run(tmp_path, "serve", "--host", "nowhere.invalid")

    assert result.returncode == 1
    assert result.stderr == (
        "call-analytics: there is no host 'nowhere.invalid'; "
        "choose another: --host or CALL_ANALYTICS_HOST\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_an_address_of_another_machine_is_named(tmp_path: Path) -> None:
    result = run(tmp_path, "serve", HOST="192.0.2.1", PORT=8000)

    assert result.returncode == 1
    assert result.stderr == (
        "call-analytics: port 8000 of 192.0.2.1 cannot be had (Cannot assign requested address); "
        "choose another: --port or CALL_ANALYTICS_PORT\n"
    )


def _run(directory: Path, *arguments: str, **settings: object) -> CompletedProcess[str]:
    """In the tests' own process, except a server, which takes over the logging of its process."""
    start = run if arguments[0] == "serve" else run_here
    return start(directory, *arguments, **settings)


def _get(url: str, key: str = "") -> tuple[int, Any]:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request, timeout=WAIT_SECONDS) as response:
        return response.status, json.load(response)
