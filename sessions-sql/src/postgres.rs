//! PostgreSQL.

use sessions_remote::RemoteStore;
use sqlx::error::DatabaseError;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection, Executor, Row};

use crate::builder::SqlBuilder;
use crate::driver::{Driver, Origin, address, send_with_sqlx};
use crate::engine::Sql;
use crate::failure::Verdict;

/// Sessions in PostgreSQL.
pub type PostgresStore = RemoteStore<Sql<Postgres>>;

/// PostgreSQL 12 or newer, and what speaks its protocol and SQL.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Postgres;

impl SqlBuilder<Postgres> {
    /// Sets the schema of the table. By default, `search_path` decides.
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = Some(schema.into());
        self
    }

    /// Sets whether the store works behind PgBouncer or another pooler in transaction mode.
    ///
    /// With `true`, no statement is prepared: where each may run on another connection of the
    /// server, it might not be there when it is needed. The values are written into the statements
    /// instead, as hexadecimal digits. This costs no round trip, but about twice the server's CPU.
    ///
    /// With `false`, statements are prepared, also through a pooler: for one in session mode, or
    /// one that passes them on. By default, a connection through a pooler is refused, since it may
    /// run the statement of another client in place of ours.
    pub const fn pgbouncer(mut self, is_used: bool) -> Self {
        self.origin = if is_used { Origin::Pooled } else { Origin::Declared };
        self
    }
}

/// The value of `extra_float_digits` by which a connection is known again. No statement reads such
/// a number.
const MARK: i8 = -7;

const POOLED: &str = "a pooler sits between this store and the database: add `pgbouncer=true` to the URL, or \
                      `pgbouncer=false` if it is in session mode or passes prepared statements on";
const NOT_HEX: &str = "behind a pooler, `bytea_output` has to be `hex`: ALTER ROLE … SET bytea_output = hex";

impl Driver for Postgres {
    type Sqlx = sqlx::Postgres;
    type Room = ();

    const NAME: &'static str = "postgres";
    const SCHEMES: &'static [&'static str] = &["postgres://", "postgresql://"];
    const OWN_OPTIONS: &'static [&'static str] = &["schema", "pgbouncer"];
    const SQLX_OPTIONS: &'static [&'static str] =
        &["sslmode", "sslrootcert", "sslcert", "sslkey", "host", "application_name"];
    const SQL: &'static str = include_str!("sql/postgres.sql");

    fn marked(options: PgConnectOptions, origin: Origin) -> PgConnectOptions {
        options.extra_float_digits((origin == Origin::Direct).then_some(MARK))
    }

    /// Finds a pooler by a setting that it does not pass on to the connections that it shares.
    async fn examine(connection: &mut PgConnection, origin: Origin) -> sqlx::Result<Option<&'static str>> {
        let (setting, value, fault) = match origin {
            Origin::Direct => ("SHOW extra_float_digits", &*MARK.to_string(), POOLED),
            // sqlx reads bytes in no other format unless a statement is prepared.
            Origin::Pooled => ("SHOW bytea_output", "hex", NOT_HEX),
            Origin::Declared | Origin::Given => return connection.ping().await.map(|()| None),
        };
        let row = connection.fetch_one(sqlx::raw_sql(setting)).await?;
        Ok((row.try_get::<String, _>(0)? != value).then_some(fault))
    }

    send_with_sqlx!();

    fn place(options: &PgConnectOptions) -> String {
        address(options.get_host(), options.get_port(), options.get_socket())
    }

    fn judge(error: &dyn DatabaseError) -> Verdict {
        match &*error.code().unwrap_or_default() {
            // Serialization, deadlock, lock timeout, statement timeout, too many connections,
            // starting up.
            "40001" | "40P01" | "55P03" | "57014" | "53300" | "57P03" => Verdict::Again,
            // A prepared statement is missing, is there already, or has other parameters.
            "26000" | "42P05" => Verdict::Pooled,
            "08P01" if error.message().contains("prepared statement") => Verdict::Pooled,
            // The pooler does not know our mark.
            "08P01" if error.message().contains("extra_float_digits") => Verdict::Pooled,
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
