-- One key for each person; a row without a key is a tombstone: forgotten, never minted again.
CREATE TABLE IF NOT EXISTS crm_keys (subject uuid PRIMARY KEY, key bytea, erased_at text);
CREATE TABLE IF NOT EXISTS crm_secrets (name text PRIMARY KEY, value bytea NOT NULL);
