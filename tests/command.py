"""The ``call-analytics`` command in a process of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

COMMAND = Path(sys.executable).with_name("call-analytics")


def run(directory: Path, *arguments: str, **settings: object) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [COMMAND, *arguments],
        cwd=directory,
        env=_environment(settings),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@contextmanager
def started(
    directory: Path, *arguments: str, **settings: object
) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """Run a serving command until the end of the block; yields its address."""
    port = _free_port()
    log = directory / "log.txt"
    with log.open("w") as output:
        process = subprocess.Popen(
            [COMMAND, *arguments],
            cwd=directory,
            env=_environment({"PORT": port, **settings}),
            stdout=output,
            stderr=output,
            text=True,
        )
    try:
        base = f"http://127.0.0.1:{port}"
        _wait_until_it_answers(base, process, log)
        yield base, process
    finally:
        process.terminate()
        assert process.wait(60) in (0, -signal.SIGTERM), log.read_text()


def _environment(settings: dict[str, object]) -> dict[str, str]:
    """This process's environment, with no settings but the given ones."""
    clean = {name: value for name, value in os.environ.items() if "CALL_ANALYTICS" not in name}
    return clean | {f"CALL_ANALYTICS_{name}": str(value) for name, value in settings.items()}


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait_until_it_answers(base: str, process: "subprocess.Popen[str]", log: Path) -> None:
    for _ in range(600):
        assert process.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(f"{base}/healthz").close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"it never answered: {log.read_text()}")
