-- The log. header, public and sealed are what the chain covers; the other columns are derived copies.
CREATE TABLE crm_events (
    position bigint PRIMARY KEY CHECK (position > 0),
    stream uuid NOT NULL,
    version bigint NOT NULL CHECK (version >= 0),
    type text COLLATE "C" NOT NULL,
    type_version integer NOT NULL,
    at text COLLATE "C" NOT NULL,
    recorded_at text COLLATE "C" NOT NULL,
    header text NOT NULL,
    public text NOT NULL,
    sealed bytea NOT NULL,
    chain bytea NOT NULL,
    UNIQUE (stream, version)
);
-- Which positions regard which thing, besides the stream's own: a customer's whole history is one indexed read.
CREATE TABLE crm_links (
    thing uuid NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (thing, position)
);
-- Every command id ever carried out, with a keyed fingerprint of its content and where its events lie.
CREATE TABLE crm_commands (
    command_id uuid PRIMARY KEY,
    fingerprint bytea NOT NULL,
    thing uuid NOT NULL,
    position bigint NOT NULL,
    events integer NOT NULL,
    recorded_at text COLLATE "C" NOT NULL
);
-- How far each follower has come.
CREATE TABLE crm_followers (
    name text PRIMARY KEY,
    position bigint NOT NULL,
    detail text NOT NULL
);
CREATE TABLE crm_meta (name text PRIMARY KEY, value text NOT NULL);
CREATE FUNCTION crm_append_only() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the log is append-only' USING ERRCODE = 'insufficient_privilege'; END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON crm_events FOR EACH STATEMENT EXECUTE FUNCTION crm_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON crm_links FOR EACH STATEMENT EXECUTE FUNCTION crm_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON crm_commands FOR EACH STATEMENT EXECUTE FUNCTION crm_append_only();
