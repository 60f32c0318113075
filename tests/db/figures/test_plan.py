"""Which groups of an answer share a source."""

from itertools import permutations

import pytest

from call_analytics.db.figures.measures import CALLS
from call_analytics.db.figures.plan import plan
from call_analytics.db.figures.query import (
    ASSISTANT,
    AVERAGED_DURATION,
    STATUS,
    CallsBelow,
    Group,
    NearestRanks,
)
from call_analytics.db.placement import Placement
from call_analytics.db.shape import Shape
from call_analytics.db.tenant import Tenancy

KEYED = Shape(Tenancy.BY_ORGANIZATION, Placement.TOGETHER)
FEW = frozenset({CALLS})
TOTALS, ASSISTANTS = Group(FEW), Group(FEW, (ASSISTANT,))
STATUSES, RANKS, BELOW = Group(FEW, (STATUS,)), NearestRanks(()), CallsBelow(())


@pytest.mark.parametrize("use_rollups", [False, True])
def test_what_rollups_do_not_keep_is_read_once_and_by_itself(*, use_rollups: bool) -> None:
    """In whatever order a client selects it."""
    for groups in permutations((TOTALS, ASSISTANTS, STATUSES, RANKS, BELOW)):
        planned, _ = plan(groups, "sqlite", KEYED, use_rollups=use_rollups, is_narrowed=False)

        dimensions = {
            frozenset(source.dimensions): source.use_rollups for source in planned.sources
        }
        expected = {frozenset({STATUS, AVERAGED_DURATION}): False}
        expected[frozenset({ASSISTANT})] = use_rollups
        if use_rollups:
            expected[frozenset()] = True
        assert dimensions == expected
        assert len(dimensions) == len(planned.sources)
