"""``call-analytics demo``, as a newcomer runs it: on a terminal, twice, and with a port taken."""

import json
import re
import signal
import socket
import urllib.request
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.command import WAIT_SECONDS, run_here, started, wait_until
from tests.terminal import ROWS, on_terminal

KEY = re.compile(r"burki_[a-z0-9]{32}")
LINK = re.compile(rf"(http://127\.0\.0\.1:\d+)/#key=({KEY.pattern})")


@pytest.mark.starts_server
def test_the_demo_serves_and_keeps_its_link_and_key_and_leaves_one_s_own_calls_alone(
    tmp_path: Path,
) -> None:
    run_here(tmp_path, "db", "upgrade")
    own = (tmp_path / "call-analytics.db").read_bytes()
    keys = set()
    for _ in range(2):
        with started(tmp_path, "demo", DATABASE_URL="sqlite:///call-analytics.db") as (
            base,
            _process,
        ):
            log = (tmp_path / "log.txt").read_text()
            lines = [line for line in log.splitlines() if not line.startswith("{")]
            link = LINK.fullmatch(lines[-2].removeprefix("Open  "))
            assert link is not None, log
            assert link[1] == base
            assert lines[-1] == f"Key   {link[2]}"
            answer = _get(f"{base}/api/v1/calls/analytics?period=90d", link[2])
            assert answer["total_calls"] > 10_000
            commands = re.findall(r"^curl .*?(?:\\\n.*?)*$", log, re.MULTILINE)
            assert len(commands) == 2
            for command in commands:
                assert base in command
                assert link[2] in command
            keys.add(link[2])
    assert len(keys) == 1
    assert (tmp_path / "demo.db").exists()
    assert (tmp_path / "call-analytics.db").read_bytes() == own


def test_a_file_of_that_name_that_is_no_demo_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "calls.csv").write_text("Call SID,Assistant Name,Status,Started At\n")
    own = {"DATABASE_URL": "sqlite:///demo.db"}
    run_here(tmp_path, "db", "upgrade", **own)
    run_here(tmp_path, "import", "calls.csv", "--create", "--organization", "acme", **own)

    result = run_here(tmp_path, "demo", PORT=0)

    assert result.returncode == 1
    assert result.stderr == (
        "call-analytics: demo.db holds data that is no demo, and is left alone; "
        "move the file elsewhere\n"
    )


@pytest.mark.parametrize("given", ["option", "setting"])
def test_a_port_in_use_is_named_before_anything_is_touched(tmp_path: Path, given: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        if given == "option":
            result = run_here(tmp_path, "demo", "--port", str(port))
        else:
            result = run_here(tmp_path, "demo", PORT=port)

    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr == (
        f"call-analytics: port {port} of 127.0.0.1 is in use; "
        "choose another: --port or CALL_ANALYTICS_PORT\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.starts_server
def test_link_and_key_stay_the_last_lines_of_a_terminal(tmp_path: Path) -> None:
    with on_terminal(tmp_path, "demo", "--port", "0") as terminal:
        wait_until(lambda: "startup complete" in terminal.text, lambda: terminal.text)
        found = LINK.search(terminal.text)
        assert found is not None, terminal.text
        base, key = found.groups()
        last_lines = [f"Open  {base}/#key={key}", f"Key   {key}"]
        assert terminal.shown[-2:] == last_lines

        query = {"query": "query Week { callAnalytics { totalCalls } }"}
        headers = {"Authorization": f"Bearer {key}"}
        for _ in range(2 * ROWS):  # more than the terminal has lines
            httpx2.post(f"{base}/graphql", json=query, headers=headers, timeout=WAIT_SECONDS)
        httpx2.post(f"{base}/graphql", json=query, timeout=WAIT_SECONDS)
        wait_until(lambda: "UNAUTHENTICATED" in terminal.text, lambda: terminal.text)

        lines = terminal.shown
        assert lines[-2:] == last_lines
        assert len(lines) == ROWS
        *requests, refused, empty = lines[:-2]
        time_of_day = r"\d\d:\d\d:\d\d"
        for line in requests:
            assert re.fullmatch(rf"{time_of_day}  200  graphql Week  \d+ ms", line), line
        assert re.fullmatch(
            rf"{time_of_day}  \d+  graphql Week UNAUTHENTICATED  \d+ ms", refused
        ), refused
        assert empty == ""

        terminal.process.send_signal(signal.SIGINT)
        terminal.process.wait(WAIT_SECONDS)
        wait_until(lambda: "Finished server process" in terminal.text, lambda: terminal.text)
        assert [line for line in terminal.shown if line][-2:] == last_lines


def _get(url: str, key: str) -> dict[str, Any]:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request, timeout=WAIT_SECONDS) as response:
        answer = json.load(response)
    assert isinstance(answer, dict)
    return answer
