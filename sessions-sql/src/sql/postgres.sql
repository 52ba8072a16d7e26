DO 'BEGIN PERFORM pg_advisory_xact_lock(7310579640141); END';
CREATE TABLE IF NOT EXISTS {table} (
    id bytea PRIMARY KEY,
    head bytea NOT NULL,
    body bytea NOT NULL,
    principal bytea,
    expires_at bigint NOT NULL,
    sweep_from bigint NOT NULL
) WITH (fillfactor = 90);
ALTER TABLE {table} ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX IF NOT EXISTS {principal} ON {table} (principal) WHERE principal IS NOT NULL;
CREATE INDEX IF NOT EXISTS {sweep_from} ON {table} (sweep_from);
