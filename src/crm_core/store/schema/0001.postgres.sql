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

-- Appends one command: everything that must be decided under the log's lock is decided here, so that no writer holds the
-- lock across the network. Where the lock was busy, or the caller met others a moment ago (`crowded`), the commit does not
-- wait for the disk, and `early` asks for a barrier.
-- The bytes are those of docs/adr/0005: header = opened || recorded_at || position; chain = H(2 || before || leaf).
CREATE FUNCTION crm_append(
    lock_key bigint, clock text, command uuid, fingerprint bytea, thing uuid,
    streams uuid[], versions bigint[], types text[], type_versions integer[], ats text[],
    opened text[], publics text[], sealeds bytea[], digests bytea[],
    link_things uuid[], link_events integer[], looked_at uuid[], looked_versions bigint[], crowded boolean DEFAULT false,
    OUT last bigint, OUT recorded text, OUT early boolean
) LANGUAGE plpgsql AS $$
DECLARE
    header text;
    before bytea;
    behind bigint;
    counted integer := coalesce(array_length(streams, 1), 0);
BEGIN
    early := NOT pg_try_advisory_xact_lock(lock_key);
    early := early OR crowded;
    IF early THEN
        PERFORM set_config('synchronous_commit', 'off', true);
        PERFORM pg_advisory_xact_lock(lock_key);
    END IF;
    SELECT e.position, e.recorded_at, e.chain INTO behind, recorded, before
        FROM crm_events e ORDER BY e.position DESC LIMIT 1;
    behind := coalesce(behind, 0);
    before := coalesce(before, decode(repeat('00', 32), 'hex'));
    recorded := greatest(clock COLLATE "C", recorded COLLATE "C");
    FOR i IN 1 .. coalesce(array_length(looked_at, 1), 0) LOOP
        IF coalesce((SELECT max(e.version) FROM crm_events e WHERE e.stream = looked_at[i]), 0) <> looked_versions[i] THEN
            RAISE EXCEPTION 'a stream has moved' USING ERRCODE = 'serialization_failure';
        END IF;
    END LOOP;
    FOR i IN 1 .. counted LOOP
        header := opened[i] || ',"recorded_at":"' || recorded || '","position":' || behind + i || '}';
        before := sha256('\x02'::bytea || before || sha256(
            '\x00'::bytea || 'crm-event-v1'::bytea || int4send(octet_length(header)) || convert_to(header, 'UTF8') || digests[i]));
        INSERT INTO crm_events (position, stream, version, type, type_version, at, recorded_at, header, public, sealed, chain)
            VALUES (behind + i, streams[i], versions[i], types[i], type_versions[i], ats[i], recorded, header,
                    publics[i], sealeds[i], before);
    END LOOP;
    IF array_length(link_things, 1) > 0 THEN
        INSERT INTO crm_links (thing, position) SELECT t, behind + e FROM unnest(link_things, link_events) AS links (t, e);
    END IF;
    last := behind + counted;
    INSERT INTO crm_commands (command_id, fingerprint, thing, position, events, recorded_at)
        VALUES (command, crm_append.fingerprint, crm_append.thing, last, counted, recorded);
END $$;
