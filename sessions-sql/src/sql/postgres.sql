-- The statements of PostgreSQL, each after its name. {table} stands for the table's quoted name.
-- Each value is in its text once, in order.

-- name: schema
-- One statement, and so one transaction. The lock lets one server in at a time: IF NOT EXISTS alone
-- fails if two create the same table at once. The indexes get free names: those of a table that was
-- renamed keep theirs. The query of pg_class sees what another server has just created, but not in a
-- transaction that is isolated from it. The last statement fails on a table of another program.
DO 'BEGIN
    PERFORM pg_advisory_xact_lock(7310579640141);
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid = to_regclass(''{table}'')) THEN BEGIN
        CREATE TABLE {table} (
            id bytea PRIMARY KEY,
            head bytea NOT NULL,
            body bytea NOT NULL,
            principal bytea,
            expires_at bigint NOT NULL,
            sweep_from bigint NOT NULL
        ) WITH (fillfactor = 90);
        ALTER TABLE {table} ALTER COLUMN body SET STORAGE EXTERNAL;
        CREATE INDEX ON {table} (principal) WHERE principal IS NOT NULL;
        CREATE INDEX ON {table} (sweep_from);
    EXCEPTION WHEN duplicate_table THEN NULL;
    END; END IF;
    PERFORM id, head, body, principal, expires_at, sweep_from FROM {table} LIMIT 0;
END';

-- name: probe
SELECT id, head, body, principal FROM {table} WHERE expires_at < sweep_from AND id = $1

-- name: get
SELECT head, body FROM {table} WHERE id = $1

-- name: insert
INSERT INTO {table} (id, head, body, principal, expires_at, sweep_from)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (id) DO NOTHING

-- name: swap
UPDATE {table}
SET head = $1, body = $2, principal = $3, expires_at = $4, sweep_from = least(sweep_from, $5)
WHERE id = $6 AND substring(head, 1, 16) = $7

-- name: swap_head
UPDATE {table}
SET head = $1, expires_at = $2, sweep_from = least(sweep_from, $3)
WHERE id = $4 AND substring(head, 1, 16) = $5

-- name: delete
DELETE FROM {table} WHERE id = $1

-- name: of_principal
SELECT id, head, body FROM {table} WHERE principal = $1 AND id > $2 ORDER BY id LIMIT $3

-- name: count_of_principal
SELECT CAST(CAST(count(*) AS text) AS bytea) FROM {table} WHERE principal = $1

-- name: delete_of_principal
DELETE FROM {table} WHERE principal = $1 AND id <> $2 RETURNING id

-- name: page
SELECT id, head, body FROM {table} WHERE id > $1 ORDER BY id LIMIT $2

-- name: count
SELECT CAST(CAST(count(*) AS text) AS bytea) FROM {table}

-- name: delete_all
DELETE FROM {table}

-- name: expired
-- What has expired by this process' clock and by the database's, so that one that is wrong removes no
-- live session. A value of a newer format is kept.
-- A row that `due` has locked is its latest version, and stays so.
WITH due AS (
    SELECT id FROM {table}
    WHERE sweep_from <= least($1, CAST(extract(epoch FROM now()) * 1000 AS bigint))
        AND expires_at <= least($2, CAST(extract(epoch FROM now()) * 1000 AS bigint))
        AND substring(head, 1, 1) <= $3
    ORDER BY sweep_from LIMIT $4
    FOR UPDATE SKIP LOCKED
)
DELETE FROM {table} AS gone USING due WHERE gone.id = due.id RETURNING gone.id

-- name: moved
-- What has been seen since it was due.
WITH due AS (
    SELECT id FROM {table}
    WHERE sweep_from <= least($1, CAST(extract(epoch FROM now()) * 1000 AS bigint))
        AND expires_at > least($2, CAST(extract(epoch FROM now()) * 1000 AS bigint))
    ORDER BY sweep_from LIMIT $3
    FOR UPDATE SKIP LOCKED
)
UPDATE {table} AS kept SET sweep_from = kept.expires_at FROM due WHERE kept.id = due.id
