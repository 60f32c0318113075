"""The time at which rollups were last kept up, by which a replica tells how old it is.

Rollups that are off have none.
"""

from alembic import op
from sqlalchemy import inspect

revision = "0007"
down_revision = "0006"

# Who may read the calls may read it.
HEARTBEAT = """
DO $$ DECLARE
    home CONSTANT regnamespace := (
        SELECT relnamespace FROM pg_class WHERE oid = 'calls'::regclass
    );
    held record;
BEGIN
    EXECUTE format('CREATE TABLE %s.call_rollups_heartbeat (beat_at timestamptz NOT NULL)', home);
    EXECUTE format('INSERT INTO %s.call_rollups_heartbeat VALUES (''-infinity'')', home);
    EXECUTE format('ALTER TABLE %s.call_rollups_heartbeat REPLICA IDENTITY FULL', home);
    FOR held IN  -- owners may have given others more than that, by default privileges
        SELECT CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END AS role
        FROM pg_class, aclexplode(relacl) AS acl
        WHERE relnamespace = home AND relname = 'call_rollups_heartbeat'
        AND acl.grantee <> relowner
    LOOP
        EXECUTE format('REVOKE ALL ON %s.call_rollups_heartbeat FROM %s', home, held.role);
    END LOOP;
    FOR held IN
        SELECT DISTINCT privileges.privilege_type AS privilege,
            CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END AS role
        FROM pg_class, aclexplode(coalesce(relacl, acldefault('r', relowner))) AS acl,
            (VALUES ('calls', 'SELECT', 'SELECT'),
                ('call_rollups_log', 'UPDATE', 'INSERT, UPDATE, DELETE'))
            AS privileges (of_table, held_privilege, privilege_type)
        WHERE relnamespace = home AND relname = of_table AND acl.privilege_type = held_privilege
    LOOP
        EXECUTE format('GRANT %s ON %s.call_rollups_heartbeat TO %s', held.privilege, home,
                       held.role);
    END LOOP;
END $$
"""


def upgrade() -> None:
    """Apply this revision."""
    connection = op.get_bind()
    if connection.dialect.name == "postgresql" and inspect(connection).has_table(
        "call_rollups_state"
    ):
        connection.exec_driver_sql(HEARTBEAT)
