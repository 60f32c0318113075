-- The platform's tables, as the platform itself makes them: more columns than the service uses,
-- its own indexes, and not the one that the service wishes for.
CREATE TABLE organizations (
    id serial PRIMARY KEY,
    name varchar(100) NOT NULL,
    slug varchar(100) NOT NULL UNIQUE,
    description text,
    domain varchar(100),
    is_active boolean NOT NULL,
    settings json,
    created_at timestamp NOT NULL DEFAULT now(),
    updated_at timestamp NOT NULL DEFAULT now()
);

CREATE TABLE users (
    id serial PRIMARY KEY,
    organization_id integer NOT NULL REFERENCES organizations (id),
    email varchar(255) NOT NULL,
    first_name varchar(50),
    last_name varchar(50),
    full_name varchar(100) NOT NULL,
    password_hash varchar(255),
    is_active boolean NOT NULL,
    role varchar(20) NOT NULL DEFAULT 'user',
    created_at timestamp NOT NULL DEFAULT now()
);
CREATE INDEX ix_users_organization_id ON users (organization_id);

CREATE TABLE user_api_keys (
    id serial PRIMARY KEY,
    user_id integer NOT NULL REFERENCES users (id),
    name varchar(100) NOT NULL,
    key_hash varchar(255) NOT NULL,
    key_prefix varchar(20) NOT NULL,
    last_used_at timestamp,
    usage_count integer NOT NULL DEFAULT 0,
    is_active boolean NOT NULL,
    permissions json,
    rate_limit json,
    created_at timestamp NOT NULL DEFAULT now()
);
CREATE INDEX ix_user_api_keys_key_hash ON user_api_keys (key_hash);

CREATE TABLE assistants (
    id serial PRIMARY KEY,
    organization_id integer NOT NULL REFERENCES organizations (id),
    user_id integer NOT NULL REFERENCES users (id),
    name varchar(100) NOT NULL,
    phone_number varchar(20) UNIQUE,
    llm_settings json,
    is_active boolean,
    created_at timestamp DEFAULT now()
);
CREATE INDEX ix_assistants_organization_id ON assistants (organization_id);

CREATE TABLE calls (
    id serial PRIMARY KEY,
    call_sid varchar(100) NOT NULL UNIQUE,
    assistant_id integer NOT NULL REFERENCES assistants (id),
    to_phone_number varchar(20) NOT NULL,
    customer_phone_number varchar(20) NOT NULL,
    status varchar(20) NOT NULL,
    duration integer,
    started_at timestamp,
    ended_at timestamp,
    call_meta json,
    recording_url text
);
CREATE INDEX ix_calls_assistant_id ON calls (assistant_id);
CREATE INDEX ix_calls_status ON calls (status);

CREATE ROLE analytics_reader LOGIN;
GRANT SELECT ON organizations, users, user_api_keys, assistants, calls TO analytics_reader;
