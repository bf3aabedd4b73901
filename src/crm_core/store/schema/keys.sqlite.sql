-- One key for each person; a row without a key is a tombstone: forgotten, never minted again.
CREATE TABLE IF NOT EXISTS crm_keys (subject TEXT PRIMARY KEY, key BLOB, erased_at TEXT) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS crm_secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
