//! PostgreSQL.

use sessions_core::SessionId;
use sessions_remote::RemoteStore;
use sqlx::error::DatabaseError;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Executor};

use crate::builder::{Limits, SqlBuilder};
use crate::driver::{Database, Driver, ids, send_with_sqlx};
use crate::engine::Sql;
use crate::error::OpenError;
use crate::failure::Verdict;
use crate::query::Query;
use crate::statements::{Dialect, Statements, Value};
use crate::table::Table;

/// Sessions in PostgreSQL.
pub type PostgresStore = RemoteStore<Sql<Postgres>>;

/// PostgreSQL 12 or newer, and what speaks its protocol and SQL.
#[derive(Debug)]
#[non_exhaustive]
pub struct Postgres;

impl Database for Postgres {}

impl SqlBuilder<Postgres> {
    /// Sets the schema of the table. By default, `search_path` decides.
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = Some(schema.into());
        self
    }

    /// Makes the store work behind PgBouncer and other poolers in transaction mode.
    ///
    /// No statement is prepared: where each may run on another connection of the server, it might
    /// not be there when it is needed. The values are written into the statements instead, as
    /// hexadecimal digits. This costs the server some CPU, but no round trip.
    pub const fn pgbouncer(mut self, is_used: bool) -> Self {
        self.is_literal = is_used;
        self
    }
}

/// Sent in one message, the statements are one transaction. The lock lets one server in at a time:
/// IF NOT EXISTS alone fails if two create the same table at once.
const SCHEMA: &str = "\
SELECT pg_advisory_xact_lock(7310579640141);
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
";

/// One slice of the sweep: what is due is locked, and then removed or moved on.
///
/// A locked row is its latest version, and stays so. The second column tells both kinds apart.
const SWEEP: &str = "\
WITH due AS (
    SELECT id, expires_at FROM {table} WHERE sweep_from <= $1 AND substring(head, 1, 1) <= $2
    ORDER BY sweep_from LIMIT $3 FOR UPDATE SKIP LOCKED
), moved AS (
    UPDATE {table} AS kept SET sweep_from = kept.expires_at FROM due
    WHERE kept.id = due.id AND due.expires_at > $4 RETURNING kept.id
), removed AS (
    DELETE FROM {table} AS gone USING due
    WHERE gone.id = due.id AND due.expires_at <= $5 RETURNING gone.id
)
SELECT id, 'removed'::bytea FROM removed UNION ALL SELECT id, 'moved'::bytea FROM moved";

impl Driver for Postgres {
    type Sqlx = sqlx::Postgres;

    const NAME: &'static str = "postgres";
    const SCHEMES: &'static [&'static str] = &["postgres://", "postgresql://"];
    const URL_OPTIONS: &'static [&'static str] =
        &["schema", "pgbouncer", "sslmode", "sslrootcert", "sslcert", "sslkey", "host", "application_name"];
    const CONNECTIONS: u32 = 10;
    const DIALECT: Dialect = Dialect {
        least: "least",
        quote: '"',
        has_question_marks: false,
        or_nothing: "ON CONFLICT (id) DO NOTHING",
        of_principal: "DELETE FROM {table} WHERE principal = $1 AND id <> $2 RETURNING id",
        expired: SWEEP,
        moved: "",
    };

    fn connect_options(base: &str, query: &Query<'_>, _: &Limits) -> Result<PgConnectOptions, OpenError> {
        let url = query.for_sqlx(base, &Self::URL_OPTIONS[2..])?;
        let options = PgConnectOptions::from_url(&url).map_err(|_| OpenError::url("the URL has an invalid option"))?;
        Ok(options.disable_statement_logging())
    }

    fn schema(table: &Table) -> String {
        let schema = SCHEMA.replace("{table}", &table.quoted());
        schema.replace("{principal}", &table.index("principal")).replace("{sweep_from}", &table.index("sweep_from"))
    }

    send_with_sqlx!();

    async fn create_table(connection: &mut PgConnection, schema: &str) -> sqlx::Result<()> {
        connection.execute(sqlx::raw_sql(schema)).await.map(drop)
    }

    async fn delete_of_principal(
        connection: &mut PgConnection,
        statements: &Statements,
        principal: &[u8],
        except: &[u8],
    ) -> sqlx::Result<Vec<SessionId>> {
        let values = [Value::Bytes(principal), Value::Bytes(except)];
        ids(&Self::rows(connection, &statements.with(&statements.delete_of_principal, &values)).await?)
    }

    async fn sweep(
        connection: &mut PgConnection,
        statements: &Statements,
        limit: i64,
        now: i64,
    ) -> sqlx::Result<Vec<SessionId>> {
        let now = Value::Number(now);
        let values = [now, Value::Bytes(&[1]), Value::Number(limit), now, now];
        loop {
            let mut rows = Self::rows(connection, &statements.with(&statements.expired, &values)).await?;
            let is_last = rows.len() < usize::try_from(limit).unwrap_or(usize::MAX) || rows.is_empty();
            rows.retain(|row| row[1] == b"removed");
            // If all that were due have been seen since, others may be due behind them.
            if is_last || !rows.is_empty() {
                return ids(&rows);
            }
        }
    }

    fn judge(error: &dyn DatabaseError) -> Verdict {
        match &*error.code().unwrap_or_default() {
            // Serialization, deadlock, lock timeout, statement timeout, too many connections,
            // starting up.
            "40001" | "40P01" | "55P03" | "57014" | "53300" | "57P03" => Verdict::Again,
            "57P01" | "57P02" | "57P05" => Verdict::Unknown,
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
