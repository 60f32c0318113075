"""What keeps the service from serving a database rightly, each with what to do about it."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection

from call_analytics.db.catalogs import ANY_TYPE, Reader, Relation, catalog_of
from call_analytics.db.engine import Database, ping
from call_analytics.db.errors import DatabaseChanged
from call_analytics.db.models import OPTIONAL, Base

OTHER_DATABASE = "point the service at a database with the platform's schema"
TABLES = {
    name: [column.name for column in table.columns if OPTIONAL not in column.info]
    for name, table in Base.metadata.tables.items()
}
"""The columns that a database must have."""
KINDS = ("table", "partitioned table")
"""What may have the name of one of our tables: rows of its own, seen in one snapshot."""


class Finding(NamedTuple):
    """Something an operator should do, and how."""

    problem: str
    remedy: str
    """The exact command or SQL statement."""

    @property
    def line(self) -> str:
        """Both, in one line."""
        return f"{self.problem}; the remedy is: {self.remedy}"


_WHOLE_NUMBERS = ("integer", "bigint", "smallint")
_TEXTS = ("text", "character varying")
_INSTANTS = ("timestamp without time zone", "timestamp with time zone")

TYPES: dict[str, dict[str, tuple[str, ...]]] = {
    "organizations": {"id": _WHOLE_NUMBERS, "is_active": ("boolean",)},
    "users": {"id": _WHOLE_NUMBERS, "organization_id": _WHOLE_NUMBERS, "is_active": ("boolean",)},
    "user_api_keys": {
        "id": _WHOLE_NUMBERS,
        "user_id": _WHOLE_NUMBERS,
        "key_hash": (*_TEXTS, "character"),
        "is_active": ("boolean",),
    },
    "assistants": {"id": _WHOLE_NUMBERS, "organization_id": _WHOLE_NUMBERS},
    "calls": {
        "assistant_id": _WHOLE_NUMBERS,
        "status": _TEXTS,
        "duration": _WHOLE_NUMBERS,
        "started_at": _INSTANTS,
    },
}
"""The types with which the columns that answers depend on are read rightly. Others may differ."""

CONVERSIONS = {"duration": "bigint", "status": "text", "started_at": "timestamp"}
"""Columns to which nothing refers, so that an operator may change their type alone."""


async def refused_connection(database: Database) -> Finding | None:
    """What to do where the role may not connect to the database; None where it may.

    Raises:
        DatabaseUnavailable: where the database does not answer.
    """
    try:
        await ping(database)
    except DatabaseChanged:
        quote = database.dialect.identifier_preparer.quote
        role, name = quote(database.url.username or ""), quote(database.url.database or "")
        return Finding(
            f"role {role} may not connect to the database",
            f"GRANT CONNECT ON DATABASE {name} TO {role};",
        )
    return None


def hidden_schema(connection: Connection) -> str | None:
    """A schema that has all our tables, where the search path leads to none of them."""
    relations = catalog_of(connection).relations(connection)
    if any(relation.is_visible for relation in relations):
        return None
    counts = Counter(relation.schema for relation in relations)
    return min((schema for schema, count in counts.items() if count == len(TABLES)), default=None)


def obstacles(connection: Connection) -> list[Finding]:
    """All that must be mended before the tables can be read, and read rightly."""
    return misfits(connection) or barriers(connection)


def misfits(connection: Connection) -> list[Finding]:
    """What statements would not find, or not as it must be."""
    catalog = catalog_of(connection)
    reader, relations = catalog.reader(connection), catalog.relations(connection)
    visible = {relation.name: relation for relation in relations if relation.is_visible}
    elsewhere = [
        relation for relation in relations if not relation.is_visible and relation.kind in KINDS
    ]
    missing = [name for name in TABLES if name not in visible]
    findings = _out_of_sight(reader, missing, elsewhere)
    for name in TABLES:
        if name in visible:
            findings += _unfit(reader, visible[name], elsewhere)
    return findings


def barriers(connection: Connection, tables: Iterable[str] = tuple(TABLES)) -> list[Finding]:
    """What this role may not read, of tables that are as they must be."""
    catalog = catalog_of(connection)
    reader, findings = catalog.reader(connection), []
    for relation in catalog.relations(connection):
        name = relation.name
        if not relation.is_visible or name not in tables:
            continue
        if not relation.readable.issuperset(TABLES[name]):
            findings.append(
                Finding(f"table {name} cannot be read", f"GRANT SELECT ON {name} TO {reader.role};")
            )
        elif relation.is_filtered:
            findings.append(
                Finding(
                    f"row security hides rows of table {name} from role {reader.role}",
                    f"ALTER ROLE {reader.role} BYPASSRLS;",
                )
            )
    return findings


def _out_of_sight(
    reader: Reader, missing: Iterable[str], elsewhere: list[Relation]
) -> list[Finding]:
    findings: list[Finding] = []
    found: dict[str, list[str]] = {}
    is_open = {relation.schema: relation.is_open for relation in elsewhere}
    richest = Counter(relation.schema for relation in elsewhere if relation.name in missing)
    for name in missing:
        schemas = {relation.schema for relation in elsewhere if relation.name == name}
        if schemas:
            found.setdefault(max(sorted(schemas), key=richest.__getitem__), []).append(name)
        else:
            findings.append(Finding(f"there is no table {name}", OTHER_DATABASE))
    for schema, names in found.items():
        has = f"schema {schema}, which has {', '.join(names)},"
        if not is_open[schema]:
            findings.append(
                Finding(
                    f"{has} may not be used by role {reader.role}",
                    f"GRANT USAGE ON SCHEMA {schema} TO {reader.role};",
                )
            )
        if schema not in reader.schemas:
            findings.append(
                Finding(
                    f"{has} is not on the search path of role {reader.role}",
                    _search_first(reader, schema),
                )
            )
    return findings


def _search_first(reader: Reader, schema: str) -> str:
    others = [part.strip() for part in reader.search_path.split(",")]
    path = ", ".join([schema, *(other for other in others if other != schema)])
    return f"ALTER ROLE {reader.role} IN DATABASE {reader.database} SET search_path = {path};"


def _unfit(reader: Reader, relation: Relation, elsewhere: list[Relation]) -> list[Finding]:
    name = relation.name
    if relation.kind not in KINDS:
        tables = [other for other in elsewhere if other.name == name and other.is_open]
        return [
            Finding(
                f"{name} is a {relation.kind} in schema {relation.schema}, "
                "and the service reads tables only",
                _search_first(reader, tables[0].schema) if tables else OTHER_DATABASE,
            )
        ]
    missing = [column for column in TABLES[name] if column not in relation.columns]
    if missing:
        return [Finding(f"table {name} has no column {', '.join(missing)}", OTHER_DATABASE)]
    return [
        Finding(
            f"column {name}.{column} is of type {relation.columns[column]}, where the service "
            f"can read {' or '.join(types)}",
            f"ALTER TABLE {name} ALTER {column} TYPE {CONVERSIONS[column]} "
            f"USING {column}::{CONVERSIONS[column]};"
            if column in CONVERSIONS
            else OTHER_DATABASE,
        )
        for column, types in TYPES[name].items()
        if relation.columns[column] not in (*types, ANY_TYPE)
    ]
