"""Partitions: the calls of a managed database, and their rollups, divided by organization.

A partition is a table of PostgreSQL's like any other. So an organization's answers, and the upkeep
of its rollups, touch a smaller table and smaller indexes, and each partition is vacuumed by itself.
"""

from sqlalchemy import Connection, func, inspect, select, text

from call_analytics.db.admin.migrate import require_managed
from call_analytics.db.catalogs import placement_of
from call_analytics.db.dialects import backend_of
from call_analytics.db.engine import Database, connect
from call_analytics.db.errors import OperatorError
from call_analytics.db.models import Call
from call_analytics.db.placement import Placement
from call_analytics.db.rollups.layout import rollups_state
from call_analytics.db.rollups.upkeep import create_rollups, mark_ready, without_queueing

# The sequence stays, and so does who may do what with the table.
_DIVISION = (
    "ALTER TABLE calls RENAME TO calls_undivided",
    """
    CREATE TABLE calls (LIKE calls_undivided INCLUDING ALL EXCLUDING INDEXES)
    PARTITION BY HASH (organization_id)
    """,
    """
    DO $$ DECLARE
        held record;
    BEGIN
        EXECUTE (SELECT format('ALTER TABLE calls OWNER TO %s', relowner::regrole)
                 FROM pg_class WHERE oid = 'calls_undivided'::regclass);
        FOR held IN
            SELECT acl.privilege_type AS privilege, acl.grantee, acl.is_grantable
            FROM pg_class, aclexplode(relacl) AS acl WHERE oid = 'calls_undivided'::regclass
            UNION ALL
            SELECT format('%s (%I)', acl.privilege_type, attname), acl.grantee, acl.is_grantable
            FROM pg_attribute, aclexplode(attacl) AS acl
            WHERE attrelid = 'calls_undivided'::regclass AND NOT attisdropped
        LOOP
            EXECUTE format('GRANT %s ON calls TO %s %s', held.privilege,
                CASE held.grantee WHEN 0 THEN 'PUBLIC' ELSE held.grantee::regrole::text END,
                CASE WHEN held.is_grantable THEN 'WITH GRANT OPTION' ELSE '' END);
        END LOOP;
    END $$
    """,
    "ALTER SEQUENCE calls_id_seq OWNED BY calls.id",
    "DROP TABLE calls_undivided",
    """
    ALTER TABLE calls
        ADD CONSTRAINT pk_calls PRIMARY KEY (organization_id, id),
        ADD CONSTRAINT uq_calls_organization_id_call_sid UNIQUE (organization_id, call_sid),
        ADD CONSTRAINT fk_calls_organization_id_assistant_id_assistants
        FOREIGN KEY (organization_id, assistant_id) REFERENCES assistants (organization_id, id)
    """,
    """
    CREATE INDEX ix_calls_organization_started
    ON calls (organization_id, started_at, id, assistant_id, status, duration)
    """,
    """
    CREATE INDEX ix_calls_organization_assistant
    ON calls (organization_id, assistant_id, started_at)
    """,
)


async def partition_calls(database: Database, parts: int) -> int:
    """Divide the calls of a new managed database, and their rollups, into so many partitions.

    Returns how many partitions there were already; then nothing is changed.

    Raises:
        OperatorError: where the database is not a managed one, has calls, or cannot be divided.
    """
    if backend_of(database.dialect).embedded:
        raise OperatorError("a SQLite file has no partitions; they are for PostgreSQL")
    async with connect(database) as connection:
        await require_managed(connection)
        there = await connection.run_sync(partitions_of_calls)
    if not there:
        await without_queueing(database, lambda connection: _divide(connection, parts))
    return there


def partitions_of_calls(connection: Connection) -> int:
    """How many partitions the calls have; 0 where they are not divided so."""
    if placement_of(connection) is not Placement.PARTITIONED:
        return 0
    statement = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'calls'::regclass"
    return int(connection.execute(text(statement)).scalar_one())


def _divide(connection: Connection, parts: int) -> None:
    connection.exec_driver_sql("LOCK TABLE calls IN ACCESS EXCLUSIVE MODE")
    if placement_of(connection) is not Placement.TOGETHER:
        raise OperatorError("the calls have been divided just now, or are on a Citus cluster")
    if connection.scalar(select(func.count()).select_from(select(Call.id).limit(1).subquery())):
        raise OperatorError(
            "there are calls already, and only a new database is partitioned: make one "
            "(call-analytics db upgrade), partition it, and import an export of these calls"
        )
    for statement in _DIVISION:
        connection.exec_driver_sql(statement)
    for number in range(parts):
        connection.exec_driver_sql(
            f"CREATE TABLE calls_{number} PARTITION OF calls "
            f"FOR VALUES WITH (MODULUS {parts}, REMAINDER {number})"
        )
    if inspect(connection).has_table(rollups_state.name):
        create_rollups(connection)
        mark_ready(connection)
