//! PostgreSQL.

use sessions_remote::RemoteStore;
use sqlx::error::DatabaseError;
use sqlx::postgres::PgConnectOptions;

use crate::builder::SqlBuilder;
use crate::connect::address;
use crate::driver::{Database, Driver, send_with_sqlx};
use crate::engine::Sql;
use crate::failure::Verdict;

/// Sessions in PostgreSQL.
pub type PostgresStore = RemoteStore<Sql<Postgres>>;

/// PostgreSQL 12 or newer, and what speaks its protocol and SQL.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Postgres;

impl Database for Postgres {}

impl SqlBuilder<Postgres> {
    /// Sets the schema of the table. By default, `search_path` decides.
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = Some(schema.into());
        self
    }

    /// Makes the store work behind PgBouncer and other poolers in transaction mode; off by default.
    ///
    /// No statement is prepared: where each may run on another connection of the server, it might
    /// not be there when it is needed. The values are written into the statements instead, as
    /// hexadecimal digits. This costs the server some CPU and sends twice the bytes, but takes no
    /// further round trip.
    pub const fn pgbouncer(mut self, is_used: bool) -> Self {
        self.is_literal = is_used;
        self
    }
}

impl Driver for Postgres {
    type Sqlx = sqlx::Postgres;
    type Room = ();

    const NAME: &'static str = "postgres";
    const SCHEMES: &'static [&'static str] = &["postgres://", "postgresql://"];
    const OWN_OPTIONS: &'static [&'static str] = &["schema", "pgbouncer"];
    const SQLX_OPTIONS: &'static [&'static str] =
        &["sslmode", "sslrootcert", "sslcert", "sslkey", "host", "application_name"];
    const HAS_QUESTION_MARKS: bool = false;
    const NOW: &'static str = "CAST(extract(epoch FROM now()) * 1000 AS bigint)";
    const TEXT_AND_BYTES: [&'static str; 2] = ["text", "bytea"];
    // A row that `due` has locked is its latest version, and stays so.
    const EXPIRED: &'static str = "WITH due AS ({due} FOR UPDATE SKIP LOCKED) \
        DELETE FROM {table} AS gone USING due WHERE gone.id = due.id RETURNING gone.id";
    const MOVED: &'static str = "WITH due AS ({due} FOR UPDATE SKIP LOCKED) \
        UPDATE {table} AS kept SET sweep_from = kept.expires_at FROM due WHERE kept.id = due.id";
    // Sent in one message, the statements are one transaction. The lock lets one server in at a
    // time: IF NOT EXISTS alone fails if two create the same table at once.
    const SCHEMA: &'static str = include_str!("sql/postgres.sql");

    send_with_sqlx!();

    fn place(options: &PgConnectOptions) -> String {
        address(options.get_host(), options.get_port(), options.get_socket())
    }

    fn judge(error: &dyn DatabaseError) -> Verdict {
        match &*error.code().unwrap_or_default() {
            // Serialization, deadlock, lock timeout, statement timeout, too many connections,
            // starting up.
            "40001" | "40P01" | "55P03" | "57014" | "53300" | "57P03" => Verdict::Again,
            "57P01" | "57P02" | "57P05" | "40003" => Verdict::Unknown,
            "53100" | "53200" => Verdict::Full,
            // No such table, column or schema.
            "42P01" | "42703" | "3F000" => Verdict::NoTable,
            "42501" => Verdict::Denied,
            "25006" => Verdict::ReadOnly,
            "28000" | "28P01" | "3D000" => Verdict::Login,
            code if code.starts_with("08") => Verdict::Unknown,
            _ => Verdict::Refused,
        }
    }
}
