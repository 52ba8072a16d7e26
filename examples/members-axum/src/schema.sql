-- Runs at each start. The lock lets one server in at a time: IF NOT EXISTS alone fails if two create
-- the same table at once.
SELECT pg_advisory_xact_lock(2710057433);

CREATE TABLE IF NOT EXISTS users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    -- NULL for those who sign in elsewhere only.
    password_hash text,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX IF NOT EXISTS users_name ON users (lower(name));

-- Accounts elsewhere, by which a user signs in.
CREATE TABLE IF NOT EXISTS identities (
    issuer text NOT NULL,
    subject text NOT NULL,
    user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    PRIMARY KEY (issuer, subject)
);
