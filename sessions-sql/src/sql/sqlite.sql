-- The statements of SQLite, each after its name. {table} stands for the table's quoted name.
-- Each value is in its text once, in order.

-- name: schema
-- The body is the last column, and comes last on a row's pages. A touch writes the first one only.
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
-- These fail if the indexes are of another table, such as one that was renamed.
SELECT id FROM {table} INDEXED BY {principal} WHERE principal = x'';
SELECT id FROM {table} INDEXED BY {sweep_from} WHERE sweep_from = 0;
COMMIT;

-- name: probe
SELECT id, head, body, principal FROM {table} WHERE expires_at < sweep_from AND id = ?

-- name: get
SELECT head, body FROM {table} WHERE id = ?

-- name: insert
INSERT INTO {table} (id, head, body, principal, expires_at, sweep_from)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO NOTHING

-- name: swap
UPDATE {table}
SET head = ?, body = ?, principal = ?, expires_at = ?, sweep_from = min(sweep_from, ?)
WHERE id = ? AND substring(head, 1, 16) = ?

-- name: swap_head
UPDATE {table}
SET head = ?, expires_at = ?, sweep_from = min(sweep_from, ?)
WHERE id = ? AND substring(head, 1, 16) = ?

-- name: delete
DELETE FROM {table} WHERE id = ?

-- name: of_principal
SELECT id, head, body FROM {table} WHERE principal = ? AND id > ? ORDER BY id LIMIT ?

-- name: count_of_principal
SELECT CAST(count(*) AS text) FROM {table} WHERE principal = ?

-- name: delete_of_principal
DELETE FROM {table} WHERE principal = ? AND id <> ? RETURNING id

-- name: page
SELECT id, head, body FROM {table} WHERE id > ? ORDER BY id LIMIT ?

-- name: count
SELECT CAST(count(*) AS text) FROM {table}

-- name: delete_all
DELETE FROM {table}

-- name: expired
-- What has expired by this process' clock and by the database's, so that one that is wrong removes no
-- live session. A value of a newer format is kept.
DELETE FROM {table} WHERE id IN (
    SELECT id FROM {table}
    WHERE sweep_from <= min(?, CAST(strftime('%s', 'now') AS integer) * 1000)
        AND expires_at <= min(?, CAST(strftime('%s', 'now') AS integer) * 1000)
        AND substring(head, 1, 1) <= ?
    ORDER BY sweep_from LIMIT ?
)
RETURNING id

-- name: moved
-- What has been seen since it was due.
UPDATE {table} SET sweep_from = expires_at WHERE id IN (
    SELECT id FROM {table}
    WHERE sweep_from <= min(?, CAST(strftime('%s', 'now') AS integer) * 1000)
        AND expires_at > min(?, CAST(strftime('%s', 'now') AS integer) * 1000)
    ORDER BY sweep_from LIMIT ?
)
