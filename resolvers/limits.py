"""The limits of a question, and the errors of those who exceed one."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

from call_analytics.resolvers.errors import BadInput

MAX_ASSISTANTS = 100
"""Items of ``topAssistants``."""
MAX_ASSISTANT_IDS = 500
MAX_HISTOGRAM_EDGES = 100
MAX_LISTS = 40
"""Sections of one answer: each makes its statement longer."""
MAX_INT = 2**31 - 1
"""The largest Int of GraphQL."""


def check_assistants(limit: int, min_calls: int) -> None:
    """Check the arguments of ``topAssistants``.

    Raises:
        BadInput: where one is outside its range.
    """
    if not 1 <= limit <= MAX_ASSISTANTS:
        raise BadInput(f"topAssistants: limit must be 1 to {MAX_ASSISTANTS}, not {limit}.")
    if min_calls < 1:
        raise BadInput(f"topAssistants: minCalls must be 1 to {MAX_INT}, not {min_calls}.")


def checked_assistant_ids(ids: Sequence[int] | None) -> tuple[int, ...] | None:
    """The ids that are asked for, ascending, each once; None for all assistants.

    Raises:
        BadInput: where there are too many.
    """
    if ids is None:
        return None
    if len(ids) > MAX_ASSISTANT_IDS:
        raise BadInput(
            f"`assistantIds` may hold {MAX_ASSISTANT_IDS} ids at most, not {len(ids):,}."
        )
    return tuple(sorted(set(ids)))


def check_lists(count: int) -> None:
    """Check how many lists an answer has.

    Raises:
        BadInput: where they are too many.
    """
    if count > MAX_LISTS:
        raise BadInput(
            f"callAnalytics: its lists, with those of `previous`, are {count}, and {MAX_LISTS} are "
            "the limit."
        )


def checked_percent(percent: float) -> Decimal:
    """The percent of a percentile, as it was written.

    Raises:
        BadInput: where it is outside (0, 100].
    """
    if not 0 < percent <= 100:
        raise BadInput(f"percentile: percent must be above 0 and at most 100, not {percent:g}.")
    return Decimal(repr(percent))


def check_edges(edges: Sequence[int]) -> None:
    """Check the edges of a histogram.

    Raises:
        BadInput: where there are too many, or they do not ascend from above 0.
    """
    if len(edges) > MAX_HISTOGRAM_EDGES:
        raise BadInput(
            f"histogram: edges may hold {MAX_HISTOGRAM_EDGES} numbers at most, not {len(edges):,}."
        )
    for before, edge in pairwise((0, *edges)):
        if before >= edge:
            raise BadInput(
                f"histogram: edges must ascend, and be above 0; {edge} comes after {before}."
            )
