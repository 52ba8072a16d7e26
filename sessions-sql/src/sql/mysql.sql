-- The statements of MySQL and MariaDB, each after its name. {table} stands for the table's quoted name.
-- Each value is in its text once, in order.

-- name: schema
-- An index may not be partial here.
CREATE TABLE IF NOT EXISTS {table} (
    id BINARY(16) NOT NULL PRIMARY KEY,
    head VARBINARY(255) NOT NULL,
    body LONGBLOB NOT NULL,
    principal BINARY(16),
    expires_at BIGINT NOT NULL,
    sweep_from BIGINT NOT NULL,
    INDEX {principal} (principal),
    INDEX {sweep_from} (sweep_from)
) ENGINE = InnoDB;

-- name: probe
SELECT id, head, body, principal FROM {table} WHERE expires_at < sweep_from AND id = ?

-- name: get
SELECT head, body FROM {table} WHERE id = ?

-- name: insert
-- A row of the same id is an error, and told apart from others by its number.
INSERT INTO {table} (id, head, body, principal, expires_at, sweep_from)
VALUES (?, ?, ?, ?, ?, ?)

-- name: swap
UPDATE {table}
SET head = ?, body = ?, principal = ?, expires_at = ?, sweep_from = least(sweep_from, ?)
WHERE id = ? AND substring(head, 1, 16) = ?

-- name: swap_head
UPDATE {table}
SET head = ?, expires_at = ?, sweep_from = least(sweep_from, ?)
WHERE id = ? AND substring(head, 1, 16) = ?

-- name: delete
DELETE FROM {table} WHERE id = ?

-- name: of_principal
SELECT id, head, body FROM {table} WHERE principal = ? AND id > ? ORDER BY id LIMIT ?

-- name: count_of_principal
SELECT CAST(count(*) AS char) FROM {table} WHERE principal = ?

-- name: delete_of_principal
-- DELETE returns nothing here. What is selected and locked is removed by `delete`.
-- Without a limit, that of sql_select_limit applies.
SELECT id FROM {table} WHERE principal = ? AND id <> ? LIMIT 9223372036854775807 FOR UPDATE

-- name: page
SELECT id, head, body FROM {table} WHERE id > ? ORDER BY id LIMIT ?

-- name: count
SELECT CAST(count(*) AS char) FROM {table}

-- name: delete_all
DELETE FROM {table}

-- name: expired
-- What has expired by this process' clock and by the database's, so that one that is wrong removes no
-- live session. A value of a newer format is kept.
-- What is selected and locked is removed by `delete`.
SELECT id FROM {table}
WHERE sweep_from <= least(?, CAST(unix_timestamp() * 1000 AS signed))
    AND expires_at <= least(?, CAST(unix_timestamp() * 1000 AS signed))
    AND substring(head, 1, 1) <= ?
ORDER BY sweep_from LIMIT ?
FOR UPDATE SKIP LOCKED

-- name: moved
-- What has been seen since it was due.
UPDATE {table} AS kept JOIN (
    SELECT id FROM {table}
    WHERE sweep_from <= least(?, CAST(unix_timestamp() * 1000 AS signed))
        AND expires_at > least(?, CAST(unix_timestamp() * 1000 AS signed))
    ORDER BY sweep_from LIMIT ?
) AS due ON kept.id = due.id
SET kept.sweep_from = kept.expires_at
