"""The tables of the rollups, which a managed database has from the beginning.

Revision 0003 makes their triggers and fills them; here they were made and filled, too.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

AMOUNTS = (
    "calls",
    "completed",
    "failed",
    "ongoing",
    "duration",
    "completed_duration",
    "completed_timed",
)

COLUMNS = ", ".join(f"{amount} BIGINT NOT NULL" for amount in AMOUNTS)

SQLITE = (
    f"""
    CREATE TABLE call_rollups (
        assistant_id INTEGER NOT NULL,
        grain SMALLINT NOT NULL,
        bucket DATETIME NOT NULL,
        {COLUMNS},
        PRIMARY KEY (assistant_id, grain, bucket)
    ) WITHOUT ROWID
    """,
    "CREATE TABLE call_rollups_state (is_ready BOOLEAN NOT NULL)",
    "INSERT INTO call_rollups_state VALUES (0)",
)

POSTGRESQL = (
    f"""
    CREATE TABLE call_rollups (
        assistant_id integer NOT NULL,
        grain smallint NOT NULL,
        bucket timestamp NOT NULL,
        {COLUMNS},
        is_merged boolean NOT NULL DEFAULT false
    )
    """,
    f"""
    CREATE INDEX ix_call_rollups_key
    ON call_rollups (assistant_id, grain, bucket) INCLUDE ({", ".join(AMOUNTS)})
    """,
    """
    CREATE INDEX ix_call_rollups_waiting
    ON call_rollups (assistant_id, grain, bucket) WHERE NOT is_merged
    """,
    "CREATE TABLE call_rollups_state (is_ready boolean NOT NULL)",
    "INSERT INTO call_rollups_state VALUES (false)",
)


def upgrade() -> None:
    """Apply this revision."""
    connection = op.get_bind()
    for statement in {"sqlite": SQLITE, "postgresql": POSTGRESQL}[connection.dialect.name]:
        connection.exec_driver_sql(statement)
