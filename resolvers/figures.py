"""The figures of any group of calls, each defined once: as a ratio of measures."""

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from types import SimpleNamespace
from typing import Any

from call_analytics.db.figures.measures import (
    CALLS,
    COMPLETED,
    COMPLETED_DURATION,
    COMPLETED_TIMED,
    DURATION,
    FAILED,
    MEASURES,
    ONGOING,
    Measure,
)
from call_analytics.db.figures.query import Ratio

FIGURES: dict[str, Ratio] = {
    "total_calls": Ratio(((1, CALLS),)),
    "completed_calls": Ratio(((1, COMPLETED),)),
    "failed_calls": Ratio(((1, FAILED),)),
    "ongoing_calls": Ratio(((1, ONGOING),)),
    "other_calls": Ratio(((1, CALLS), (-1, COMPLETED), (-1, FAILED), (-1, ONGOING))),
    "total_duration": Ratio(((1, COMPLETED_DURATION),)),
    "avg_duration": Ratio(((1, COMPLETED_DURATION),), COMPLETED_TIMED),
    "success_rate": Ratio(((100, COMPLETED),), CALLS),
    "failure_rate": Ratio(((100, FAILED),), CALLS),
    "duration_of_all_statuses": Ratio(((1, DURATION),)),
}
"""Every group of calls has these. Durations are seconds, rates percent that is not rounded."""

NO_CALLS: Any = SimpleNamespace(**{measure.name: 0 for measure in MEASURES})
"""The sums of a group that has no calls."""


def measures_of(figures: Iterable[str], among: Mapping[str, Ratio] = FIGURES) -> frozenset[Measure]:
    """What these figures are made of."""
    return frozenset().union(*(among[figure].measures for figure in figures))


def added(rows: Sequence[Any]) -> Any:  # noqa: ANN401 - sums, as a row of the database has them
    """The sums of several groups together; those that were not asked for stay None."""
    if len(rows) == 1:
        return rows[0]
    sums = {}
    for measure in MEASURES:
        values = [getattr(row, measure.name) for row in rows]
        sums[measure.name] = None if None in values else sum(values)
    return SimpleNamespace(**sums)


def columns(
    rows: Sequence[Any], figures: Iterable[str], among: Mapping[str, Ratio] = FIGURES
) -> list[Sequence[Any]]:
    """A column of values for each figure that ``among`` has, over rows of sums.

    The columns of figures that are not selected hold None.
    """
    selected = set(figures)
    sums = _Sums(rows)
    nothing = [None] * len(rows)
    return [sums.of(ratio) if figure in selected else nothing for figure, ratio in among.items()]


class _Sums:
    """Rows of sums, column by column."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self._rows = rows
        self._columns: dict[Measure, Sequence[int]] = {}

    def of(self, ratio: Ratio) -> Sequence[Any]:
        """The values of a figure."""
        (factor, measure), *others = ratio.terms
        totals = self._column(measure)
        if factor != 1:
            totals = [factor * value for value in totals]
        for factor, measure in others:
            pairs = zip(totals, self._column(measure), strict=True)
            totals = [total + factor * value for total, value in pairs]
        if ratio.divisor is None:
            return totals
        pairs = zip(totals, self._column(ratio.divisor), strict=True)
        return [total / divisor if divisor else 0.0 for total, divisor in pairs]

    def _column(self, measure: Measure) -> Sequence[int]:
        if measure not in self._columns:
            self._columns[measure] = list(map(attrgetter(measure.name), self._rows))
        return self._columns[measure]
