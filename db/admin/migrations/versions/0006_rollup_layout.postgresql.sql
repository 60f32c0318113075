DO $do$ BEGIN
SET LOCAL lock_timeout = '250ms';
ALTER TABLE {schema}.call_rollups_log DROP CONSTRAINT IF EXISTS call_rollups_log_pkey;
ALTER TABLE {schema}.call_rollups_log REPLICA IDENTITY FULL;
ALTER TABLE {schema}.call_rollups_moves REPLICA IDENTITY FULL;
ALTER TABLE {schema}.call_rollups_state REPLICA IDENTITY FULL;
UPDATE {schema}.call_rollups_state SET layout = 3 WHERE layout = 2;
CREATE OR REPLACE FUNCTION {schema}.call_rollups_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
AS $$
DECLARE
    failures regclass;
BEGIN
    IF TG_RELID <> {calls} AND TG_RELID IS DISTINCT FROM to_regclass('{schema}.calls') THEN
        RAISE insufficient_privilege
        USING MESSAGE = 'only triggers of the table calls may do this';
    END IF;
    BEGIN
            INSERT INTO {schema}.call_rollups_log (assistant_id, bucket, calls, completed, failed,
                ongoing, duration, completed_duration, completed_timed)
            SELECT assistant_id, date_bin('15 minutes', CAST(started_at AS TIMESTAMP), TIMESTAMP
                '2000-01-01'), sum(1), sum(CASE WHEN (status = 'completed') THEN 1 ELSE 0 END),
                sum(CASE WHEN (status = 'failed') THEN 1 ELSE 0 END), sum(CASE WHEN (status =
                'ongoing') THEN 1 ELSE 0 END), sum(coalesce(duration, 0)), sum(CASE WHEN (status =
                'completed') THEN coalesce(duration, 0) ELSE 0 END), sum(CASE WHEN (status =
                'completed' AND duration != 0) THEN 1 ELSE 0 END)
            FROM new_rows
            WHERE assistant_id IS NOT NULL AND (started_at >= TIMESTAMP '0001-01-01' AND started_at
                < TIMESTAMP '10000-01-01')
            GROUP BY 1, 2
    ;
    EXCEPTION WHEN OTHERS THEN
        IF SQLSTATE LIKE '40%' THEN
            RAISE;  -- a deadlock, or a transaction that must be run again
        END IF;
        failures := to_regclass('{schema}' || '.call_rollups_failures');
        IF failures IS NULL THEN  -- the schema has a new name
            SELECT pg_class.oid INTO failures
            FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid
            JOIN pg_class ON relnamespace = pronamespace AND relname = 'call_rollups_failures'
            WHERE tgrelid = TG_RELID AND tgname = TG_NAME;
        END IF;
        IF failures IS NOT NULL THEN  -- where it has been dropped, rollups are not read either
            EXECUTE format('INSERT INTO %1$s SELECT $1 WHERE NOT EXISTS (SELECT FROM %1$s)',
                           failures) USING SQLERRM;
        END IF;
    END;
    RETURN NULL;
END
$$;
CREATE OR REPLACE FUNCTION {schema}.call_rollups_delete() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
AS $$
DECLARE
    failures regclass;
BEGIN
    IF TG_RELID <> {calls} AND TG_RELID IS DISTINCT FROM to_regclass('{schema}.calls') THEN
        RAISE insufficient_privilege
        USING MESSAGE = 'only triggers of the table calls may do this';
    END IF;
    BEGIN
            INSERT INTO {schema}.call_rollups_log (assistant_id, bucket, calls, completed, failed,
                ongoing, duration, completed_duration, completed_timed)
            SELECT assistant_id, date_bin('15 minutes', CAST(started_at AS TIMESTAMP), TIMESTAMP
                '2000-01-01'), -sum(1), -sum(CASE WHEN (status = 'completed') THEN 1 ELSE 0 END),
                -sum(CASE WHEN (status = 'failed') THEN 1 ELSE 0 END), -sum(CASE WHEN (status =
                'ongoing') THEN 1 ELSE 0 END), -sum(coalesce(duration, 0)), -sum(CASE WHEN (status =
                'completed') THEN coalesce(duration, 0) ELSE 0 END), -sum(CASE WHEN (status =
                'completed' AND duration != 0) THEN 1 ELSE 0 END)
            FROM old_rows
            WHERE assistant_id IS NOT NULL AND (started_at >= TIMESTAMP '0001-01-01' AND started_at
                < TIMESTAMP '10000-01-01')
            GROUP BY 1, 2
    ;
    EXCEPTION WHEN OTHERS THEN
        IF SQLSTATE LIKE '40%' THEN
            RAISE;  -- a deadlock, or a transaction that must be run again
        END IF;
        failures := to_regclass('{schema}' || '.call_rollups_failures');
        IF failures IS NULL THEN  -- the schema has a new name
            SELECT pg_class.oid INTO failures
            FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid
            JOIN pg_class ON relnamespace = pronamespace AND relname = 'call_rollups_failures'
            WHERE tgrelid = TG_RELID AND tgname = TG_NAME;
        END IF;
        IF failures IS NOT NULL THEN  -- where it has been dropped, rollups are not read either
            EXECUTE format('INSERT INTO %1$s SELECT $1 WHERE NOT EXISTS (SELECT FROM %1$s)',
                           failures) USING SQLERRM;
        END IF;
    END;
    RETURN NULL;
END
$$;
END $do$
