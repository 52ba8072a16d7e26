BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS {table} (
    id BLOB NOT NULL PRIMARY KEY,
    head BLOB NOT NULL,
    principal BLOB,
    expires_at INTEGER NOT NULL,
    sweep_from INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS {principal} ON {table} (principal) WHERE principal IS NOT NULL;
CREATE INDEX IF NOT EXISTS {sweep_from} ON {table} (sweep_from);
COMMIT;
