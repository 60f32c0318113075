"""What a database is asked: the window of an organization's calls, and the groups of them.

Timestamps carry no zone and are UTC, as they are stored.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, String, case, func, literal_column
from sqlalchemy.types import TypeEngine

from call_analytics.db.figures.measures import CALLS, Measure, is_averaged
from call_analytics.db.rollups.grains import Grain


@dataclass(frozen=True, slots=True)
class Window:
    """Calls count that started at ``start`` or later, and before ``end`` where there is one."""

    start: datetime
    end: datetime | None = None


class Span(NamedTuple):
    """A part of a bucket: the instants from ``start`` to before ``end``.

    Most buckets have one span. Where clocks are set back over midnight, a local date has two.
    """

    bucket: datetime
    """The first instant of the bucket, which names it in the answer."""
    start: datetime
    end: datetime


class Spans(tuple[Span, ...]):
    """Spans that are made once and looked up often: their hash is computed once."""

    @cached_property
    def _hash(self) -> int:
        return super().__hash__()

    def __hash__(self) -> int:
        """The hash of a tuple."""
        return self._hash


@dataclass(frozen=True, slots=True)
class Steps:
    """How time is cut into buckets: into spans one after the other, and after these by a grain."""

    rest: Grain
    """Buckets that begin at the end of the last span, or from the start of the window on where
    there is none. A row of the answer is named by the start of its bucket."""
    spans: tuple[Span, ...] = ()


class Stretch(NamedTuple):
    """Instants from ``start`` to before ``end`` in which a clock has one offset from UTC."""

    start: datetime
    end: datetime
    monday: datetime
    """An instant at which a Monday begins by that clock; it may be outside the stretch."""


@dataclass(frozen=True, slots=True)
class HoursOfWeek:
    """How time is cut into the 168 hours of a week on a local clock.

    The bucket of an hour is that hour of the week that begins on ``REFERENCE_MONDAY``. What comes
    after the last stretch is cut into quarter hours, of which every hour has a whole number.
    """

    stretches: tuple[Stretch, ...]
    """One after the other."""


REFERENCE_MONDAY = datetime(2000, 1, 3)  # noqa: DTZ001 - stored timestamps have no zone
"""Long before any quarter hour that comes after the last stretch of a window without an end."""


@dataclass(frozen=True, slots=True, eq=False)
class Dimension:
    """What calls are grouped by, other than time."""

    name: str
    """The name of its column, in answers and in rollups."""
    type: TypeEngine[Any]
    of_call: Callable[[Any], ColumnElement[Any]]
    """A call's value, made of these of its columns: ``assistant_id``, ``status``, ``duration``."""
    is_stored: bool
    """Whether rollups keep it."""


ASSISTANT = Dimension(
    "assistant_id", BigInteger(), lambda calls: calls.assistant_id, is_stored=True
)
"""Rows of an assistant carry its name besides, as ``assistant_name``."""


STATUS = Dimension(
    "status",
    String(),
    lambda calls: func.coalesce(calls.status, literal_column("''")),
    is_stored=False,
)
"""As it is stored; empty where a platform has stored none."""
AVERAGED_DURATION = Dimension(
    "averaged_duration",
    BigInteger(),
    lambda calls: case((is_averaged(calls.status, calls.duration), calls.duration)),
    is_stored=False,
)
"""Seconds of a call that an average counts; null for all other calls."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """A figure: a sum of measures, or its quotient by another measure; 0 where that is 0."""

    terms: tuple[tuple[int, Measure], ...]
    """Each measure is multiplied by its factor, and these are added."""
    divisor: Measure | None = None

    @property
    def measures(self) -> frozenset[Measure]:
        """What it is made of."""
        divisors = () if self.divisor is None else (self.divisor,)
        return frozenset((*(measure for _, measure in self.terms), *divisors))


@dataclass(frozen=True, slots=True)
class Ranking:
    """The order of a group's rows, and which of them there are. Ties: dimensions, ascending."""

    largest: int
    """How many rows at most."""
    by: Ratio | None = field(default=Ratio(((1, CALLS),)))
    """None orders by the assistant's name, character by character."""
    is_descending: bool = True
    min_calls: int = 1
    """Rows of fewer calls are not there."""


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of the answer: all calls of the window, or those of each bucket and dimension.

    Without dimensions and steps there is one row. With them, only what has calls is there.
    """

    measures: frozenset[Measure]
    dimensions: tuple[Dimension, ...] = ()
    steps: Steps | HoursOfWeek | None = None
    ranking: Ranking | None = None
    """Where there is none, rows are in the order of their buckets, then of their dimensions."""
    window: int = 0
    """Which of the query's windows."""


@dataclass(frozen=True, slots=True)
class NearestRanks:
    """Rows of the answer: for each share of the calls that an average counts, a duration.

    That is, as ``averaged_duration``, the smallest one that at least this share of these calls do
    not exceed; null where there are no such calls. Rows are in the order of the shares.
    """

    shares: tuple[Decimal, ...]
    """From 0, which gives the shortest duration, to 1, which gives the longest."""
    window: int = 0
    """Which of the query's windows."""


@dataclass(frozen=True, slots=True)
class CallsBelow:
    """Rows of the answer: for each limit the ``calls`` that an average counts and are shorter.

    Rows are in the order of the limits.
    """

    limits: tuple[int, ...]
    """Seconds."""
    window: int = 0
    """Which of the query's windows."""


@dataclass(frozen=True, slots=True)
class FigureQuery:
    """Everything that one answer is asked for."""

    organization_id: int
    windows: tuple[Window, ...]
    groups: tuple[Group | NearestRanks | CallsBelow, ...]
    assistant_ids: tuple[int, ...] | None = None
    """Only the calls of these assistants count, if they are the organization's. None is all."""


class Figures(NamedTuple):
    """An answer of the database."""

    groups: tuple[Sequence[Any], ...]
    """The rows of each group, with these attributes: ``bucket``, the names of the dimensions, the
    names of the measures. What a group does not have, or was not asked for, is None; but where a
    group has dimensions or steps, ``calls`` is there."""
    from_rollups: bool
    """Whether rollups were read, and not calls only."""
    others: tuple[Any, ...] = ()
    """What each of the readings beside the query returned."""
