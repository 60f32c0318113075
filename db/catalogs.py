"""The catalogs: which tables and columns a database has. Part of the dialect seam."""

from typing import NamedTuple, Protocol

from sqlalchemy import Connection, bindparam, inspect, text

from call_analytics.db.models import VERSION_TABLE, Base
from call_analytics.db.placement import Placement

NAMES = sorted(Base.metadata.tables)

ANY_TYPE = "any"
"""The type of a column that takes values of every type."""


class Relation(NamedTuple):
    """A table, or what has the name of one of ours."""

    oid: int
    """The number by which the database knows it, whatever its name; 0 where it has none."""
    name: str
    schema: str
    """Quoted, as statements name it."""
    kind: str
    """``table``, ``partitioned table``, ``view`` and so on."""
    is_visible: bool
    """Whether a statement that names no schema finds it."""
    is_open: bool
    """Whether this role may use its schema."""
    is_filtered: bool
    """Whether a policy keeps rows of it from this role."""
    columns: dict[str, str]
    """The type of each column."""
    readable: frozenset[str]
    """The columns that this role may read."""


class Reader(NamedTuple):
    """The role that uses a database; names are quoted, as statements write them."""

    role: str
    database: str
    search_path: str
    schemas: tuple[str, ...]
    """Those of the search path, one by one."""


class Catalog(Protocol):
    """One database's own description of itself."""

    def relations(self, connection: Connection) -> list[Relation]:
        """Everything with the name of one of our tables, the visible ones first."""
        ...

    def reader(self, connection: Connection) -> Reader:
        """The role of this connection."""
        ...

    def are_keyed(self, connection: Connection) -> bool:
        """Whether calls have their organization, as they do in a managed database."""
        ...

    def placement(self, connection: Connection) -> Placement:
        """Where the calls are."""
        ...

    def unwatchable(self, connection: Connection) -> str | None:
        """The table whose writes triggers would not all see, and why; None where they would."""
        ...


# A platform may have a column of that name, of which we know nothing. While a database of ours is
# being upgraded, the column is there and may be null.
_SQLITE_ARE_KEYED = text("""
SELECT EXISTS (SELECT 1 FROM pragma_table_info('calls')
               WHERE name = 'organization_id' AND "notnull")
AND EXISTS (SELECT 1 FROM sqlite_master WHERE name = :version)
""").bindparams(version=VERSION_TABLE)
_IS_KEYED = f"""(to_regclass('{VERSION_TABLE}') IS NOT NULL AND EXISTS (
    SELECT FROM pg_attribute WHERE attrelid = to_regclass('calls')
    AND attname = 'organization_id' AND attnotnull AND NOT attisdropped
))"""
_ARE_KEYED = text(f"SELECT {_IS_KEYED}")
# Citus puts a trigger on each table that it distributes; every role may see that.
_PLACEMENT = text(
    f"""
SELECT CASE
    WHEN NOT {_IS_KEYED} THEN 'TOGETHER'
    WHEN EXISTS (SELECT FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid
                 WHERE tgrelid = to_regclass('calls') AND proname = 'citus_truncate_trigger')
        THEN 'DISTRIBUTED'
    WHEN EXISTS (SELECT FROM pg_class WHERE oid = to_regclass('calls') AND relkind = 'p')
        THEN 'PARTITIONED'
    ELSE 'TOGETHER'
END
"""  # noqa: S608 - no text of anybody else
)


class SQLiteCatalog:
    """A file has one schema, no roles, and columns that take values of every type."""

    def relations(self, connection: Connection) -> list[Relation]:
        inspector = inspect(connection)
        kinds = dict.fromkeys(inspector.get_view_names(), "view")
        kinds |= dict.fromkeys(inspector.get_table_names(), "table")
        found = []
        for name in NAMES:
            if name in kinds:
                columns = [column["name"] for column in inspector.get_columns(name)]
                found.append(
                    Relation(
                        oid=0,
                        name=name,
                        schema="main",
                        kind=kinds[name],
                        is_visible=True,
                        is_open=True,
                        is_filtered=False,
                        columns=dict.fromkeys(columns, ANY_TYPE),
                        readable=frozenset(columns),
                    )
                )
        return found

    def reader(self, connection: Connection) -> Reader:
        del connection
        return Reader("", "", "", ())

    def are_keyed(self, connection: Connection) -> bool:
        return bool(connection.scalar(_SQLITE_ARE_KEYED))

    def placement(self, connection: Connection) -> Placement:
        del connection
        return Placement.TOGETHER

    def unwatchable(self, connection: Connection) -> str | None:
        del connection
        return None


# A domain is shown as the type below it; text that compares unlike bytes is not shown as text.
_RELATIONS = text("""
SELECT c.oid, c.relname AS name, quote_ident(n.nspname) AS schema,
    CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view'
        WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' END AS kind,
    pg_table_is_visible(c.oid) AS is_visible,
    has_schema_privilege(n.oid, 'USAGE') AS is_open,
    row_security_active(c.oid) AS is_filtered,
    ARRAY(
        SELECT ARRAY[a.attname::text,
            CASE WHEN NOT collations.collisdeterministic THEN 'nondeterministic ' ELSE '' END
            || format_type(CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END, NULL),
            has_column_privilege(c.oid, a.attnum, 'SELECT')::text]
        FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
        LEFT JOIN pg_collation AS collations ON collations.oid = a.attcollation
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    ) AS columns
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relname IN :names AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY is_visible DESC, n.nspname, c.relname
""").bindparams(bindparam("names", expanding=True))

_READER = text(
    "SELECT quote_ident(current_user), quote_ident(current_database()), "
    "current_setting('search_path')"
)

# Where calls are partitioned by ``db partition``, each partition has triggers of its own.
_UNWATCHABLE = text(
    f"""
WITH partitions AS (
    SELECT inhrelid FROM pg_inherits WHERE inhparent = 'calls'::regclass AND {_IS_KEYED}
)
SELECT relname || ': ' || CASE
    WHEN relkind = 'p' AND oid NOT IN (SELECT 'calls'::regclass WHERE {_IS_KEYED})
        THEN 'it is partitioned'
    WHEN relkind = 'f' THEN 'it is a foreign table'
    WHEN relispartition AND oid NOT IN (SELECT inhrelid FROM partitions)
        THEN 'it is a partition of another table'
    WHEN relkind <> 'p' AND EXISTS (SELECT FROM pg_inherits WHERE inhparent = pg_class.oid)
        THEN 'other tables inherit from it'
    WHEN NOT relispartition AND EXISTS (SELECT FROM pg_inherits WHERE inhrelid = pg_class.oid)
        THEN 'it inherits from another table'
    WHEN relpersistence <> 'p' THEN 'it is unlogged, so a crash empties it'
    WHEN EXISTS (SELECT FROM pg_subscription_rel WHERE srrelid = pg_class.oid)
        THEN 'it is filled by logical replication'
END AS reason
FROM pg_class WHERE oid IN ('calls'::regclass, 'assistants'::regclass)
OR oid IN (SELECT inhrelid FROM partitions)
ORDER BY reason LIMIT 1
"""  # noqa: S608 - no text of anybody else
)


class PostgreSQLCatalog:
    """The system catalogs, which every role may read."""

    def relations(self, connection: Connection) -> list[Relation]:
        rows = connection.execute(_RELATIONS, {"names": NAMES})
        return [
            Relation(
                **(row._asdict() | {"columns": {name: type_ for name, type_, _ in row.columns}}),
                readable=frozenset(
                    name for name, _, is_readable in row.columns if is_readable == "true"
                ),
            )
            for row in rows
        ]

    def reader(self, connection: Connection) -> Reader:
        role, database, search_path = connection.execute(_READER).one()
        schemas = [schema.strip() for schema in search_path.split(",")]
        return Reader(
            role,
            database,
            search_path,
            tuple(role if schema == '"$user"' else schema for schema in schemas),
        )

    def are_keyed(self, connection: Connection) -> bool:
        return bool(connection.scalar(_ARE_KEYED))

    def placement(self, connection: Connection) -> Placement:
        return Placement[connection.execute(_PLACEMENT).scalar_one()]

    def unwatchable(self, connection: Connection) -> str | None:
        reason: str | None = connection.scalar(_UNWATCHABLE)
        return reason


CATALOGS: dict[str, Catalog] = {"sqlite": SQLiteCatalog(), "postgresql": PostgreSQLCatalog()}


def catalog_of(connection: Connection) -> Catalog:
    """The catalog of a connection's database."""
    return CATALOGS[connection.dialect.name]


def unwatchable(connection: Connection) -> str | None:
    """The table whose writes triggers would not all see, and why; None where they see them."""
    return catalog_of(connection).unwatchable(connection)


def placement_of(connection: Connection) -> Placement:
    """Where the calls of a connection's database are."""
    return catalog_of(connection).placement(connection)
