"""Distribution: the calls of a managed database, and their rollups, on the machines of a Citus
cluster.

Each organization is in one shard of each table, and shards of the same organizations are on the
same machine. So an answer is one task of one worker, and is seen in one snapshot. Organizations,
users, keys and assistants are few, and are on every machine.
"""

from sqlalchemy import Connection, inspect, text

from call_analytics.db.admin.migrate import require_managed
from call_analytics.db.admin.obstacles import Finding
from call_analytics.db.catalogs import placement_of
from call_analytics.db.dialects import backend_of
from call_analytics.db.engine import Database, connect
from call_analytics.db.errors import OperatorError
from call_analytics.db.models import Assistant, Organization, User, UserApiKey
from call_analytics.db.placement import Placement
from call_analytics.db.rollups.layout import rollups_state
from call_analytics.db.rollups.state import RollupState, rollup_state
from call_analytics.db.rollups.upkeep import (
    create_rollups,
    enable_rollups,
    remove_rollups,
    without_queueing,
)

# Referenced tables come before those that refer to them.
EVERYWHERE = tuple(table.__tablename__ for table in (Organization, User, UserApiKey, Assistant))

_FOREIGN_KEY = "fk_calls_organization_id_assistant_id_assistants"

# The key of shards has to be in every unique key, and of one type in all tables.
_PREPARATION = (
    f"""
    ALTER TABLE calls
        DROP CONSTRAINT {_FOREIGN_KEY},
        DROP CONSTRAINT pk_calls,
        ALTER organization_id TYPE bigint,
        ADD CONSTRAINT pk_calls PRIMARY KEY (organization_id, id)
    """,
    # A table that every machine has takes one connection to each.
    "SET LOCAL citus.multi_shard_modify_mode = 'sequential'",
)
_COMPLETION = f"""
    ALTER TABLE calls ADD CONSTRAINT {_FOREIGN_KEY}
    FOREIGN KEY (organization_id, assistant_id) REFERENCES assistants (organization_id, id)
"""

_EXTENSION = text("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')")
_LACKING = text("""
SELECT 'this is not the coordinator of its Citus cluster',
    'name the coordinator in CALL_ANALYTICS_DATABASE_URL'
WHERE NOT citus_is_coordinator()
UNION ALL
SELECT 'the cluster does not know the address of its coordinator',
    'SELECT citus_set_coordinator_host(''HOST'', PORT);'
WHERE NOT EXISTS (SELECT FROM pg_dist_node WHERE groupid = 0)
UNION ALL
SELECT 'the cluster has no worker that may have shards', 'SELECT citus_add_node(''HOST'', PORT);'
WHERE NOT EXISTS (SELECT FROM pg_dist_node WHERE isactive AND shouldhaveshards AND groupid <> 0)
UNION ALL
SELECT format('the machine %s:%s has wal_level %s, so no shard can be moved while it is written',
              nodename, nodeport, result),
    'ALTER SYSTEM SET wal_level = ''logical''; and start that PostgreSQL again'
FROM run_command_on_all_nodes('SHOW wal_level') JOIN pg_dist_node USING (nodeid)
WHERE citus_is_coordinator() AND result <> 'logical'
""")


async def distribute_calls(database: Database, shards: int) -> int:
    """Distribute the calls of a managed database, and their rollups, over a Citus cluster.

    Calls that are there are moved, and rollups are made anew. Returns how many shards there were
    already; then only rollups are filled, where that was cut short.

    Raises:
        OperatorError: where the database is not a managed one, or cannot be distributed.
        DatabaseUnavailable: where a machine of the cluster does not answer.
    """
    findings = await lacking_to_distribute(database)
    if findings:
        raise OperatorError(findings[0].line)
    async with connect(database) as connection:
        there = await connection.run_sync(shards_of_calls)
    if not there:
        await without_queueing(database, lambda connection: _distribute(connection, shards))
    if await rollup_state(database) is RollupState.FILLING:
        await enable_rollups(database, lambda *_: None)
    return there


async def lacking_to_distribute(database: Database) -> list[Finding]:
    """What a managed database and its cluster lack.

    Raises:
        OperatorError: where the database is not a managed one on PostgreSQL.
    """
    if backend_of(database.dialect).embedded:
        raise OperatorError("a SQLite file is on one machine; Citus is an extension of PostgreSQL")
    async with connect(database) as connection:
        await require_managed(connection)
        return await connection.run_sync(_lacking)


def _lacking(connection: Connection) -> list[Finding]:
    if not connection.execute(_EXTENSION).scalar_one():
        return [
            Finding(
                "the database has no Citus",
                "CREATE EXTENSION citus; in this database of every machine",
            )
        ]
    if placement_of(connection) is Placement.PARTITIONED:
        return [
            Finding(
                "the calls are partitioned, and partitions cannot be distributed",
                "make a new database, distribute it, and import an export of these calls",
            )
        ]
    return [Finding(*row) for row in connection.execute(_LACKING)]


def shards_of_calls(connection: Connection) -> int:
    """How many shards the calls have; 0 where they are not distributed."""
    if placement_of(connection) is not Placement.DISTRIBUTED:
        return 0
    statement = "SELECT count(*) FROM pg_dist_shard WHERE logicalrelid = 'calls'::regclass"
    return int(connection.execute(text(statement)).scalar_one())


def _distribute(connection: Connection, shards: int) -> None:
    connection.exec_driver_sql("LOCK TABLE calls IN ACCESS EXCLUSIVE MODE")
    if placement_of(connection) is not Placement.TOGETHER:
        raise OperatorError("another process has divided the calls just now")
    are_rolled_up = inspect(connection).has_table(rollups_state.name)
    remove_rollups(connection)
    for statement in _PREPARATION:
        connection.exec_driver_sql(statement)
    for table in EVERYWHERE:
        connection.exec_driver_sql(f"SELECT create_reference_table('{table}')")
    connection.exec_driver_sql(
        "SELECT create_distributed_table('calls', 'organization_id', colocate_with => 'none', "
        f"shard_count => {shards})"
    )
    connection.exec_driver_sql(_COMPLETION)
    if are_rolled_up:
        create_rollups(connection)
