"""The texts of what the rollups' triggers run on the shards of a Citus cluster.

Citus puts a trigger of ``calls`` on each of its shards, where the worker runs it. What a statement
changed is known only there, and only inside the function itself. So the function writes to those
shards of the rollups that are beside its own: they hold the same organizations, are on the same
machine, and move with it. A shard's name ends in its number, which ``pg_dist_shard`` knows on every
machine.
"""

# A failure is noted for the organizations whose calls were written, beside them.
FUNCTION_ON_SHARD = """
CREATE FUNCTION {schema}.{name}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
AS $$
DECLARE
    shard CONSTANT bigint := substring(TG_TABLE_NAME FROM '[0-9]+$');
    log bigint;
    failures bigint;
BEGIN
    IF TG_TABLE_NAME <> 'calls_' || shard OR quote_ident(TG_TABLE_SCHEMA) <> {schema_text}
        OR NOT EXISTS (SELECT FROM pg_dist_shard
                       WHERE shardid = shard AND logicalrelid = to_regclass({table_text}))
    THEN
        RAISE insufficient_privilege
        USING MESSAGE = 'only triggers of the table {table} may do this';
    END IF;
    SELECT max(beside.shardid) FILTER (
               WHERE beside.logicalrelid = to_regclass({schema_text} || '.call_rollups_log')),
           max(beside.shardid) FILTER (
               WHERE beside.logicalrelid = to_regclass({schema_text} || '.call_rollups_failures'))
    INTO log, failures
    FROM pg_dist_shard AS its JOIN pg_dist_shard AS beside USING (shardminvalue, shardmaxvalue)
    WHERE its.shardid = shard;
    BEGIN
        EXECUTE format($body${body}$body$, log);
    EXCEPTION WHEN OTHERS THEN
        IF SQLSTATE LIKE '40%' THEN
            RAISE;  -- a deadlock, or a transaction that must be run again
        END IF;
        IF failures IS NOT NULL THEN  -- where it has been dropped, rollups are not read either
            EXECUTE format('INSERT INTO {schema}.call_rollups_failures_%s '
                           'SELECT DISTINCT organization_id, $1 FROM {changed}', failures)
            USING SQLERRM;
        END IF;
    END;
    RETURN NULL;
END
$$
"""

# To empty the shards beside as well, in the same statement, is a deadlock of the whole cluster.
REFUSED_TRUNCATE = """
CREATE FUNCTION {schema}.{name}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE feature_not_supported
    USING MESSAGE = 'on a Citus cluster rollups cannot follow TRUNCATE; use DELETE, '
        'or turn them off before: call-analytics rollups disable';
END
$$
"""
