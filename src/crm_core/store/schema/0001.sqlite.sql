-- The log. header, public and sealed are what the chain covers; the other columns are derived copies.
CREATE TABLE crm_events (
    position INTEGER PRIMARY KEY CHECK (position > 0),
    stream TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version >= 0),
    type TEXT NOT NULL,
    type_version INTEGER NOT NULL,
    at TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    header TEXT NOT NULL,
    public TEXT NOT NULL,
    sealed BLOB NOT NULL,
    chain BLOB NOT NULL,
    UNIQUE (stream, version)
) STRICT;
-- Which positions regard which thing, besides the stream's own: a customer's whole history is one indexed read.
CREATE TABLE crm_links (
    thing TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (thing, position)
) STRICT, WITHOUT ROWID;
-- Every command id ever carried out, with a keyed fingerprint of its content and where its events lie.
CREATE TABLE crm_commands (
    command_id TEXT PRIMARY KEY,
    fingerprint BLOB NOT NULL,
    thing TEXT NOT NULL,
    position INTEGER NOT NULL,
    events INTEGER NOT NULL,
    recorded_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
-- How far each follower has come.
CREATE TABLE crm_followers (
    name TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    detail TEXT NOT NULL
) STRICT;
CREATE TABLE crm_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TRIGGER crm_events_no_update BEFORE UPDATE ON crm_events BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER crm_events_no_delete BEFORE DELETE ON crm_events BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER crm_links_no_update BEFORE UPDATE ON crm_links BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER crm_links_no_delete BEFORE DELETE ON crm_links BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER crm_commands_no_update BEFORE UPDATE ON crm_commands BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER crm_commands_no_delete BEFORE DELETE ON crm_commands BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
