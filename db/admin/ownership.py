"""Whose a database is: this service's own, or one of a platform that it is attached to."""

from sqlalchemy import inspect

from call_analytics.db.engine import Database, read
from call_analytics.db.models import VERSION_TABLE


async def is_managed(database: Database) -> bool:
    """Whether a database is this service's own, of whatever release.

    Raises:
        DatabaseUnavailable: where the database cannot answer.
    """
    return await read(
        database,
        lambda connection: connection.run_sync(lambda sync: inspect(sync).has_table(VERSION_TABLE)),
    )
