"""The ``call-analytics`` command: arguments in, lines out. A module for each noun.

Every worker process of the server imports this module before anything else, because
``multiprocessing`` imports what the first process was started with. A worker needs nothing of the
command, so the command is imported only where it runs.
"""


def main() -> None:
    """Run the command; a mistake of its user ends it with one line."""
    from call_analytics.cli.app import run  # noqa: PLC0415

    run()
