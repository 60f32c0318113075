DROP TRIGGER call_rollups_insert;
--
DROP TRIGGER call_rollups_update;
--
DROP TRIGGER call_rollups_delete;
--
DROP TABLE call_rollups;
--
DROP TABLE call_rollups_state;
--
CREATE TABLE call_rollups_log (
    id INTEGER PRIMARY KEY,
    assistant_id INTEGER NOT NULL,
    bucket DATETIME NOT NULL,
    calls BIGINT NOT NULL, completed BIGINT NOT NULL, failed BIGINT NOT NULL, ongoing BIGINT NOT
        NULL, duration BIGINT NOT NULL, completed_duration BIGINT NOT NULL, completed_timed
        BIGINT NOT NULL
);
--
CREATE INDEX ix_call_rollups_log_key ON call_rollups_log (assistant_id, bucket);
--
CREATE TABLE call_rollups_assistants (
    organization_id INTEGER NOT NULL,
    grain SMALLINT NOT NULL,
    bucket DATETIME NOT NULL,
    assistant_id INTEGER NOT NULL,
    calls BIGINT NOT NULL, completed BIGINT NOT NULL, failed BIGINT NOT NULL, ongoing BIGINT NOT
        NULL, duration BIGINT NOT NULL, completed_duration BIGINT NOT NULL, completed_timed
        BIGINT NOT NULL,
    PRIMARY KEY (organization_id, grain, bucket, assistant_id)
) WITHOUT ROWID;
--
CREATE INDEX ix_call_rollups_assistants_assistant
ON call_rollups_assistants (assistant_id);
--
CREATE TABLE call_rollups_organizations (
    organization_id INTEGER NOT NULL,
    grain SMALLINT NOT NULL,
    bucket DATETIME NOT NULL,
    calls BIGINT NOT NULL, completed BIGINT NOT NULL, failed BIGINT NOT NULL, ongoing BIGINT NOT
        NULL, duration BIGINT NOT NULL, completed_duration BIGINT NOT NULL, completed_timed
        BIGINT NOT NULL,
    PRIMARY KEY (organization_id, grain, bucket)
) WITHOUT ROWID;
--
CREATE TABLE call_rollups_moves (
    organization_id INTEGER NOT NULL,
    assistant_id INTEGER NOT NULL
);
--
CREATE TABLE call_rollups_state (is_ready BOOLEAN NOT NULL, layout INTEGER NOT NULL);
--
INSERT INTO call_rollups_state VALUES (0, 2);
--
CREATE TRIGGER call_rollups_insert AFTER INSERT ON calls BEGIN
        INSERT INTO call_rollups_log (assistant_id, bucket, calls, completed, failed,
            ongoing, duration, completed_duration, completed_timed)
        SELECT NEW.assistant_id, (substr(NEW.started_at, 1, 14) || substr('00153045',
            substr(NEW.started_at, 15, 2) / 15 * 2 + 1, 2) || ':00.000000'),
            +(1), +(CASE WHEN (NEW.status = 'completed') THEN 1 ELSE 0 END), +(CASE WHEN
                (NEW.status = 'failed') THEN 1 ELSE 0 END), +(CASE WHEN (NEW.status =
                'ongoing') THEN 1 ELSE 0 END), +(coalesce(NEW.duration, 0)), +(CASE WHEN
                (NEW.status = 'completed') THEN coalesce(NEW.duration, 0) ELSE 0 END),
                +(CASE WHEN (NEW.status = 'completed' AND NEW.duration != 0) THEN 1 ELSE
                0 END)
        WHERE NEW.assistant_id IS NOT NULL AND (NEW.started_at GLOB
            '????-??-?? ??:??:??.[0-9][0-9][0-9][0-9][0-9][0-9]' AND +NEW.started_at >=
            '0001' AND datetime(substr(NEW.started_at, 1, 19), '+0 days') =
            substr(NEW.started_at, 1, 19));
     END;
--
CREATE TRIGGER call_rollups_update AFTER UPDATE OF assistant_id, started_at, status, duration ON
    calls BEGIN
        INSERT INTO call_rollups_log (assistant_id, bucket, calls, completed, failed,
            ongoing, duration, completed_duration, completed_timed)
        SELECT OLD.assistant_id, (substr(OLD.started_at, 1, 14) || substr('00153045',
            substr(OLD.started_at, 15, 2) / 15 * 2 + 1, 2) || ':00.000000'),
            -(1), -(CASE WHEN (OLD.status = 'completed') THEN 1 ELSE 0 END), -(CASE WHEN
                (OLD.status = 'failed') THEN 1 ELSE 0 END), -(CASE WHEN (OLD.status =
                'ongoing') THEN 1 ELSE 0 END), -(coalesce(OLD.duration, 0)), -(CASE WHEN
                (OLD.status = 'completed') THEN coalesce(OLD.duration, 0) ELSE 0 END),
                -(CASE WHEN (OLD.status = 'completed' AND OLD.duration != 0) THEN 1 ELSE
                0 END)
        WHERE OLD.assistant_id IS NOT NULL AND (OLD.started_at GLOB
            '????-??-?? ??:??:??.[0-9][0-9][0-9][0-9][0-9][0-9]' AND +OLD.started_at >=
            '0001' AND datetime(substr(OLD.started_at, 1, 19), '+0 days') =
            substr(OLD.started_at, 1, 19));

        INSERT INTO call_rollups_log (assistant_id, bucket, calls, completed, failed,
            ongoing, duration, completed_duration, completed_timed)
        SELECT NEW.assistant_id, (substr(NEW.started_at, 1, 14) || substr('00153045',
            substr(NEW.started_at, 15, 2) / 15 * 2 + 1, 2) || ':00.000000'),
            +(1), +(CASE WHEN (NEW.status = 'completed') THEN 1 ELSE 0 END), +(CASE WHEN
                (NEW.status = 'failed') THEN 1 ELSE 0 END), +(CASE WHEN (NEW.status =
                'ongoing') THEN 1 ELSE 0 END), +(coalesce(NEW.duration, 0)), +(CASE WHEN
                (NEW.status = 'completed') THEN coalesce(NEW.duration, 0) ELSE 0 END),
                +(CASE WHEN (NEW.status = 'completed' AND NEW.duration != 0) THEN 1 ELSE
                0 END)
        WHERE NEW.assistant_id IS NOT NULL AND (NEW.started_at GLOB
            '????-??-?? ??:??:??.[0-9][0-9][0-9][0-9][0-9][0-9]' AND +NEW.started_at >=
            '0001' AND datetime(substr(NEW.started_at, 1, 19), '+0 days') =
            substr(NEW.started_at, 1, 19));
     END;
--
CREATE TRIGGER call_rollups_delete AFTER DELETE ON calls BEGIN
        INSERT INTO call_rollups_log (assistant_id, bucket, calls, completed, failed,
            ongoing, duration, completed_duration, completed_timed)
        SELECT OLD.assistant_id, (substr(OLD.started_at, 1, 14) || substr('00153045',
            substr(OLD.started_at, 15, 2) / 15 * 2 + 1, 2) || ':00.000000'),
            -(1), -(CASE WHEN (OLD.status = 'completed') THEN 1 ELSE 0 END), -(CASE WHEN
                (OLD.status = 'failed') THEN 1 ELSE 0 END), -(CASE WHEN (OLD.status =
                'ongoing') THEN 1 ELSE 0 END), -(coalesce(OLD.duration, 0)), -(CASE WHEN
                (OLD.status = 'completed') THEN coalesce(OLD.duration, 0) ELSE 0 END),
                -(CASE WHEN (OLD.status = 'completed' AND OLD.duration != 0) THEN 1 ELSE
                0 END)
        WHERE OLD.assistant_id IS NOT NULL AND (OLD.started_at GLOB
            '????-??-?? ??:??:??.[0-9][0-9][0-9][0-9][0-9][0-9]' AND +OLD.started_at >=
            '0001' AND datetime(substr(OLD.started_at, 1, 19), '+0 days') =
            substr(OLD.started_at, 1, 19));
     END;
--
CREATE TRIGGER assistant_rollups_update AFTER UPDATE OF id, organization_id ON assistants BEGIN
    INSERT INTO call_rollups_moves (organization_id, assistant_id)
    SELECT OLD.organization_id, OLD.id WHERE OLD.organization_id IS NOT NULL
 AND (OLD.id IS NOT NEW.id OR OLD.organization_id IS NOT NEW.organization_id); END;
--
CREATE TRIGGER assistant_rollups_delete AFTER DELETE ON assistants BEGIN
    INSERT INTO call_rollups_moves (organization_id, assistant_id)
    SELECT OLD.organization_id, OLD.id WHERE OLD.organization_id IS NOT NULL
; END;
--
INSERT INTO call_rollups_assistants (organization_id, grain, bucket, assistant_id, calls, completed,
    failed, ongoing, duration, completed_duration, completed_timed)
SELECT organization_id, 1, (substr(started_at, 1, 14) || substr('00153045', substr(started_at, 15,
    2) / 15 * 2 + 1, 2) || ':00.000000'), assistant_id, sum(1), sum(CASE WHEN (status = 'completed')
    THEN 1 ELSE 0 END), sum(CASE WHEN (status = 'failed') THEN 1 ELSE 0 END), sum(CASE WHEN (status
    = 'ongoing') THEN 1 ELSE 0 END), sum(coalesce(duration, 0)), sum(CASE WHEN (status =
    'completed') THEN coalesce(duration, 0) ELSE 0 END), sum(CASE WHEN (status = 'completed' AND
    duration != 0) THEN 1 ELSE 0 END)
FROM calls JOIN assistants ON assistants.id = assistant_id
WHERE (started_at GLOB '????-??-?? ??:??:??.[0-9][0-9][0-9][0-9][0-9][0-9]' AND +started_at >=
    '0001' AND datetime(substr(started_at, 1, 19), '+0 days') = substr(started_at, 1, 19))
GROUP BY organization_id, assistant_id, (substr(started_at, 1, 14) || substr('00153045',
    substr(started_at, 15, 2) / 15 * 2 + 1, 2) || ':00.000000');
--
INSERT INTO call_rollups_assistants (organization_id, grain, bucket, assistant_id, calls, completed,
    failed, ongoing, duration, completed_duration, completed_timed)
SELECT organization_id, 2, (substr(started_at, 1, 13) || ':00:00.000000'), assistant_id, sum(1),
    sum(CASE WHEN (status = 'completed') THEN 1 ELSE 0 END), sum(CASE WHEN (status = 'failed') THEN
    1 ELSE 0 END), sum(CASE WHEN (status = 'ongoing') THEN 1 ELSE 0 END), sum(coalesce(duration,
    0)), sum(CASE WHEN (status = 'completed') THEN coalesce(duration, 0) ELSE 0 END), sum(CASE WHEN
    (status = 'completed' AND duration != 0) THEN 1 ELSE 0 END)
FROM calls JOIN assistants ON assistants.id = assistant_id
WHERE (started_at GLOB '????-??-?? ??:??:??.[0-9][0-9][0-9][0-9][0-9][0-9]' AND +started_at >=
    '0001' AND datetime(substr(started_at, 1, 19), '+0 days') = substr(started_at, 1, 19))
GROUP BY organization_id, assistant_id, (substr(started_at, 1, 13) || ':00:00.000000');
--
INSERT INTO call_rollups_assistants (organization_id, grain, bucket, assistant_id, calls, completed,
    failed, ongoing, duration, completed_duration, completed_timed)
SELECT organization_id, 3, (substr(started_at, 1, 10) || ' 00:00:00.000000'), assistant_id, sum(1),
    sum(CASE WHEN (status = 'completed') THEN 1 ELSE 0 END), sum(CASE WHEN (status = 'failed') THEN
    1 ELSE 0 END), sum(CASE WHEN (status = 'ongoing') THEN 1 ELSE 0 END), sum(coalesce(duration,
    0)), sum(CASE WHEN (status = 'completed') THEN coalesce(duration, 0) ELSE 0 END), sum(CASE WHEN
    (status = 'completed' AND duration != 0) THEN 1 ELSE 0 END)
FROM calls JOIN assistants ON assistants.id = assistant_id
WHERE (started_at GLOB '????-??-?? ??:??:??.[0-9][0-9][0-9][0-9][0-9][0-9]' AND +started_at >=
    '0001' AND datetime(substr(started_at, 1, 19), '+0 days') = substr(started_at, 1, 19))
GROUP BY organization_id, assistant_id, (substr(started_at, 1, 10) || ' 00:00:00.000000');
--
INSERT INTO call_rollups_assistants (organization_id, grain, bucket, assistant_id, calls, completed,
    failed, ongoing, duration, completed_duration, completed_timed)
SELECT organization_id, 4, (substr(started_at, 1, 7) || '-01 00:00:00.000000'), assistant_id,
    sum(1), sum(CASE WHEN (status = 'completed') THEN 1 ELSE 0 END), sum(CASE WHEN (status =
    'failed') THEN 1 ELSE 0 END), sum(CASE WHEN (status = 'ongoing') THEN 1 ELSE 0 END),
    sum(coalesce(duration, 0)), sum(CASE WHEN (status = 'completed') THEN coalesce(duration, 0) ELSE
    0 END), sum(CASE WHEN (status = 'completed' AND duration != 0) THEN 1 ELSE 0 END)
FROM calls JOIN assistants ON assistants.id = assistant_id
WHERE (started_at GLOB '????-??-?? ??:??:??.[0-9][0-9][0-9][0-9][0-9][0-9]' AND +started_at >=
    '0001' AND datetime(substr(started_at, 1, 19), '+0 days') = substr(started_at, 1, 19))
GROUP BY organization_id, assistant_id, (substr(started_at, 1, 7) || '-01 00:00:00.000000');
--
INSERT INTO call_rollups_organizations (organization_id, grain, bucket, calls, completed, failed,
    ongoing, duration, completed_duration, completed_timed)
SELECT organization_id, grain, bucket, sum(calls), sum(completed), sum(failed), sum(ongoing),
    sum(duration), sum(completed_duration), sum(completed_timed)
FROM call_rollups_assistants GROUP BY organization_id, grain, bucket;
--
UPDATE call_rollups_state SET is_ready = true;
