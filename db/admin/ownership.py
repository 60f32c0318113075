"""Whose a database is: this service's own, or one of a platform that it is attached to."""

from sqlalchemy import inspect
from sqlalchemy.ext.asyncio import AsyncConnection

from call_analytics.db.models import VERSION_TABLE


async def is_managed(connection: AsyncConnection) -> bool:
    """Whether a database is this service's own, of whatever release."""
    return await connection.run_sync(lambda sync: inspect(sync).has_table(VERSION_TABLE))
