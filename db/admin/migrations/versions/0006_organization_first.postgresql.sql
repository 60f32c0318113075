DO $$ BEGIN
    SET LOCAL lock_timeout = '250ms';
    ALTER TABLE calls DROP CONSTRAINT IF EXISTS fk_calls_organization_id_assistant_id_assistants;
END $$
--
DROP INDEX CONCURRENTLY IF EXISTS ix_assistants_organization_id_id
--
CREATE UNIQUE INDEX CONCURRENTLY ix_assistants_organization_id_id
ON assistants (organization_id, id)
--
DO $$ BEGIN
    SET LOCAL lock_timeout = '250ms';
    ALTER TABLE calls
        ADD COLUMN IF NOT EXISTS organization_id integer,
        ADD COLUMN IF NOT EXISTS wide_id bigint;
    CREATE OR REPLACE FUNCTION {schema}.calls_upgrade() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $body$ BEGIN
        NEW.organization_id := (SELECT organization_id FROM {schema}.assistants
                                WHERE id = NEW.assistant_id);
        NEW.wide_id := NEW.id;
        RETURN NEW;
    END $body$;
    REVOKE ALL ON FUNCTION {schema}.calls_upgrade() FROM PUBLIC;
    DROP TRIGGER IF EXISTS calls_upgrade ON calls;
    CREATE TRIGGER calls_upgrade BEFORE INSERT OR UPDATE ON calls
    FOR EACH ROW EXECUTE FUNCTION {schema}.calls_upgrade();
END $$
--
FILL
--
DO $$ BEGIN
    SET LOCAL lock_timeout = '250ms';
    UPDATE calls SET organization_id = NULL WHERE organization_id IS NULL;
END $$
--
DO $$ BEGIN  -- from here on an assistant with calls keeps its organization
    SET LOCAL lock_timeout = '250ms';
    ALTER TABLE calls
        ADD CONSTRAINT fk_calls_organization_id_assistant_id_assistants
        FOREIGN KEY (organization_id, assistant_id) REFERENCES assistants (organization_id, id)
        NOT VALID,
        DROP CONSTRAINT IF EXISTS ck_calls_upgraded,
        ADD CONSTRAINT ck_calls_upgraded
        CHECK (organization_id IS NOT NULL AND wide_id IS NOT NULL) NOT VALID;
END $$
--
DO $$ BEGIN  -- of assistants that changed their organization meanwhile
    SET LOCAL lock_timeout = '250ms';
    UPDATE calls SET organization_id = NULL FROM assistants
    WHERE assistants.id = assistant_id AND assistants.organization_id <> calls.organization_id;
END $$
--
ALTER TABLE calls VALIDATE CONSTRAINT fk_calls_organization_id_assistant_id_assistants
--
ALTER TABLE calls VALIDATE CONSTRAINT ck_calls_upgraded
--
DROP INDEX CONCURRENTLY IF EXISTS calls_wide_id
--
CREATE UNIQUE INDEX CONCURRENTLY calls_wide_id ON calls (wide_id)
--
DROP INDEX CONCURRENTLY IF EXISTS uq_calls_organization_id_call_sid
--
CREATE UNIQUE INDEX CONCURRENTLY uq_calls_organization_id_call_sid
ON calls (organization_id, call_sid)
--
DROP INDEX CONCURRENTLY IF EXISTS ix_calls_organization_started
--
CREATE INDEX CONCURRENTLY ix_calls_organization_started
ON calls (organization_id, started_at, wide_id, assistant_id, status, duration)
--
DROP INDEX CONCURRENTLY IF EXISTS ix_calls_organization_assistant
--
CREATE INDEX CONCURRENTLY ix_calls_organization_assistant
ON calls (organization_id, assistant_id, started_at)
--
DO $$ BEGIN
    SET LOCAL lock_timeout = '250ms';
    DROP TRIGGER calls_upgrade ON calls;
    DROP FUNCTION {schema}.calls_upgrade();
    ALTER SEQUENCE calls_id_seq OWNED BY NONE;
    ALTER SEQUENCE calls_id_seq AS bigint;
    ALTER TABLE calls  -- the checked constraint tells that no row is null
        ALTER organization_id SET NOT NULL,
        ALTER wide_id SET NOT NULL;
    ALTER TABLE calls
        DROP CONSTRAINT ck_calls_upgraded,
        DROP CONSTRAINT uq_calls_call_sid,
        DROP CONSTRAINT fk_calls_assistant_id_assistants,
        DROP CONSTRAINT pk_calls,
        DROP COLUMN id;
    ALTER TABLE calls RENAME wide_id TO id;
    ALTER TABLE calls
        ALTER id SET DEFAULT nextval('calls_id_seq'),
        ADD CONSTRAINT pk_calls PRIMARY KEY USING INDEX calls_wide_id,
        ADD CONSTRAINT uq_calls_organization_id_call_sid
        UNIQUE USING INDEX uq_calls_organization_id_call_sid;
    ALTER SEQUENCE calls_id_seq OWNED BY calls.id;
    DROP INDEX IF EXISTS ix_calls_analytics;
    DROP INDEX IF EXISTS ix_assistants_organization_id;
END $$
