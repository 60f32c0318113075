"""Reading figures from what is there: rollups where the database has them, the calls elsewhere."""

from collections.abc import Awaitable, Callable, Sequence
from itertools import groupby
from operator import attrgetter
from time import monotonic
from typing import Any, TypeAlias

from sqlalchemy.ext.asyncio import AsyncConnection

from call_analytics.db.engine import Database, read, read_in_one_snapshot
from call_analytics.db.errors import DatabaseChanged
from call_analytics.db.figures.plan import Plan, plan
from call_analytics.db.figures.prepared import PreparedSelect
from call_analytics.db.figures.query import (
    CallsBelow,
    FigureQuery,
    Figures,
    Group,
    NearestRanks,
    Ranking,
)
from call_analytics.db.figures.sources import ASSISTANT_IDS
from call_analytics.db.figures.statement import (
    MOVING,
    READINESS,
    READY,
    figures_statement,
    prepared_statement,
)
from call_analytics.db.figures.tile_tables import TILE_TABLES
from call_analytics.db.figures.tiles import tiles
from call_analytics.db.placement import Placement
from call_analytics.db.rollups.grains import GRAINS
from call_analytics.db.rollups.state import RollupState, rollup_state
from call_analytics.db.shape import Shape, shape_of
from call_analytics.db.tenant import Tenancy

LOOK_AGAIN_SECONDS = 30


Reading: TypeAlias = Callable[[AsyncConnection, Tenancy], Awaitable[Any]]
"""What else is read for an answer, over the same connection."""


async def read_figures(
    query: FigureQuery,
    readings: Sequence[Reading] = (),
    *,
    database: Database,
    shape: Shape,
    use_rollups: bool,
) -> Figures:
    """Answer a query in one statement, and with it, in the same snapshot, what else is to be read.

    Where an assistant of the organization is moving, another statement reads the calls.

    Raises:
        DatabaseChanged: where a table is not there, or not to be read; or rollups were to be used
            and are not ready.
        DatabaseUnavailable: where the database cannot answer.
    """
    prepared: PreparedSelect | None = None
    parameters: dict[str, Any] = {}
    if query.groups:
        planned, parameters = _planned(query, database.dialect.name, shape, use_rollups=use_rollups)
        prepared = await prepared_statement(planned, database.dialect)

    async def work(connection: AsyncConnection) -> tuple[list[Any], tuple[Any, ...]]:
        rows = [] if prepared is None else await prepared.rows(connection, parameters)
        return rows, tuple([await reading(connection, shape.tenancy) for reading in readings])

    rows, others = await (read_in_one_snapshot if readings else read)(database, work)
    numbered = {number: list(its) for number, its in groupby(rows, attrgetter("number"))}
    from_rollups = READINESS in numbered
    if from_rollups:
        readiness = numbered[READINESS][0].calls
        if readiness == MOVING:
            return await read_figures(
                query,
                readings,
                database=database,
                shape=shape,
                use_rollups=False,
            )
        if readiness != READY:
            raise DatabaseChanged("rollups are not ready")
    return Figures(
        tuple(numbered.get(number, []) for number in range(len(query.groups))),
        from_rollups=from_rollups,
        others=others,
    )


def statement_for(
    query: FigureQuery, dialect: str, shape: Shape, *, use_rollups: bool
) -> tuple[Any, dict[str, Any]]:
    """The statement that answers a query, and its parameters."""
    planned, parameters = _planned(query, dialect, shape, use_rollups=use_rollups)
    return figures_statement(planned), parameters


def _planned(
    query: FigureQuery, dialect: str, shape: Shape, *, use_rollups: bool
) -> tuple[Plan, dict[str, Any]]:
    """The plan of the statement that answers a query, and the statement's parameters.

    What rollups do not keep is read from the calls all the same.
    """
    planned, needs = plan(
        query.groups,
        dialect,
        shape,
        use_rollups=use_rollups,
        is_narrowed=query.assistant_ids is not None,
    )
    tables = TILE_TABLES[dialect]
    parameters: dict[str, Any] = {"organization_id": query.organization_id}
    if query.assistant_ids is not None:
        parameters[ASSISTANT_IDS] = tables.values_parameter(query.assistant_ids)
    for source, need in zip(planned.sources, needs, strict=True):
        grains = GRAINS if source.use_rollups else ()
        found = tiles(query.windows[need.window], need.steps, grains)
        parameters |= tables.parameters(source.tiles_of_calls, found.of_calls)
        if source.use_rollups:
            parameters |= tables.parameters(source.tiles_of_rollups, found.of_rollups)
    for number, group in enumerate(query.groups):
        match group:
            case NearestRanks():
                parameters[f"shares_{number}"] = tables.values_parameter(group.shares)
            case CallsBelow():
                parameters[f"limits_{number}"] = tables.values_parameter(group.limits)
            case Group(ranking=Ranking() as ranking):
                parameters[f"largest_{number}"] = ranking.largest
                parameters[f"min_calls_{number}"] = ranking.min_calls
    return planned, parameters


class FigureReader:
    """Reads the figures of one database.

    It remembers the database's shape, and whether rollups were ready, when it last looked.
    Nothing that is remembered can make an answer wrong: the statement that reads rollups returns,
    from its own snapshot, whether they are ready, and where they are not, or have gone, the calls
    are read instead. A statement by organization fails where calls have none, and a statement by
    assistant is right everywhere. A reader that may not use rollups always reads the calls.
    """

    def __init__(self, database: Database, *, may_use_rollups: bool = True) -> None:
        self._database = database
        self._may_use_rollups = may_use_rollups
        self._shape = Shape(Tenancy.BY_ASSISTANT, Placement.TOGETHER)
        self._use_rollups = False
        self._look_again_at = 0.0

    async def read(self, query: FigureQuery, readings: Sequence[Reading] = ()) -> Figures:
        """Answer a query in one statement, and with it, in the same snapshot, what else is read.

        Readings are done anew where the answer must be.

        Raises:
            DatabaseUnavailable: where the database cannot answer.
        """
        try:
            return await self._read(query, readings)
        except DatabaseChanged:
            self._use_rollups = False
            self.look_again()
            self._shape = await self._look_at_shape()
            return await self._read_from(query, readings, use_rollups=False)

    def look_again(self) -> None:
        """Where rollups were not ready, look at the next read whether they are, and not later."""
        self._look_again_at = 0.0

    async def _read(self, query: FigureQuery, readings: Sequence[Reading]) -> Figures:
        await self._look()
        return await self._read_from(query, readings, use_rollups=self._use_rollups)

    async def _read_from(
        self, query: FigureQuery, readings: Sequence[Reading], *, use_rollups: bool
    ) -> Figures:
        return await read_figures(
            query,
            readings,
            database=self._database,
            shape=self._shape,
            use_rollups=use_rollups,
        )

    async def _look(self) -> None:
        """Look at what is there, from time to time until rollups are used: nothing is better."""
        if self._use_rollups or monotonic() < self._look_again_at:
            return
        # Rollups of this release are made after a managed database has its tenancy.
        if self._may_use_rollups:
            try:
                self._use_rollups = await rollup_state(self._database) is RollupState.READY
            except DatabaseChanged:  # they have changed while they were looked at
                self._use_rollups = False
        self._shape = await self._look_at_shape()
        self._look_again_at = monotonic() + LOOK_AGAIN_SECONDS

    async def _look_at_shape(self) -> Shape:
        return await read(self._database, lambda connection: connection.run_sync(shape_of))
