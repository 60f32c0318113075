"""The lists of calls behind a figure."""

from typing import Any

from tests.oracle.answer import Answer
from tests.oracle.rest import Row


def listed(answer: Answer, statuses: list[str] | None, *, is_newest_first: bool) -> list[Row]:
    """The calls that a window's list has, in its order."""
    calls = [call for call in answer.calls if statuses is None or call["status"] in statuses]
    return sorted(calls, key=_place, reverse=is_newest_first)


def _place(call: Row) -> tuple[Any, int]:
    return call["started_at"], call["id"]
