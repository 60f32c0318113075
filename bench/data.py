"""The data: a big organization, and others beside it.

The big one has 20 assistants. A wide one has as many calls, and 500 assistants. Sixteen small ones
have 20,000 calls each.
"""

from dataclasses import dataclass

from sqlalchemy import insert, text

from call_analytics.db.admin.keys import create_key
from call_analytics.db.admin.migrate import upgrade
from call_analytics.db.admin.organizations import create_organization, service_user_id
from call_analytics.db.engine import Database, transaction
from call_analytics.db.models import Assistant
from call_analytics.db.rollups.upkeep import disable_rollups

ASSISTANTS = 20
WIDE_ASSISTANTS = 500
SMALL_CALLS = 20_000
SMALL_ORGANIZATIONS = 16
DAYS = 90
KEYS = 16

NUMBERS = {
    "postgresql": "SELECT n FROM generate_series(1, {count}) AS s(n)",
    "sqlite": "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count}) "
    "SELECT n FROM s",
}
# Every call has a time of its own, spread evenly; 7919 is prime, so that they come in no order.
MINUTES = f"(CAST(n AS BIGINT) * 7919 % {{count}}) * {DAYS * 24 * 60 - 5}.0 / {{count}}"
STARTED_AT = {
    "postgresql": f"now() AT TIME ZONE 'utc' - ({MINUTES}) * interval '1 minute'",
    "sqlite": f"strftime('%Y-%m-%d %H:%M:%f', 'now', -({MINUTES}) || ' minutes') || '000'",
}
CALLS = """
INSERT INTO calls (call_sid, organization_id, assistant_id, to_phone_number,
                   customer_phone_number, status, duration, started_at)
SELECT '{slug}-' || n, {organization}, {first} + n % {assistants}, '+15550001', '+15550002',
       CASE n % 10 WHEN 0 THEN 'failed' WHEN 1 THEN 'busy' ELSE 'completed' END,
       n % 600, {started_at}
FROM ({numbers}) AS numbers
"""


@dataclass(frozen=True)
class Keys:
    """A key of each organization, and as many of the big one as there are connections."""

    big: str
    wide: str
    small: list[str]
    all_of_big: list[str]


async def load(database: Database, calls: int, *, is_whole: bool) -> Keys:
    """Fill an empty database, without rollups; returns the keys.

    Where it is not to be whole, there are only the big organization and one small one.
    """
    await upgrade(database)
    await disable_rollups(database)
    big = await _organization(database, "big", assistants=ASSISTANTS, calls=calls)
    wide = big
    if is_whole:
        wide = await _organization(database, "wide", assistants=WIDE_ASSISTANTS, calls=calls)
    small = [
        await _organization(database, f"small-{number}", assistants=ASSISTANTS, calls=SMALL_CALLS)
        for number in range(SMALL_ORGANIZATIONS if is_whole else 1)
    ]
    await settle(database)
    return Keys(big=big[0], wide=wide[0], small=[keys[0] for keys in small], all_of_big=big)


async def _organization(database: Database, slug: str, *, assistants: int, calls: int) -> list[str]:
    """Make an organization; returns its keys."""
    async with transaction(database) as connection:
        dialect = connection.dialect.name
        organization_id = await create_organization(connection, slug, slug.title())
        user_id = await service_user_id(connection, organization_id)
        ids = await connection.scalars(
            insert(Assistant).returning(Assistant.id, sort_by_parameter_order=True),
            [
                {
                    "organization_id": organization_id,
                    "user_id": user_id,
                    "name": f"Assistant {number}",
                }
                for number in range(assistants)
            ],
        )
        sql = CALLS.format(
            slug=slug,
            organization=organization_id,
            first=min(ids),
            assistants=assistants,
            started_at=STARTED_AT[dialect].format(count=calls),
            numbers=NUMBERS[dialect].format(count=calls),
        )
        await connection.execute(text(sql.replace(":", "\\:")))
        return [await create_key(connection, slug, "bench") for _ in range(KEYS)]


async def settle(database: Database) -> None:
    """Leave the database as it is after a quiet night: vacuumed and analyzed."""
    autocommit = database.execution_options(isolation_level="AUTOCOMMIT")
    async with autocommit.connect() as connection:
        verb = {"postgresql": "VACUUM ANALYZE", "sqlite": "ANALYZE"}[connection.dialect.name]
        await connection.execute(text(verb))
