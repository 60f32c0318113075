"""The measures: everything that is ever counted or summed, each defined once.

A measure is a number that every single call has, and that is summed over calls: so parts of any
cut of the data add up to the whole, and what is taken away can be subtracted. Ratios are no
measures: they are derived from these, once, at the end.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Dialect, Integer, case, cast, func, literal_column
from sqlalchemy.sql.elements import ColumnElement, Label

_ONE: ColumnElement[int] = literal_column("1", Integer)
_ZERO: ColumnElement[int] = literal_column("0", Integer)

Column = Any
"""A column of any kind of table, or an expression."""


@dataclass(frozen=True, slots=True, eq=False)
class Measure:
    """A summable property of a set of calls."""

    name: str
    """The name of its column, in answers and in rollups."""
    of_one_call: Callable[[Column, Column], ColumnElement[Any]]
    """What a call with a given status and duration adds to it."""

    def __str__(self) -> str:
        return self.name


def _status(name: str) -> Callable[[Column, Column], ColumnElement[Any]]:
    named: ColumnElement[str] = literal_column(f"'{name}'")
    return lambda status, _duration: case((status == named, _ONE), else_=_ZERO)


CALLS = Measure("calls", lambda _status, _duration: _ONE)
COMPLETED = Measure("completed", _status("completed"))
FAILED = Measure("failed", _status("failed"))
ONGOING = Measure("ongoing", _status("ongoing"))
DURATION = Measure("duration", lambda _status, duration: func.coalesce(duration, _ZERO))
"""Seconds, over calls of every status; a null duration adds nothing."""
COMPLETED_DURATION = Measure(
    "completed_duration",
    lambda status, duration: case(
        (status == literal_column("'completed'"), func.coalesce(duration, _ZERO)), else_=_ZERO
    ),
)
"""Seconds, over completed calls."""


def is_averaged(status: Column, duration: Column) -> ColumnElement[bool]:
    """Whether an average counts a call: it is completed, and its duration neither null nor 0."""
    counts: ColumnElement[bool] = (status == literal_column("'completed'")) & (duration != _ZERO)
    return counts


COMPLETED_TIMED = Measure(
    "completed_timed",
    lambda status, duration: case((is_averaged(status, duration), _ONE), else_=_ZERO),
)
"""Completed calls whose duration is neither null nor 0: what an average divides by."""

MEASURES = (CALLS, COMPLETED, FAILED, ONGOING, DURATION, COMPLETED_DURATION, COMPLETED_TIMED)
"""Those that rollups keep, in the order of their columns."""


def sums_of_calls(
    measures: Iterable[Measure], status: Column, duration: Column
) -> list[Label[Any]]:
    """The measures, each labelled with its name, of the calls that a SELECT groups together."""
    return [
        # As the sum of ones, and quicker.
        (
            func.count() if measure is CALLS else func.sum(measure.of_one_call(status, duration))
        ).label(measure.name)
        for measure in measures
    ]


def total_of(part: Column) -> ColumnElement[Any]:
    """The sum of one measure's parts; 0 where there are none."""
    # PostgreSQL sums bigints to numeric, which would arrive as Decimal.
    return cast(func.coalesce(func.sum(part), _ZERO), BigInteger)


def amounts_of_one_call(dialect: Dialect, row: str = "") -> list[str]:
    """What one call adds to each measure, in SQL; ``row`` comes before its columns' names."""
    status: ColumnElement[object] = literal_column(f"{row}status")
    duration: ColumnElement[object] = literal_column(f"{row}duration")
    return [
        str(measure.of_one_call(status, duration).compile(dialect=dialect)) for measure in MEASURES
    ]
