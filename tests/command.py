"""The ``call-analytics`` command, in a process of its own or in that of the tests."""

import io
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil

from call_analytics.cli import main

COMMAND = Path(sys.executable).with_name("call-analytics")
WAIT_SECONDS = 180
"""Longer than anything takes on a machine whose cores are all busy."""


def run(
    directory: Path, *arguments: str, stdin: Any = None, **settings: object
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end; without ``stdin``, its standard input is empty."""
    return subprocess.run(
        [COMMAND, *arguments],
        cwd=directory,
        env=environment(settings),
        stdin=stdin or subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS,
        check=False,
    )


def run_here(
    directory: Path, *arguments: str, stdin: Any = None, **settings: object
) -> subprocess.CompletedProcess[str]:
    """The same without a process: for what a command does and says, many times faster.

    What would be a traceback fails the test.
    """
    output = io.TextIOWrapper(io.BytesIO(), "utf-8")
    errors = io.TextIOWrapper(io.BytesIO(), "utf-8", errors="backslashreplace")
    status: Any = 0
    with (
        open(os.devnull) as empty,  # noqa: PTH123
        chdir(directory),
        patch.dict(os.environ, environment(settings), clear=True),
        patch.object(sys, "argv", [COMMAND.name, *arguments]),
        patch.object(sys, "stdin", stdin or empty),
        redirect_stdout(output),
        redirect_stderr(errors),
    ):
        try:
            main()
        except SystemExit as ended:
            status = ended.code
        if isinstance(status, str):  # as Python does with a message
            sys.stderr.write(f"{status}\n")
            status = 1
    written = [_content(stream) for stream in (output, errors)]
    return subprocess.CompletedProcess(arguments, status or 0, *written)


def _content(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.detach()
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()


@contextmanager
def started(
    directory: Path, *arguments: str, **settings: object
) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """Run a serving command until the end of the block; yields its address.

    All its workers have started by then.
    """
    port = _free_port()
    log = directory / "log.txt"
    with log.open("w") as output:
        process = subprocess.Popen(
            [COMMAND, *arguments],
            cwd=directory,
            env=environment({"PORT": port, **settings}),
            stdout=output,
            stderr=output,
            text=True,
        )
    try:
        base = f"http://127.0.0.1:{port}"
        workers = int(str(settings.get("WORKERS", 1)))
        wait_until(lambda: _serves(base, process, log, workers), log.read_text)
        yield base, process
    finally:
        process.terminate()
        assert process.wait(WAIT_SECONDS) == 0, log.read_text()


def environment(settings: dict[str, object]) -> dict[str, str]:
    """This process's environment, with no settings but the given ones.

    A command keeps its compiled modules, as it does for its users: compiling them takes longer than
    most of what it does.
    """
    clean = {name: value for name, value in os.environ.items() if "CALL_ANALYTICS" not in name}
    clean.pop("PYTHONDONTWRITEBYTECODE", None)
    return clean | {f"CALL_ANALYTICS_{name}": str(value) for name, value in settings.items()}


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def wait_until(is_so: Callable[[], bool], what: Callable[[], str] = str) -> None:
    """Wait, for long on a busy machine, until something is so; ``what`` tells what is not."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, what()
        time.sleep(0.1)


def worker_processes(process_id: int) -> list[psutil.Process]:
    """The server processes of a ``serve``, but for those that have ended."""
    return [child for child in psutil.Process(process_id).children() if _is_worker(child)]


def _is_worker(process: psutil.Process) -> bool:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return "spawn_main" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # it has ended meanwhile
        return False


def _serves(base: str, process: "subprocess.Popen[str]", log: Path, workers: int) -> bool:
    """Whether every worker has started, and one answers."""
    assert process.poll() is None, log.read_text()
    if log.read_text().count("Application startup complete") < workers:
        return False
    try:
        urllib.request.urlopen(f"{base}/healthz", timeout=WAIT_SECONDS).close()
    except OSError:
        return False
    return True
