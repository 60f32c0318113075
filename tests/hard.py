"""The tests on a machine that is busy with something else: ``make test-hard``.

A loop keeps every core busy while the whole suite runs a few times, and the tests that a slow
machine or an unlucky draw could turn red run many times. Hypothesis chooses its seeds anew each
time. All must be green.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

RESTLESS = "starts_server or generates_documents"
"""The tests that depend most on the machine's pace, and on what is drawn."""

TWO_MINUTES = "120"
"""How many times a dashboard that is left open is refreshed, once a second."""


@contextmanager
def busy_cores() -> Iterator[None]:
    """Keep every core busy."""
    loops = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range(os.cpu_count() or 1)
    ]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def is_green(name: str, *options: str, **environment: str) -> bool:
    """Run pytest, and say whether every test passed and how long it took."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--dist", "worksteal", *options],
        env=os.environ | environment,
        check=False,
    )
    minutes = (time.monotonic() - began) / 60
    print(
        f"{name}: {'green' if done.returncode == 0 else 'RED'}, {minutes:.1f} minutes", flush=True
    )
    return done.returncode == 0


def main() -> None:
    """Run all of it, and fail where one test did."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--whole", type=int, default=3, help="Runs of the whole suite.")
    parser.add_argument("--times", type=int, default=20, help="Runs of the restless tests.")
    arguments = parser.parse_args()
    with busy_cores():
        runs = [
            is_green(f"whole suite, run {n}", "-n", "4", LEFT_OPEN_ROUNDS=TWO_MINUTES)
            for n in range(1, arguments.whole + 1)
        ]
        name = f"restless tests, {arguments.times} times"
        # More of them at once than there are cores, so that each is slower still.
        runs.append(is_green(name, "-n", "6", "-m", RESTLESS, "--count", str(arguments.times)))
    sys.exit(0 if all(runs) else 1)


if __name__ == "__main__":
    main()
