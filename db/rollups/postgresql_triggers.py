"""Rollups on PostgreSQL.

The functions of the triggers act for the role that turned rollups on, so that writers of ``calls``
need no privilege on them. So everything in them is named with its schema, nothing is found through
a search path, no other role may execute them, and they refuse every table but their own.

A function does not make a write fail. Where it cannot do its work it notes why, and the write goes
on: rollups with such a note are not read. A note is a row of its own, so that no writer waits for
another to make one.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Dialect, literal_column

from call_analytics.db.catalogs import Relation
from call_analytics.db.figures.measures import amounts_of_one_call
from call_analytics.db.functions import is_instant
from call_analytics.db.placement import Placement
from call_analytics.db.rollups.citus_functions import FUNCTION_ON_SHARD, REFUSED_TRUNCATE
from call_analytics.db.rollups.grains import QUARTER_HOUR
from call_analytics.db.rollups.layout import FOLDED, OLD_TABLES, SUMS, WATCHED
from call_analytics.db.rollups.postgresql_functions import (
    FUNCTION,
    IS_ANOTHER,
    IS_ANOTHER_OR_PARTITION,
    ON_EACH_PARTITION,
    TRUNCATE_PARTITION,
)
from call_analytics.db.rollups.postgresql_privileges import (
    PRIVILEGES,
    lacking_to_create,
    lacking_to_fold,
    lacking_to_read,
    readers_that_cannot_fold,
)
from call_analytics.db.rollups.postgresql_states import FAILURE, States
from call_analytics.db.rollups.postgresql_tables import (
    creation_of_tables,
    literal,
    path_of,
    tables_of,
)

TABLES = tables_of(Placement.TOGETHER)
"""The same tables are everywhere."""
EVENTS = {
    "calls": ("insert", "update", "delete", "truncate"),
    "assistants": ("update", "delete", "truncate"),
}
"""What is watched, of each table; of assistants only where their rows of the log may move."""


class Watched(NamedTuple):
    """An event of a table that has a trigger."""

    table: str
    event: str

    @property
    def name(self) -> str:
        """The name of the trigger, and of its function."""
        return f"{'call' if self.table == 'calls' else 'assistant'}_rollups_{self.event}"


WATCHED_EVENTS = [Watched(table, event) for table, events in EVENTS.items() for event in events]
_FUNCTIONS = [event.name for event in WATCHED_EVENTS]
_FOLDED = [table.name for table in FOLDED]
_WRITTEN = (*_FOLDED, "call_rollups_heartbeat")
_STATES = States(
    *([Watched(table, event).name for event in events] for table, events in EVENTS.items())
)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(literal, names))


# An UPDATE that names its columns has no transition tables, so each statement is looked at.
_LEFT = """
        INSERT INTO {schema}.call_rollups_moves (organization_id, assistant_id)
        SELECT organization_id, id FROM old_rows WHERE organization_id IS NOT NULL
"""
_STILL_THERE = " EXCEPT SELECT organization_id, id FROM new_rows"
_NOTHING_LEFT = "RAISE 'the table assistants was truncated'"

_OLD, _NEW = "OLD TABLE AS old_rows", "NEW TABLE AS new_rows"
_TRANSITION_TABLES = {
    "insert": f"REFERENCING {_NEW}",
    "update": f"REFERENCING {_OLD} {_NEW}",
    "delete": f"REFERENCING {_OLD}",
    "truncate": "",
}
_CHANGED = {
    "insert": "new_rows",
    "update": "(SELECT organization_id FROM new_rows UNION SELECT organization_id FROM old_rows) "
    "AS changed",
    "delete": "old_rows",
}
"""The rows whose organizations an event concerns."""


class PostgreSQLTriggers:
    """There are many writers at a time, so each appends its own rows and waits for no other."""

    lock_timeout: str | None = "SET LOCAL lock_timeout = '250ms'"
    fill_lock: str | None = (
        "SELECT pg_try_advisory_xact_lock(hashtext('call_rollups fill')), "
        "set_config('idle_in_transaction_session_timeout', '0', true)"
    )
    # An advisory lock would come after the snapshot of the statement that takes it. The second lock
    # is not on the log, for VACUUM takes that lock too.
    folding_locks: Sequence[str] = (
        f"LOCK TABLE {', '.join(_FOLDED)} IN ROW EXCLUSIVE MODE",
        "LOCK TABLE call_rollups_moves IN SHARE UPDATE EXCLUSIVE MODE",
    )
    lacking_to_create: str | None = lacking_to_create(TABLES, _FUNCTIONS)
    lacking_to_read: str | None = lacking_to_read(TABLES)
    lacking_to_fold: str | None = lacking_to_fold(_WRITTEN)
    readers_that_cannot_fold: str | None = readers_that_cannot_fold(_WRITTEN)

    def tables(self, placement: Placement) -> Mapping[str, Sequence[str]]:
        return tables_of(placement)

    def readiness(self, placement: Placement) -> str:
        return _STATES.readiness[placement]

    def diagnosis(self, placement: Placement) -> str:
        return _STATES.diagnosis[placement]

    def failure(self, placement: Placement) -> str | None:
        return FAILURE if placement is Placement.DISTRIBUTED else None

    def creation(
        self, dialect: Dialect, watched: Mapping[str, Relation], placement: Placement
    ) -> list[str]:
        schema = watched["calls"].schema
        bodies = _of_calls(dialect, schema, placement)
        if placement is Placement.TOGETHER:
            bodies |= _of_assistants(schema)
        return [
            *creation_of_tables(watched, placement),
            *(
                statement
                for event, body in bodies.items()
                for statement in _trigger(event, watched[event.table], body, placement)
            ),
            PRIVILEGES.format(
                schema_text=literal(schema), tables=_listed(TABLES), functions=_listed(_FUNCTIONS)
            ),
        ]

    def removal(self, placement: Placement) -> list[str]:
        # Citus makes no function in a transaction that has had several connections to a machine.
        is_distributed = placement is Placement.DISTRIBUTED
        return [
            *(["SET LOCAL citus.multi_shard_modify_mode = 'sequential'"] if is_distributed else ()),
            # With their triggers, wherever those are: their tables may have other names now.
            *(f"DROP FUNCTION IF EXISTS {name}() CASCADE" for name in _FUNCTIONS),
            *(f"DROP TABLE IF EXISTS {table}" for table in (*TABLES, *OLD_TABLES)),
        ]


def _of_calls(dialect: Dialect, schema: str, placement: Placement) -> dict[Watched, str]:
    """What the triggers of ``calls`` do."""
    log = f"{schema}.call_rollups_log"
    if placement is Placement.DISTRIBUTED:
        log = f"{schema.replace('%', '%%')}.call_rollups_log_%s"
    key = "organization_id, " if placement.keys_log else ""
    # The sign is wide, for the negative of the smallest integer is none.
    updated = f"""(SELECT 1::bigint AS sign, {key}{WATCHED} FROM new_rows
                  UNION ALL SELECT -1::bigint AS sign, {key}{WATCHED} FROM old_rows) AS changed"""
    # What it removes no snapshot shows any more; DELETE would leave some of that behind. Readers
    # lock these tables after ``calls``, too, so nobody waits for good.
    truncation = f"""
                TRUNCATE {log}, {schema}.call_rollups_assistants,
                {schema}.call_rollups_organizations
            """
    if placement is Placement.PARTITIONED:
        truncation = TRUNCATE_PARTITION.format(schema_text=literal(schema))
    return {
        Watched("calls", "insert"): _appending(dialect, log, key, "new_rows", "sum({})"),
        Watched("calls", "update"): _appending(dialect, log, key, updated, "sum(sign * {})")
        + _having(dialect),
        Watched("calls", "delete"): _appending(dialect, log, key, "old_rows", "-sum({})"),
        Watched("calls", "truncate"): truncation,
    }


def _of_assistants(schema: str) -> dict[Watched, str]:
    """What the triggers of ``assistants`` do."""
    return {
        Watched("assistants", "update"): _LEFT.format(schema=schema) + _STILL_THERE,
        Watched("assistants", "delete"): _LEFT.format(schema=schema),
        Watched("assistants", "truncate"): _NOTHING_LEFT,
    }


def _trigger(event: Watched, table: Relation, body: str, placement: Placement) -> list[str]:
    names = {
        "schema": table.schema,
        "schema_text": literal(table.schema),
        "oid": table.oid,
        "table": table.name,
        "table_text": literal(path_of(table)),
    }
    if placement is Placement.DISTRIBUTED:
        template = REFUSED_TRUNCATE if event.event == "truncate" else FUNCTION_ON_SHARD
        changed = _CHANGED.get(event.event)
        function = template.format(**names, name=event.name, body=body, changed=changed)
        return [function, _creation(event, table.schema, path_of(table))]
    is_partitioned = placement is Placement.PARTITIONED
    is_another = IS_ANOTHER_OR_PARTITION if is_partitioned else IS_ANOTHER
    function = FUNCTION.format(
        **names, name=event.name, is_another=is_another.format(**names), body=body
    )
    on_partitions = ON_EACH_PARTITION.format(
        **names, creation=_creation(event, table.schema.replace("%", "%%"), "%s")
    )
    return [
        function,
        _creation(event, table.schema, path_of(table)),
        *([on_partitions] if is_partitioned else ()),
    ]


def _creation(event: Watched, schema: str, table: str) -> str:
    return f"""
        CREATE TRIGGER {event.name} AFTER {event.event.upper()} ON {table}
        {_TRANSITION_TABLES[event.event]}
        FOR EACH STATEMENT EXECUTE FUNCTION {schema}.{event.name}()
        """


def _appending(dialect: Dialect, log: str, key: str, changed: str, total: str) -> str:
    """Append what a statement changed, given its rows and how an amount of a row is added up."""
    totals = map(total.format, amounts_of_one_call(dialect))
    moment: ColumnElement[object] = literal_column("started_at")
    bucket = QUARTER_HOUR.bucket_of(moment).compile(dialect=dialect)
    return f"""
            INSERT INTO {log} ({key}assistant_id, bucket, {SUMS})
            SELECT {key}assistant_id, {bucket}, {", ".join(totals)}
            FROM {changed}
            WHERE assistant_id IS NOT NULL AND {is_instant(moment).compile(dialect=dialect)}
            GROUP BY {"1, 2, 3" if key else "1, 2"}
    """


def _having(dialect: Dialect) -> str:
    """Nothing is appended where an update changed nothing that counts."""
    amounts = amounts_of_one_call(dialect)
    return f"HAVING {' OR '.join(f'sum(sign * {amount}) <> 0' for amount in amounts)}"
