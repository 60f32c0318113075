"""Rollups by organization and by assistant, in four grains, and a log that is folded into them.

What was summed before is summed anew. Rollups that are off stay off. The statements are in a file
for each database, with a line ``--`` between two of them.
"""

from pathlib import Path

from alembic import op
from sqlalchemy import Connection, inspect

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Apply this revision."""
    connection = op.get_bind()
    if not inspect(connection).has_table("call_rollups"):
        return
    statements = Path(__file__).with_suffix(f".{connection.dialect.name}.sql").read_text()
    if connection.dialect.name == "postgresql":
        statements = _with_names(connection, statements)
    for statement in statements.split("\n--\n"):
        connection.exec_driver_sql(statement)


def _with_names(connection: Connection, statements: str) -> str:
    """The statements, with the schema of the calls, and the numbers of the tables they watch."""
    schema, calls, assistants = connection.exec_driver_sql(
        "SELECT quote_ident(nspname), calls.oid, 'assistants'::regclass::oid "
        "FROM pg_class AS calls JOIN pg_namespace ON pg_namespace.oid = relnamespace "
        "WHERE calls.oid = 'calls'::regclass"
    ).one()
    names = {"{schema}": schema, "{calls}": str(calls), "{assistants}": str(assistants)}
    for name, value in names.items():
        statements = statements.replace(name, value)
    return statements
