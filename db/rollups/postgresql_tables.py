"""The tables of the rollups on PostgreSQL, each divided as the calls are."""

from collections.abc import Mapping, Sequence

from call_analytics.db.catalogs import Relation
from call_analytics.db.figures.measures import MEASURES
from call_analytics.db.placement import Placement
from call_analytics.db.rollups.layout import LAYOUT, columns_of

DIVIDED = ("call_rollups_log", "call_rollups_assistants", "call_rollups_organizations")
"""The tables that grow with the calls."""

_WITHOUT_KEY = (
    *("call_rollups_log", "call_rollups_moves", "call_rollups_state"),
    "call_rollups_heartbeat",
)
_WATCHED = ("calls", "assistants")
_AUTOVACUUM = "WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000)"

# Not a sequence: a row that a trigger adds to a shard would get no number of it.
_CLOCK = "bigint NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"

# A partition has the number of the calls' partition whose rows it sums up.
_PARTITIONS = """
DO $$ DECLARE
    part record;
BEGIN
    FOR part IN
        SELECT substring(relname FROM '[0-9]+$') AS number, count(*) OVER () AS parts
        FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        WHERE inhparent = {calls}::regclass
    LOOP
        EXECUTE format('CREATE TABLE %1$s.{table}_%2$s PARTITION OF %1$s.{table} '
                       'FOR VALUES WITH (MODULUS %3$s, REMAINDER %2$s) {options}',
                       {schema_text}, part.number, part.parts);
        IF '{table}' = 'call_rollups_log' THEN  -- without a key, as below
            EXECUTE format('ALTER TABLE %s.call_rollups_log_%s REPLICA IDENTITY FULL',
                           {schema_text}, part.number);
        END IF;
    END LOOP;
END $$
"""


def tables_of(placement: Placement) -> dict[str, tuple[str, ...]]:
    """The tables, each with its columns."""
    columns = columns_of(placement) | {"call_rollups_heartbeat": ("beat_at",)}
    if placement is Placement.DISTRIBUTED:
        return {**columns, "call_rollups_failures": ("organization_id", "reason")}
    state = (*columns["call_rollups_state"], *_WATCHED)
    return {**columns, "call_rollups_state": state, "call_rollups_failures": ("reason",)}


def creation_of_tables(watched: Mapping[str, Relation], placement: Placement) -> list[str]:
    """The statements that create them, empty and not ready."""
    calls, assistants = (literal(path_of(watched[name])) for name in _WATCHED)
    schema = watched["calls"].schema
    is_divided = placement is Placement.PARTITIONED
    by_hash = " PARTITION BY HASH (organization_id)" if is_divided else ""
    return [
        _log(schema, placement) + (by_hash or _AUTOVACUUM),
        # Writers pay for every index, so there is no other.
        f"CREATE INDEX ix_call_rollups_log_key ON {schema}.call_rollups_log "
        + (
            "(organization_id, bucket, assistant_id)"
            if placement.keys_log
            else "(assistant_id, bucket)"
        ),
        _sums(schema, "call_rollups_assistants", ("assistant_id",)) + by_hash,
        f"""
        CREATE INDEX ix_call_rollups_assistants_assistant
        ON {schema}.call_rollups_assistants (assistant_id)
        """,
        _sums(schema, "call_rollups_organizations", ()) + by_hash,
        *(_partitions(schema, calls) if is_divided else ()),
        f"""
        CREATE TABLE {schema}.call_rollups_moves (
            organization_id bigint NOT NULL,
            assistant_id bigint NOT NULL
        )
        """,
        *(
            _distributed_state(schema)
            if placement is Placement.DISTRIBUTED
            else _state(schema, calls, assistants)
        ),
        f"CREATE TABLE {schema}.call_rollups_heartbeat (beat_at timestamptz NOT NULL)",
        f"INSERT INTO {schema}.call_rollups_heartbeat VALUES ('-infinity')",
        # A published table without a key takes no changes otherwise.
        *(f"ALTER TABLE {schema}.{table} REPLICA IDENTITY FULL" for table in _WITHOUT_KEY),
        *(_distribution(schema) if placement is Placement.DISTRIBUTED else ()),
    ]


def _state(schema: str, calls: str, assistants: str) -> list[str]:
    return [
        f"""
        CREATE TABLE {schema}.call_rollups_state (
            is_ready boolean NOT NULL,
            layout integer NOT NULL,
            calls regclass NOT NULL,
            assistants regclass NOT NULL
        )
        """,
        f"""
        INSERT INTO {schema}.call_rollups_state
        VALUES (false, {LAYOUT}, {calls}::regclass, {assistants}::regclass)
        """,
        f"CREATE TABLE {schema}.call_rollups_failures (reason text NOT NULL)",
    ]


def _distributed_state(schema: str) -> list[str]:
    """Each machine has its own numbers of tables, so none is noted; a failure is that of an
    organization, beside its calls."""
    return [
        f"""
        CREATE TABLE {schema}.call_rollups_state (
            is_ready boolean NOT NULL,
            layout integer NOT NULL
        )
        """,
        f"INSERT INTO {schema}.call_rollups_state VALUES (false, {LAYOUT})",
        f"""
        CREATE TABLE {schema}.call_rollups_failures (
            organization_id bigint NOT NULL,
            reason text NOT NULL
        )
        """,
        f"ALTER TABLE {schema}.call_rollups_failures REPLICA IDENTITY FULL",
    ]


def _distribution(schema: str) -> list[str]:
    """What answers read is beside the calls, or everywhere; moves are none, and stay here."""
    return [
        f"SELECT create_reference_table({literal(f'{schema}.call_rollups_state')})",
        *(
            f"SELECT create_distributed_table({literal(f'{schema}.{table}')}, 'organization_id', "
            f"colocate_with => {literal(f'{schema}.calls')})"
            for table in (*DIVIDED, "call_rollups_failures")
        ),
        # Without it Citus puts no trigger on a shard. Ours write to the shards beside only.
        "SET LOCAL citus.enable_unsafe_triggers = on",
    ]


def _log(schema: str, placement: Placement) -> str:
    amounts = _columns(MEASURES, "bigint")
    if placement.keys_log:
        keys = f"id {_CLOCK}, organization_id bigint NOT NULL"
    else:
        keys = "id bigint GENERATED ALWAYS AS IDENTITY"
    return f"""
        CREATE TABLE {schema}.call_rollups_log (
            {keys},
            assistant_id bigint NOT NULL,
            bucket timestamp NOT NULL,
            {amounts}
        )"""


def _sums(schema: str, table: str, more_keys: Sequence[str]) -> str:
    """A table of sums, by organization, grain and bucket and by whatever else."""
    more = "".join(f"{key} bigint NOT NULL, " for key in more_keys)
    return f"""
        CREATE TABLE {schema}.{table} (
            organization_id bigint NOT NULL,
            grain smallint NOT NULL,
            bucket timestamp NOT NULL,
            {more}
            {_columns(MEASURES, "bigint")},
            PRIMARY KEY ({", ".join(("organization_id", "grain", "bucket", *more_keys))})
        )"""


def _columns(names: Sequence[object], type_: str) -> str:
    return ", ".join(f"{name} {type_} NOT NULL" for name in names)


def _partitions(schema: str, calls: str) -> list[str]:
    return [
        _PARTITIONS.format(
            schema_text=literal(schema),
            calls=calls,
            table=table,
            options=_AUTOVACUUM if table == "call_rollups_log" else "",
        )
        for table in DIVIDED
    ]


def path_of(relation: Relation) -> str:
    """A table as statements name it."""
    return f"{relation.schema}.{relation.name}"


def literal(text: str) -> str:
    """A text as statements write it."""
    return "'" + text.replace("'", "''") + "'"
