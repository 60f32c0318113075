"""Reading figures from what is there: rollups where the database has them, the calls elsewhere."""

from itertools import groupby
from operator import attrgetter
from time import monotonic
from typing import Any

from call_analytics.db.engine import Database, read
from call_analytics.db.errors import DatabaseChanged
from call_analytics.db.figures.measures import MEASURES
from call_analytics.db.figures.query import FigureQuery, Figures
from call_analytics.db.figures.statement import (
    MOVING,
    READINESS,
    READY,
    Plan,
    figures_statement,
    plan,
    prepared_statement,
)
from call_analytics.db.figures.tile_tables import TILE_TABLES
from call_analytics.db.figures.tiles import tiles
from call_analytics.db.rollups.grains import GRAINS
from call_analytics.db.rollups.state import RollupState, rollup_state

LOOK_AGAIN_SECONDS = 30


async def read_figures(query: FigureQuery, *, database: Database, use_rollups: bool) -> Figures:
    """Answer a query, in one statement and so in one snapshot.

    Where an assistant of the organization is moving, another statement reads the calls.

    Raises:
        DatabaseChanged: where a table is not there, or not to be read; or rollups were to be used
            and are not ready.
        DatabaseUnavailable: where the database cannot answer.
    """
    planned, parameters = _planned(query, database.dialect.name, use_rollups=use_rollups)
    prepared = prepared_statement(planned, database.dialect)
    rows = await read(database, lambda connection: prepared.rows(connection, parameters))
    numbered = {number: list(its) for number, its in groupby(rows, attrgetter("number"))}
    if use_rollups:
        readiness = numbered[READINESS][0].calls
        if readiness == MOVING:
            return await read_figures(query, database=database, use_rollups=False)
        if readiness != READY:
            raise DatabaseChanged("rollups are not ready")
    return Figures(
        tuple(numbered.get(number, []) for number in range(len(query.groups))),
        from_rollups=use_rollups,
    )


def statement_for(
    query: FigureQuery, dialect: str, *, use_rollups: bool
) -> tuple[Any, dict[str, Any]]:
    """The statement that answers a query, and its parameters."""
    planned, parameters = _planned(query, dialect, use_rollups=use_rollups)
    return figures_statement(planned, dialect), parameters


def _planned(query: FigureQuery, dialect: str, *, use_rollups: bool) -> tuple[Plan, dict[str, Any]]:
    planned, steps = plan(query.groups, use_rollups=use_rollups)
    tables = TILE_TABLES[dialect]
    grains = GRAINS if use_rollups else ()
    parameters: dict[str, Any] = {"organization_id": query.organization_id}
    for source, its_steps in zip(planned.sources, steps, strict=True):
        found = tiles(query.window, its_steps, grains)
        parameters |= tables.parameters(source.tiles_of_calls, found.of_calls)
        if use_rollups:
            parameters |= tables.parameters(source.tiles_of_rollups, found.of_rollups)
    for number, group in enumerate(query.groups):
        if group.largest is not None:
            parameters[f"largest_{number}"] = group.largest
    return planned, parameters


def rollups_answer(query: FigureQuery) -> bool:
    """Whether rollups keep all that a query asks for."""
    return all(
        group.measures.issubset(MEASURES)
        and all(dimension.is_stored for dimension in group.dimensions)
        for group in query.groups
    )


class FigureReader:
    """Reads the figures of one database.

    It remembers whether rollups were ready when it last looked. Nothing that is remembered can
    make an answer wrong: the statement that reads rollups returns, from its own snapshot, whether
    they are ready, and where they are not, or have gone, the calls are read instead. A reader that
    may not use rollups always reads the calls.
    """

    def __init__(self, database: Database, *, may_use_rollups: bool = True) -> None:
        self._database = database
        self._may_use_rollups = may_use_rollups
        self._use_rollups = False
        self._look_again_at = 0.0

    async def read(self, query: FigureQuery) -> Figures:
        """Answer a query, in one statement and so in one snapshot.

        Raises:
            DatabaseUnavailable: where the database cannot answer.
        """
        try:
            return await self._read(query)
        except DatabaseChanged:
            self._use_rollups = False
            self.look_again()
            return await read_figures(query, database=self._database, use_rollups=False)

    def look_again(self) -> None:
        """Where rollups were not ready, look at the next read whether they are, and not later."""
        self._look_again_at = 0.0

    async def _read(self, query: FigureQuery) -> Figures:
        await self._look()
        use_rollups = self._use_rollups and rollups_answer(query)
        return await read_figures(query, database=self._database, use_rollups=use_rollups)

    async def _look(self) -> None:
        if not self._may_use_rollups or self._use_rollups or monotonic() < self._look_again_at:
            return
        try:
            self._use_rollups = await rollup_state(self._database) is RollupState.READY
        except DatabaseChanged:  # they have changed while they were looked at
            self._use_rollups = False
        self._look_again_at = monotonic() + LOOK_AGAIN_SECONDS
