CREATE UNIQUE INDEX ix_assistants_organization_id_id ON assistants (organization_id, id)
--
DROP INDEX IF EXISTS ix_assistants_organization_id
--
CREATE TABLE new_calls (
    id INTEGER NOT NULL,
    organization_id INTEGER NOT NULL,
    call_sid VARCHAR(100) NOT NULL,
    assistant_id INTEGER NOT NULL,
    to_phone_number VARCHAR(20) NOT NULL,
    customer_phone_number VARCHAR(20) NOT NULL,
    status VARCHAR(20) NOT NULL,
    duration INTEGER,
    started_at DATETIME,
    ended_at DATETIME,
    call_meta JSON,
    CONSTRAINT pk_calls PRIMARY KEY (id),
    CONSTRAINT uq_calls_organization_id_call_sid UNIQUE (organization_id, call_sid),
    CONSTRAINT fk_calls_organization_id_assistant_id_assistants
    FOREIGN KEY (organization_id, assistant_id) REFERENCES assistants (organization_id, id)
)
--
INSERT INTO new_calls (id, organization_id, call_sid, assistant_id, to_phone_number,
    customer_phone_number, status, duration, started_at, ended_at, call_meta)
SELECT calls.id, (SELECT organization_id FROM assistants WHERE id = assistant_id), call_sid,
    assistant_id, to_phone_number, customer_phone_number, status, duration, started_at, ended_at,
    call_meta
FROM calls ORDER BY calls.id
--
DROP TABLE calls
--
PRAGMA legacy_alter_table = ON
--
ALTER TABLE new_calls RENAME TO calls
--
PRAGMA legacy_alter_table = OFF
--
CREATE INDEX ix_calls_organization_started
ON calls (organization_id, started_at, id, assistant_id, status, duration)
--
CREATE INDEX ix_calls_organization_assistant ON calls (organization_id, assistant_id, started_at)
