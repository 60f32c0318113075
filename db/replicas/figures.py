"""Reading figures from whichever server answers."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from call_analytics.db.figures.query import FigureQuery, Figures
from call_analytics.db.figures.reader import FigureReader, Reading
from call_analytics.db.replicas.servers import Origin, Server, Servers
from call_analytics.db.tenant import Tenancy


class FigureServers:
    """Reads figures, and where they come from, as ``FigureReader`` does on one server."""

    def __init__(self, servers: Servers, *, may_use_rollups: bool = True) -> None:
        self._servers = servers
        self._readers = {
            server: FigureReader(server.database, may_use_rollups=may_use_rollups)
            for server in (servers.primary, *servers.replicas)
        }

    async def read(
        self, query: FigureQuery, readings: Sequence[Reading] = ()
    ) -> tuple[Figures, Origin | None]:
        """Answer a query, and with it, in the same snapshot, what else is read.

        Raises:
            ConnectionsInUse, DatabaseUnavailable: as ``Servers.answer``.
        """

        async def attempt(server: Server) -> tuple[Figures, float]:
            reader = self._readers[server]
            if server.replica is None:
                return await reader.read(query, readings), 0

            age_of = server.age_of_next_snapshot()

            async def age(connection: AsyncConnection, _tenancy: Tenancy) -> float:
                return await age_of(connection)

            figures = await reader.read(query, (*readings, age))
            *others, seconds = figures.others
            return figures._replace(others=tuple(others)), seconds

        return await self._servers.answer(attempt)
