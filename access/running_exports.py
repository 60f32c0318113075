"""How many exports each key has running in this process."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from call_analytics.access.errors import TooManyExports

MAX_EXPORTS_OF_A_KEY = 2


class RunningExports:
    """Lets each key have ``MAX_EXPORTS_OF_A_KEY`` exports at a time."""

    def __init__(self) -> None:
        self._running: Counter[int] = Counter()

    @contextmanager
    def export_of(self, key_id: int) -> Iterator[None]:
        """The time in which an export of a key is written.

        Raises:
            TooManyExports: where the key has as many as it may have.
        """
        if self._running[key_id] >= MAX_EXPORTS_OF_A_KEY:
            raise TooManyExports(MAX_EXPORTS_OF_A_KEY)
        self._running[key_id] += 1
        try:
            yield
        finally:
            self._running[key_id] -= 1
            if not self._running[key_id]:
                del self._running[key_id]
