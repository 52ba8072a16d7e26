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
