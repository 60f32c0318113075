"""Planning: which sources the groups of an answer are made of.

Groups that can be made of the same source share it, so that nothing is read twice. Nothing here is
SQL: the plan says all that a statement depends on, and so it is the key by which one is remembered.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from cachetools import LRUCache, cached

from call_analytics.db.figures.measures import CALLS, MEASURES, Measure
from call_analytics.db.figures.query import (
    AVERAGED_DURATION,
    CallsBelow,
    Dimension,
    Group,
    HoursOfWeek,
    NearestRanks,
    Ranking,
    Steps,
)
from call_analytics.db.figures.sources import Buckets, Source, names_of_keys
from call_analytics.db.shape import Shape

REMEMBERED_SPANS = 100_000
"""Bound of the memory of plans, some 30 MB."""


class PlannedGroup(NamedTuple):
    """What a group's part of the statement depends on."""

    source: int
    measures: frozenset[Measure]
    dimensions: tuple[Dimension, ...]
    has_steps: bool
    ranking: Ranking | None
    """Its numbers are parameters, and here as those of any other."""

    @property
    def keys(self) -> list[str]:
        """The names of the columns that its rows are divided by."""
        return names_of_keys(self.dimensions, has_steps=self.has_steps)


# Not tuples, which are equal whatever they are of.
@dataclass(frozen=True, slots=True)
class PlannedRanks:
    """What the part of ``NearestRanks`` depends on."""

    source: int


@dataclass(frozen=True, slots=True)
class PlannedCallsBelow:
    """What the part of ``CallsBelow`` depends on."""

    source: int


class Plan(NamedTuple):
    """What a statement depends on. All else of a query is its parameters."""

    sources: tuple[Source, ...]
    groups: tuple[PlannedGroup | PlannedRanks | PlannedCallsBelow, ...]
    dialect: str
    shape: Shape

    @property
    def use_rollups(self) -> bool:
        """Whether any part of the answer is read from rollups."""
        return any(source.use_rollups for source in self.sources)


class Need(NamedTuple):
    """What a source is needed for."""

    window: int
    steps: Steps | HoursOfWeek | None
    dimensions: tuple[Dimension, ...]
    """By which its steps, or the whole window, are divided."""
    use_rollups: bool


_DISTRIBUTION = Group(frozenset({CALLS}), dimensions=(AVERAGED_DURATION,))
"""What ``NearestRanks`` and ``CallsBelow`` are made of."""


def _weight(found: "tuple[Plan, tuple[Need, ...]]") -> int:
    """What remembering a plan costs: the spans of its steps are kept with it."""
    return 10 + sum(len(need.steps.spans) for need in found[1] if isinstance(need.steps, Steps))


@cached(LRUCache(REMEMBERED_SPANS, getsizeof=_weight))
def plan(
    groups: tuple[Group | NearestRanks | CallsBelow, ...],
    dialect: str,
    shape: Shape,
    *,
    use_rollups: bool,
    is_narrowed: bool,
) -> tuple[Plan, tuple[Need, ...]]:
    """The plan for groups, and what each of its sources is needed for."""
    made_of = [
        group if isinstance(group, Group) else replace(_DISTRIBUTION, window=group.window)
        for group in groups
    ]
    needs = _needs(made_of, use_rollups=use_rollups)
    distinct = tuple(dict.fromkeys(needs))
    sources = []
    for number, need in enumerate(distinct):
        served = [group for group, its in zip(made_of, needs, strict=True) if its == need]
        measures = {CALLS}.union(*map(_measures, served))
        sources.append(
            Source(
                number,
                buckets=_buckets(need.steps),
                dimensions=need.dimensions,
                measures=tuple(sorted(measures, key=lambda measure: measure.name)),
                shape=shape,
                use_rollups=need.use_rollups,
                is_narrowed=is_narrowed,
                only_averaged=all(its.dimensions == (AVERAGED_DURATION,) for its in served),
            )
        )
    planned = tuple(
        _planned(group, distinct.index(need)) for group, need in zip(groups, needs, strict=True)
    )
    return Plan(tuple(sources), planned, dialect, shape), distinct


def _needs(groups: Sequence[Group], *, use_rollups: bool) -> list[Need]:
    """The source of each group.

    Rollups are read as coarsely as each group allows: rows of dimensions are many, those of time
    alone are few. Calls are read once, finely enough for all groups that can share them; but what
    rollups keep is not divided by what they do not keep, of which there may be very many values.
    """
    are_stored = [_is_stored(group) for group in groups]
    needs = []
    for group, is_stored in zip(groups, are_stored, strict=True):
        sharing = [
            other.steps
            for other, is_other_stored in zip(groups, are_stored, strict=True)
            if other.steps is not None
            and other.window == group.window
            and is_other_stored is is_stored
            and (other.dimensions == group.dimensions or not (use_rollups and is_stored))
        ]
        steps = sharing[0] if group.steps is None and sharing else group.steps
        needs.append(Need(group.window, steps, group.dimensions, use_rollups and is_stored))
    dimensions: dict[Any, dict[Dimension, None]] = {}
    keys = [
        (need.window, need.steps, is_stored, need.dimensions if need.use_rollups else None)
        for need, is_stored in zip(needs, are_stored, strict=True)
    ]
    for key, need in zip(keys, needs, strict=True):
        dimensions.setdefault(key, {}).update(dict.fromkeys(need.dimensions))
    return [
        need._replace(dimensions=tuple(dimensions[key]))
        for key, need in zip(keys, needs, strict=True)
    ]


def _is_stored(group: Group) -> bool:
    """Whether rollups keep all that a group needs."""
    return _measures(group).issubset(MEASURES) and all(
        dimension.is_stored for dimension in group.dimensions
    )


def _measures(group: Group) -> frozenset[Measure]:
    """The measures that a group has, and those that its rows are in the order of."""
    order = group.ranking and group.ranking.by
    return group.measures | order.measures if order else group.measures


def _buckets(steps: Steps | HoursOfWeek | None) -> Buckets:
    if steps is None:
        return Buckets.NONE
    return Buckets.OF_WEEK if isinstance(steps, HoursOfWeek) else Buckets.OF_TIME


def _planned(
    group: Group | NearestRanks | CallsBelow, source: int
) -> PlannedGroup | PlannedRanks | PlannedCallsBelow:
    match group:
        case NearestRanks():
            return PlannedRanks(source)
        case CallsBelow():
            return PlannedCallsBelow(source)
    return PlannedGroup(
        source=source,
        measures=group.measures,
        dimensions=group.dimensions,
        has_steps=group.steps is not None,
        ranking=group.ranking and replace(group.ranking, largest=0, min_calls=0),
    )
