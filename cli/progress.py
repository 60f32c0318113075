"""A progress bar on a terminal; a command prints plain lines elsewhere."""

import sys

from rich.progress import Progress, ProgressColumn


def progress_bar(*columns: ProgressColumn) -> Progress:
    """A progress bar, which is there on a terminal only."""
    return Progress(*columns, disable=not sys.stdout.isatty())
