DROP FUNCTION IF EXISTS {schema}.call_rollups_insert() CASCADE;
--
DROP FUNCTION IF EXISTS {schema}.call_rollups_update() CASCADE;
--
DROP FUNCTION IF EXISTS {schema}.call_rollups_delete() CASCADE;
--
DROP FUNCTION IF EXISTS {schema}.call_rollups_truncate() CASCADE;
--
DROP TABLE {schema}.call_rollups, {schema}.call_rollups_state, {schema}.call_rollups_failures;
--
CREATE TABLE {schema}.call_rollups_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    assistant_id bigint NOT NULL,
    bucket timestamp NOT NULL,
    calls bigint NOT NULL, completed bigint NOT NULL, failed bigint NOT NULL, ongoing bigint NOT
        NULL, duration bigint NOT NULL, completed_duration bigint NOT NULL, completed_timed
        bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
--
CREATE INDEX ix_call_rollups_log_key ON {schema}.call_rollups_log (assistant_id, bucket);
--
CREATE TABLE {schema}.call_rollups_assistants (
    organization_id bigint NOT NULL,
    grain smallint NOT NULL,
    bucket timestamp NOT NULL,
    assistant_id bigint NOT NULL,
    calls bigint NOT NULL, completed bigint NOT NULL, failed bigint NOT NULL, ongoing bigint NOT
        NULL, duration bigint NOT NULL, completed_duration bigint NOT NULL, completed_timed
        bigint NOT NULL,
    PRIMARY KEY (organization_id, grain, bucket, assistant_id)
);
--
CREATE INDEX ix_call_rollups_assistants_assistant
ON {schema}.call_rollups_assistants (assistant_id);
--
CREATE TABLE {schema}.call_rollups_organizations (
    organization_id bigint NOT NULL,
    grain smallint NOT NULL,
    bucket timestamp NOT NULL,
    calls bigint NOT NULL, completed bigint NOT NULL, failed bigint NOT NULL, ongoing bigint NOT
        NULL, duration bigint NOT NULL, completed_duration bigint NOT NULL, completed_timed
        bigint NOT NULL,
    PRIMARY KEY (organization_id, grain, bucket)
);
--
CREATE TABLE {schema}.call_rollups_moves (
    organization_id bigint NOT NULL,
    assistant_id bigint NOT NULL
);
--
CREATE TABLE {schema}.call_rollups_state (
    is_ready boolean NOT NULL,
    layout integer NOT NULL,
    calls regclass NOT NULL,
    assistants regclass NOT NULL
);
--
INSERT INTO {schema}.call_rollups_state
VALUES (false, 2, '{schema}.calls'::regclass,
        '{schema}.assistants'::regclass);
--
CREATE TABLE {schema}.call_rollups_failures (reason text NOT NULL);
--
CREATE FUNCTION {schema}.call_rollups_insert() RETURNS trigger
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

            INSERT INTO {schema}.call_rollups_log (assistant_id, bucket, calls,
                completed, failed, ongoing, duration, completed_duration,
                completed_timed)
            SELECT assistant_id, date_bin('15 minutes', CAST(started_at AS TIMESTAMP),
                TIMESTAMP '2000-01-01'), sum(sign * 1), sum(sign * CASE WHEN (status =
                'completed') THEN 1 ELSE 0 END), sum(sign * CASE WHEN (status =
                'failed') THEN 1 ELSE 0 END), sum(sign * CASE WHEN (status = 'ongoing')
                THEN 1 ELSE 0 END), sum(sign * coalesce(duration, 0)), sum(sign * CASE
                WHEN (status = 'completed') THEN coalesce(duration, 0) ELSE 0 END),
                sum(sign * CASE WHEN (status = 'completed' AND duration != 0) THEN 1
                ELSE 0 END)
            FROM (SELECT 1::bigint AS sign, assistant_id, started_at, status, duration
                FROM new_rows) AS changed
            WHERE assistant_id IS NOT NULL AND (started_at >= TIMESTAMP '0001-01-01' AND
                started_at < TIMESTAMP '10000-01-01')
            GROUP BY 1, 2
            HAVING sum(sign * 1) <> 0 OR sum(sign * CASE WHEN (status = 'completed')
                THEN 1 ELSE 0 END) <> 0 OR sum(sign * CASE WHEN (status = 'failed') THEN
                1 ELSE 0 END) <> 0 OR sum(sign * CASE WHEN (status = 'ongoing') THEN 1
                ELSE 0 END) <> 0 OR sum(sign * coalesce(duration, 0)) <> 0 OR sum(sign *
                CASE WHEN (status = 'completed') THEN coalesce(duration, 0) ELSE 0 END)
                <> 0 OR sum(sign * CASE WHEN (status = 'completed' AND duration != 0)
                THEN 1 ELSE 0 END) <> 0
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
--
CREATE TRIGGER call_rollups_insert AFTER INSERT ON {schema}.calls
REFERENCING NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION {schema}.call_rollups_insert();
--
CREATE FUNCTION {schema}.call_rollups_update() RETURNS trigger
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

            INSERT INTO {schema}.call_rollups_log (assistant_id, bucket, calls,
                completed, failed, ongoing, duration, completed_duration,
                completed_timed)
            SELECT assistant_id, date_bin('15 minutes', CAST(started_at AS TIMESTAMP),
                TIMESTAMP '2000-01-01'), sum(sign * 1), sum(sign * CASE WHEN (status =
                'completed') THEN 1 ELSE 0 END), sum(sign * CASE WHEN (status =
                'failed') THEN 1 ELSE 0 END), sum(sign * CASE WHEN (status = 'ongoing')
                THEN 1 ELSE 0 END), sum(sign * coalesce(duration, 0)), sum(sign * CASE
                WHEN (status = 'completed') THEN coalesce(duration, 0) ELSE 0 END),
                sum(sign * CASE WHEN (status = 'completed' AND duration != 0) THEN 1
                ELSE 0 END)
            FROM (SELECT 1::bigint AS sign, assistant_id, started_at, status, duration
                FROM new_rows UNION ALL SELECT -1::bigint AS sign, assistant_id,
                started_at, status, duration FROM old_rows) AS changed
            WHERE assistant_id IS NOT NULL AND (started_at >= TIMESTAMP '0001-01-01' AND
                started_at < TIMESTAMP '10000-01-01')
            GROUP BY 1, 2
            HAVING sum(sign * 1) <> 0 OR sum(sign * CASE WHEN (status = 'completed')
                THEN 1 ELSE 0 END) <> 0 OR sum(sign * CASE WHEN (status = 'failed') THEN
                1 ELSE 0 END) <> 0 OR sum(sign * CASE WHEN (status = 'ongoing') THEN 1
                ELSE 0 END) <> 0 OR sum(sign * coalesce(duration, 0)) <> 0 OR sum(sign *
                CASE WHEN (status = 'completed') THEN coalesce(duration, 0) ELSE 0 END)
                <> 0 OR sum(sign * CASE WHEN (status = 'completed' AND duration != 0)
                THEN 1 ELSE 0 END) <> 0
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
--
CREATE TRIGGER call_rollups_update AFTER UPDATE ON {schema}.calls
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION {schema}.call_rollups_update();
--
CREATE FUNCTION {schema}.call_rollups_delete() RETURNS trigger
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

            INSERT INTO {schema}.call_rollups_log (assistant_id, bucket, calls,
                completed, failed, ongoing, duration, completed_duration,
                completed_timed)
            SELECT assistant_id, date_bin('15 minutes', CAST(started_at AS TIMESTAMP),
                TIMESTAMP '2000-01-01'), sum(sign * 1), sum(sign * CASE WHEN (status =
                'completed') THEN 1 ELSE 0 END), sum(sign * CASE WHEN (status =
                'failed') THEN 1 ELSE 0 END), sum(sign * CASE WHEN (status = 'ongoing')
                THEN 1 ELSE 0 END), sum(sign * coalesce(duration, 0)), sum(sign * CASE
                WHEN (status = 'completed') THEN coalesce(duration, 0) ELSE 0 END),
                sum(sign * CASE WHEN (status = 'completed' AND duration != 0) THEN 1
                ELSE 0 END)
            FROM (SELECT -1::bigint AS sign, assistant_id, started_at, status, duration
                FROM old_rows) AS changed
            WHERE assistant_id IS NOT NULL AND (started_at >= TIMESTAMP '0001-01-01' AND
                started_at < TIMESTAMP '10000-01-01')
            GROUP BY 1, 2
            HAVING sum(sign * 1) <> 0 OR sum(sign * CASE WHEN (status = 'completed')
                THEN 1 ELSE 0 END) <> 0 OR sum(sign * CASE WHEN (status = 'failed') THEN
                1 ELSE 0 END) <> 0 OR sum(sign * CASE WHEN (status = 'ongoing') THEN 1
                ELSE 0 END) <> 0 OR sum(sign * coalesce(duration, 0)) <> 0 OR sum(sign *
                CASE WHEN (status = 'completed') THEN coalesce(duration, 0) ELSE 0 END)
                <> 0 OR sum(sign * CASE WHEN (status = 'completed' AND duration != 0)
                THEN 1 ELSE 0 END) <> 0
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
--
CREATE TRIGGER call_rollups_delete AFTER DELETE ON {schema}.calls
REFERENCING OLD TABLE AS old_rows
FOR EACH STATEMENT EXECUTE FUNCTION {schema}.call_rollups_delete();
--
CREATE FUNCTION {schema}.call_rollups_truncate() RETURNS trigger
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

                TRUNCATE {schema}.call_rollups_log, {schema}.call_rollups_assistants,
                {schema}.call_rollups_organizations
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
--
CREATE TRIGGER call_rollups_truncate AFTER TRUNCATE ON {schema}.calls

FOR EACH STATEMENT EXECUTE FUNCTION {schema}.call_rollups_truncate();
--
CREATE FUNCTION {schema}.assistant_rollups_update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
AS $$
DECLARE
    failures regclass;
BEGIN
    IF TG_RELID <> {assistants} AND TG_RELID IS DISTINCT FROM to_regclass('{schema}.assistants')
        THEN
        RAISE insufficient_privilege
        USING MESSAGE = 'only triggers of the table assistants may do this';
    END IF;
    BEGIN

        INSERT INTO {schema}.call_rollups_moves (organization_id, assistant_id)
        SELECT organization_id, id FROM old_rows WHERE organization_id IS NOT NULL
 EXCEPT SELECT organization_id, id FROM new_rows;
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
--
CREATE TRIGGER assistant_rollups_update AFTER UPDATE ON {schema}.assistants
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION {schema}.assistant_rollups_update();
--
CREATE FUNCTION {schema}.assistant_rollups_delete() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
AS $$
DECLARE
    failures regclass;
BEGIN
    IF TG_RELID <> {assistants} AND TG_RELID IS DISTINCT FROM to_regclass('{schema}.assistants')
        THEN
        RAISE insufficient_privilege
        USING MESSAGE = 'only triggers of the table assistants may do this';
    END IF;
    BEGIN

        INSERT INTO {schema}.call_rollups_moves (organization_id, assistant_id)
        SELECT organization_id, id FROM old_rows WHERE organization_id IS NOT NULL
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
--
CREATE TRIGGER assistant_rollups_delete AFTER DELETE ON {schema}.assistants
REFERENCING OLD TABLE AS old_rows
FOR EACH STATEMENT EXECUTE FUNCTION {schema}.assistant_rollups_delete();
--
CREATE FUNCTION {schema}.assistant_rollups_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
AS $$
DECLARE
    failures regclass;
BEGIN
    IF TG_RELID <> {assistants} AND TG_RELID IS DISTINCT FROM to_regclass('{schema}.assistants')
        THEN
        RAISE insufficient_privilege
        USING MESSAGE = 'only triggers of the table assistants may do this';
    END IF;
    BEGIN
        RAISE 'the table assistants was truncated';
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
--
CREATE TRIGGER assistant_rollups_truncate AFTER TRUNCATE ON {schema}.assistants

FOR EACH STATEMENT EXECUTE FUNCTION {schema}.assistant_rollups_truncate();
--
DO $$ DECLARE
    home CONSTANT regnamespace := '{schema}';
    tables CONSTANT name[] := ARRAY['call_rollups_log', 'call_rollups_assistants',
        'call_rollups_organizations', 'call_rollups_moves', 'call_rollups_state',
        'call_rollups_failures'];
    held record;
BEGIN
    FOR held IN
        SELECT 'TABLE ' || pg_class.oid::regclass AS thing, acl.grantee
        FROM pg_class, aclexplode(relacl) AS acl
        WHERE (relnamespace = home AND relname = ANY (tables)
               OR oid = pg_get_serial_sequence(home || '.call_rollups_log', 'id')::regclass)
        AND acl.grantee <> relowner
        UNION
        SELECT 'FUNCTION ' || pg_proc.oid::regprocedure, acl.grantee
        FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) AS acl
        WHERE pronamespace = home AND proname IN ('call_rollups_insert',
            'call_rollups_update', 'call_rollups_delete', 'call_rollups_truncate',
            'assistant_rollups_update', 'assistant_rollups_delete',
            'assistant_rollups_truncate') AND acl.grantee <> proowner
    LOOP
        EXECUTE format('REVOKE ALL ON %s FROM %s', held.thing,
                       CASE held.grantee WHEN 0 THEN 'PUBLIC' ELSE held.grantee::regrole::text END);
    END LOOP;
    FOR held IN  -- who may read the calls may read their sums
        SELECT DISTINCT summed.oid::regclass AS thing, acl.grantee
        FROM pg_class AS read, aclexplode(coalesce(read.relacl, acldefault('r', read.relowner)))
            AS acl, pg_class AS summed
        WHERE read.relnamespace = home AND read.relname = 'calls' AND acl.privilege_type = 'SELECT'
        AND summed.relnamespace = home AND summed.relname = ANY (tables)
    LOOP
        EXECUTE format('GRANT SELECT ON %s TO %s', held.thing,
                       CASE held.grantee WHEN 0 THEN 'PUBLIC' ELSE held.grantee::regrole::text END);
    END LOOP;
END $$;
--
INSERT INTO {schema}.call_rollups_assistants (organization_id, grain, bucket, assistant_id, calls,
    completed, failed, ongoing, duration, completed_duration, completed_timed)
SELECT organization_id, 1, date_bin('15 minutes', CAST(started_at AS TIMESTAMP), TIMESTAMP
    '2000-01-01'), assistant_id, sum(1), sum(CASE WHEN (status = 'completed') THEN 1 ELSE 0 END),
    sum(CASE WHEN (status = 'failed') THEN 1 ELSE 0 END), sum(CASE WHEN (status = 'ongoing') THEN 1
    ELSE 0 END), sum(coalesce(duration, 0)), sum(CASE WHEN (status = 'completed') THEN
    coalesce(duration, 0) ELSE 0 END), sum(CASE WHEN (status = 'completed' AND duration != 0) THEN 1
    ELSE 0 END)
FROM {schema}.calls JOIN {schema}.assistants ON assistants.id = assistant_id
WHERE (started_at >= TIMESTAMP '0001-01-01' AND started_at < TIMESTAMP '10000-01-01')
GROUP BY organization_id, assistant_id, date_bin('15 minutes', CAST(started_at AS TIMESTAMP),
    TIMESTAMP '2000-01-01');
--
INSERT INTO {schema}.call_rollups_assistants (organization_id, grain, bucket, assistant_id, calls,
    completed, failed, ongoing, duration, completed_duration, completed_timed)
SELECT organization_id, 2, CAST(date_trunc('hour', started_at) AS TIMESTAMP), assistant_id, sum(1),
    sum(CASE WHEN (status = 'completed') THEN 1 ELSE 0 END), sum(CASE WHEN (status = 'failed') THEN
    1 ELSE 0 END), sum(CASE WHEN (status = 'ongoing') THEN 1 ELSE 0 END), sum(coalesce(duration,
    0)), sum(CASE WHEN (status = 'completed') THEN coalesce(duration, 0) ELSE 0 END), sum(CASE WHEN
    (status = 'completed' AND duration != 0) THEN 1 ELSE 0 END)
FROM {schema}.calls JOIN {schema}.assistants ON assistants.id = assistant_id
WHERE (started_at >= TIMESTAMP '0001-01-01' AND started_at < TIMESTAMP '10000-01-01')
GROUP BY organization_id, assistant_id, CAST(date_trunc('hour', started_at) AS TIMESTAMP);
--
INSERT INTO {schema}.call_rollups_assistants (organization_id, grain, bucket, assistant_id, calls,
    completed, failed, ongoing, duration, completed_duration, completed_timed)
SELECT organization_id, 3, CAST(date_trunc('day', started_at) AS TIMESTAMP), assistant_id, sum(1),
    sum(CASE WHEN (status = 'completed') THEN 1 ELSE 0 END), sum(CASE WHEN (status = 'failed') THEN
    1 ELSE 0 END), sum(CASE WHEN (status = 'ongoing') THEN 1 ELSE 0 END), sum(coalesce(duration,
    0)), sum(CASE WHEN (status = 'completed') THEN coalesce(duration, 0) ELSE 0 END), sum(CASE WHEN
    (status = 'completed' AND duration != 0) THEN 1 ELSE 0 END)
FROM {schema}.calls JOIN {schema}.assistants ON assistants.id = assistant_id
WHERE (started_at >= TIMESTAMP '0001-01-01' AND started_at < TIMESTAMP '10000-01-01')
GROUP BY organization_id, assistant_id, CAST(date_trunc('day', started_at) AS TIMESTAMP);
--
INSERT INTO {schema}.call_rollups_assistants (organization_id, grain, bucket, assistant_id, calls,
    completed, failed, ongoing, duration, completed_duration, completed_timed)
SELECT organization_id, 4, CAST(date_trunc('month', started_at) AS TIMESTAMP), assistant_id, sum(1),
    sum(CASE WHEN (status = 'completed') THEN 1 ELSE 0 END), sum(CASE WHEN (status = 'failed') THEN
    1 ELSE 0 END), sum(CASE WHEN (status = 'ongoing') THEN 1 ELSE 0 END), sum(coalesce(duration,
    0)), sum(CASE WHEN (status = 'completed') THEN coalesce(duration, 0) ELSE 0 END), sum(CASE WHEN
    (status = 'completed' AND duration != 0) THEN 1 ELSE 0 END)
FROM {schema}.calls JOIN {schema}.assistants ON assistants.id = assistant_id
WHERE (started_at >= TIMESTAMP '0001-01-01' AND started_at < TIMESTAMP '10000-01-01')
GROUP BY organization_id, assistant_id, CAST(date_trunc('month', started_at) AS TIMESTAMP);
--
INSERT INTO {schema}.call_rollups_organizations (organization_id, grain, bucket, calls, completed,
    failed, ongoing, duration, completed_duration, completed_timed)
SELECT organization_id, grain, bucket, sum(calls), sum(completed), sum(failed), sum(ongoing),
    sum(duration), sum(completed_duration), sum(completed_timed)
FROM {schema}.call_rollups_assistants GROUP BY organization_id, grain, bucket;
--
UPDATE {schema}.call_rollups_state SET is_ready = true;
