"""What a statement is asked for, and the rows that it answers with."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum
from typing import NamedTuple

from call_analytics.db.figures.measures import Measure


class Group(IntEnum):
    """Rows of an answer that are grouped by the same thing."""

    READINESS = -1
    """One row, whose ``calls`` is 1 where the rollups that were read are ready, and 0 elsewhere."""
    TOTALS = 0
    DAYS = 1
    ASSISTANTS = 2


@dataclass(frozen=True, slots=True)
class GroupMeasures:
    """The measures that a statement computes in each group; None where it leaves the group out.

    Days and assistants without calls are absent, and assistants are ranked by their calls: so
    there the calls are always counted.
    """

    totals: frozenset[Measure] | None = None
    days: frozenset[Measure] | None = None
    assistants: frozenset[Measure] | None = None

    @property
    def by_group(self) -> dict[Group, frozenset[Measure]]:
        """The groups, in order, and the measures of each."""
        groups = {}
        if self.totals is not None:
            groups[Group.TOTALS] = self.totals
        if self.days is not None:
            groups[Group.DAYS] = self.days | {Measure.CALLS}
        if self.assistants is not None:
            groups[Group.ASSISTANTS] = self.assistants | {Measure.CALLS}
        return groups

    @property
    def all(self) -> list[Measure]:
        """The measures of all groups together."""
        return sorted(frozenset().union(*self.by_group.values()))


@dataclass(frozen=True, slots=True)
class Scope:
    """The organization whose calls are read, and the instant from which on they count."""

    organization_id: int
    since: datetime
    """Aware; the earliest ``started_at`` that counts."""


class FigureRow(NamedTuple):
    """One row of an answer: its group, the group's key, and each measure.

    ``day`` is there in rows of days only, and the assistant in rows of assistants only. A measure
    that was not asked for is None.
    """

    group: int
    day: date
    assistant_id: int
    assistant_name: str
    calls: int | None
    completed: int | None
    failed: int | None
    ongoing: int | None
    duration: int | None
    completed_duration: int | None
    completed_timed: int | None


class Figures(NamedTuple):
    """An answer of the database."""

    rows: Sequence[FigureRow]
    """In the order of their groups; days ascending; assistants by calls descending, then by
    ``assistant_id`` ascending."""
    from_rollups: bool
    """Whether rollups were read, and not calls only."""
