UPDATE call_rollups_state SET layout = 3, is_ready = is_ready AND 3 = (
    SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'calls'
    AND name IN ('call_rollups_insert', 'call_rollups_update', 'call_rollups_delete')
)
--
CREATE TRIGGER call_rollups_insert AFTER INSERT ON calls BEGIN
        INSERT INTO call_rollups_log (assistant_id, bucket, calls, completed, failed, ongoing,
            duration, completed_duration, completed_timed)
        SELECT NEW.assistant_id, (substr(NEW.started_at, 1, 14) || substr('00153045',
            substr(NEW.started_at, 15, 2) / 15 * 2 + 1, 2) || ':00.000000'),
            +(1), +(CASE WHEN (NEW.status = 'completed') THEN 1 ELSE 0 END), +(CASE WHEN (NEW.status
                = 'failed') THEN 1 ELSE 0 END), +(CASE WHEN (NEW.status = 'ongoing') THEN 1 ELSE 0
                END), +(coalesce(NEW.duration, 0)), +(CASE WHEN (NEW.status = 'completed') THEN
                coalesce(NEW.duration, 0) ELSE 0 END), +(CASE WHEN (NEW.status = 'completed' AND
                NEW.duration != 0) THEN 1 ELSE 0 END)
        WHERE NEW.assistant_id IS NOT NULL AND (NEW.started_at GLOB
            '????-??-?? ??:??:??.[0-9][0-9][0-9][0-9][0-9][0-9]' AND +NEW.started_at >= '0001' AND
            datetime(substr(NEW.started_at, 1, 19), '+0 days') = substr(NEW.started_at, 1, 19));
     END
--
CREATE TRIGGER call_rollups_update AFTER UPDATE OF assistant_id, started_at, status, duration ON
    calls BEGIN
        INSERT INTO call_rollups_log (assistant_id, bucket, calls, completed, failed, ongoing,
            duration, completed_duration, completed_timed)
        SELECT OLD.assistant_id, (substr(OLD.started_at, 1, 14) || substr('00153045',
            substr(OLD.started_at, 15, 2) / 15 * 2 + 1, 2) || ':00.000000'),
            -(1), -(CASE WHEN (OLD.status = 'completed') THEN 1 ELSE 0 END), -(CASE WHEN (OLD.status
                = 'failed') THEN 1 ELSE 0 END), -(CASE WHEN (OLD.status = 'ongoing') THEN 1 ELSE 0
                END), -(coalesce(OLD.duration, 0)), -(CASE WHEN (OLD.status = 'completed') THEN
                coalesce(OLD.duration, 0) ELSE 0 END), -(CASE WHEN (OLD.status = 'completed' AND
                OLD.duration != 0) THEN 1 ELSE 0 END)
        WHERE OLD.assistant_id IS NOT NULL AND (OLD.started_at GLOB
            '????-??-?? ??:??:??.[0-9][0-9][0-9][0-9][0-9][0-9]' AND +OLD.started_at >= '0001' AND
            datetime(substr(OLD.started_at, 1, 19), '+0 days') = substr(OLD.started_at, 1, 19));
        INSERT INTO call_rollups_log (assistant_id, bucket, calls, completed, failed, ongoing,
            duration, completed_duration, completed_timed)
        SELECT NEW.assistant_id, (substr(NEW.started_at, 1, 14) || substr('00153045',
            substr(NEW.started_at, 15, 2) / 15 * 2 + 1, 2) || ':00.000000'),
            +(1), +(CASE WHEN (NEW.status = 'completed') THEN 1 ELSE 0 END), +(CASE WHEN (NEW.status
                = 'failed') THEN 1 ELSE 0 END), +(CASE WHEN (NEW.status = 'ongoing') THEN 1 ELSE 0
                END), +(coalesce(NEW.duration, 0)), +(CASE WHEN (NEW.status = 'completed') THEN
                coalesce(NEW.duration, 0) ELSE 0 END), +(CASE WHEN (NEW.status = 'completed' AND
                NEW.duration != 0) THEN 1 ELSE 0 END)
        WHERE NEW.assistant_id IS NOT NULL AND (NEW.started_at GLOB
            '????-??-?? ??:??:??.[0-9][0-9][0-9][0-9][0-9][0-9]' AND +NEW.started_at >= '0001' AND
            datetime(substr(NEW.started_at, 1, 19), '+0 days') = substr(NEW.started_at, 1, 19));
     END
--
CREATE TRIGGER call_rollups_delete AFTER DELETE ON calls BEGIN
        INSERT INTO call_rollups_log (assistant_id, bucket, calls, completed, failed, ongoing,
            duration, completed_duration, completed_timed)
        SELECT OLD.assistant_id, (substr(OLD.started_at, 1, 14) || substr('00153045',
            substr(OLD.started_at, 15, 2) / 15 * 2 + 1, 2) || ':00.000000'),
            -(1), -(CASE WHEN (OLD.status = 'completed') THEN 1 ELSE 0 END), -(CASE WHEN (OLD.status
                = 'failed') THEN 1 ELSE 0 END), -(CASE WHEN (OLD.status = 'ongoing') THEN 1 ELSE 0
                END), -(coalesce(OLD.duration, 0)), -(CASE WHEN (OLD.status = 'completed') THEN
                coalesce(OLD.duration, 0) ELSE 0 END), -(CASE WHEN (OLD.status = 'completed' AND
                OLD.duration != 0) THEN 1 ELSE 0 END)
        WHERE OLD.assistant_id IS NOT NULL AND (OLD.started_at GLOB
            '????-??-?? ??:??:??.[0-9][0-9][0-9][0-9][0-9][0-9]' AND +OLD.started_at >= '0001' AND
            datetime(substr(OLD.started_at, 1, 19), '+0 days') = substr(OLD.started_at, 1, 19));
     END
