"""What a database is asked: the window of an organization's calls, and the groups of them.

Timestamps carry no zone and are UTC, as they are stored.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement
from sqlalchemy.types import TypeEngine

from call_analytics.db.figures.measures import Measure
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


@dataclass(frozen=True, slots=True, eq=False)
class Dimension:
    """What calls are grouped by, other than time."""

    name: str
    """The name of its column, in answers and in rollups."""
    type: TypeEngine[Any]
    of_call: Callable[[Any], ColumnElement[Any]]
    """A call's value, made of the columns of the table of calls."""
    is_stored: bool
    """Whether rollups keep it."""


ASSISTANT = Dimension(
    "assistant_id", BigInteger(), lambda calls: calls.assistant_id, is_stored=True
)
"""Rows of an assistant carry its name besides, as ``assistant_name``."""


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of the answer: all calls of the window, or those of each bucket and dimension.

    Without dimensions and steps there is one row. With them, only what has calls is there.
    """

    measures: frozenset[Measure]
    dimensions: tuple[Dimension, ...] = ()
    steps: Steps | None = None
    largest: int | None = None
    """Where given, only so many rows: those with most calls, most first, ties by the dimensions in
    ascending order. Otherwise rows are in the order of their buckets, then of their dimensions."""


@dataclass(frozen=True, slots=True)
class FigureQuery:
    """Everything that one answer is asked for."""

    organization_id: int
    window: Window
    groups: tuple[Group, ...]


class Figures(NamedTuple):
    """An answer of the database."""

    groups: tuple[Sequence[Any], ...]
    """The rows of each group, with these attributes: ``bucket``, the names of the dimensions, the
    names of the measures. What a group does not have, or was not asked for, is None; but where a
    group has dimensions or steps, ``calls`` is there."""
    from_rollups: bool
    """Whether rollups were read, and not calls only."""
