//! MySQL and MariaDB.

use std::fmt::Write;

use sessions_core::SessionId;
use sessions_remote::RemoteStore;
use sqlx::error::DatabaseError;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlDatabaseError};
use sqlx::{ConnectOptions, Connection, Executor};

use crate::builder::Limits;
use crate::driver::{Database, Driver, ids, send_with_sqlx};
use crate::engine::Sql;
use crate::error::OpenError;
use crate::failure::Verdict;
use crate::query::Query;
use crate::statements::{Dialect, Statement, Statements, Value, hex};
use crate::table::Table;

/// Sessions in MySQL or MariaDB.
pub type MySqlStore = RemoteStore<Sql<MySql>>;

/// MySQL 8.0 or MariaDB 10.6, or newer.
#[derive(Debug)]
#[non_exhaustive]
pub struct MySql;

impl Database for MySql {}

/// An index may not be partial here.
const SCHEMA: &str = "\
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
";

impl Driver for MySql {
    type Sqlx = sqlx::MySql;

    const NAME: &'static str = "mysql";
    const SCHEMES: &'static [&'static str] = &["mysql://", "mariadb://"];
    const URL_OPTIONS: &'static [&'static str] = &["ssl-mode", "ssl-ca", "ssl-cert", "ssl-key", "socket"];
    const CONNECTIONS: u32 = 10;
    const DIALECT: Dialect = Dialect {
        least: "least",
        quote: '`',
        has_question_marks: true,
        // A row of the same id is an error, and told apart from others by its number.
        or_nothing: "",
        of_principal: "SELECT id FROM {table} WHERE principal = $1 AND id <> $2 FOR UPDATE",
        expired: "SELECT id FROM {table} WHERE sweep_from <= $1 AND expires_at <= $2 AND substring(head, 1, 1) <= $3 \
                  ORDER BY sweep_from LIMIT $4 FOR UPDATE SKIP LOCKED",
        moved: "UPDATE {table} SET sweep_from = expires_at WHERE sweep_from <= $1 AND expires_at > $2 \
                ORDER BY sweep_from LIMIT $3",
    };

    fn connect_options(base: &str, query: &Query<'_>, _: &Limits) -> Result<MySqlConnectOptions, OpenError> {
        let url = query.for_sqlx(base, Self::URL_OPTIONS)?;
        let options =
            MySqlConnectOptions::from_url(&url).map_err(|_| OpenError::url("the URL has an invalid option"))?;
        Ok(options.disable_statement_logging())
    }

    fn schema(table: &Table) -> String {
        let schema = SCHEMA.replace("{table}", &table.quoted());
        schema.replace("{principal}", &table.index("principal")).replace("{sweep_from}", &table.index("sweep_from"))
    }

    send_with_sqlx!();

    async fn create_table(connection: &mut MySqlConnection, schema: &str) -> sqlx::Result<()> {
        connection.execute(sqlx::raw_sql(schema)).await.map(drop)
    }

    async fn delete_of_principal(
        connection: &mut MySqlConnection,
        statements: &Statements,
        principal: &[u8],
        except: &[u8],
    ) -> sqlx::Result<Vec<SessionId>> {
        let values = [Value::Bytes(principal), Value::Bytes(except)];
        let selected = statements.with(&statements.delete_of_principal, &values);
        delete_selected(connection, statements, &selected).await
    }

    async fn sweep(
        connection: &mut MySqlConnection,
        statements: &Statements,
        limit: i64,
        now: i64,
    ) -> sqlx::Result<Vec<SessionId>> {
        let (now, most) = (Value::Number(now), Value::Number(limit));
        loop {
            let moved = Self::affected(connection, &statements.with(&statements.moved, &[now, now, most])).await?;
            let values = [now, now, Value::Bytes(&[1]), most];
            let ended = delete_selected(connection, statements, &statements.with(&statements.expired, &values)).await?;
            if !ended.is_empty() || i64::try_from(moved).is_ok_and(|moved| moved < limit) || limit <= 0 {
                return Ok(ended);
            }
        }
    }

    fn judge(error: &dyn DatabaseError) -> Verdict {
        match error.try_downcast_ref::<MySqlDatabaseError>().map_or(0, MySqlDatabaseError::number) {
            // Deadlock, lock timeout, a changed snapshot, statement timeouts, too many connections.
            1213 | 1205 | 1020 | 1969 | 3024 | 1040 | 1203 => Verdict::Again,
            // Shutdown, interrupted, killed.
            1053 | 1317 | 1927 | 4031 => Verdict::Unknown,
            1021 | 1114 | 1041 | 1038 => Verdict::Full,
            // No such table or column.
            1146 | 1054 => Verdict::NoTable,
            1142 | 1143 | 1227 | 1370 => Verdict::Denied,
            1290 | 1792 | 1836 => Verdict::ReadOnly,
            1044 | 1045 | 1049 | 1698 => Verdict::Login,
            _ => Verdict::Refused,
        }
    }
}

/// Removes rows that a statement selects and locks, and returns their ids.
///
/// MySQL's DELETE returns nothing. The default isolation would also lock the gaps between rows,
/// in which others are about to create sessions.
async fn delete_selected(
    connection: &mut MySqlConnection,
    statements: &Statements,
    selected: &Statement<'_>,
) -> sqlx::Result<Vec<SessionId>> {
    connection.execute(sqlx::raw_sql("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")).await?;
    let mut transaction = connection.begin().await?;
    let ids = ids(&MySql::rows(&mut transaction, selected).await?)?;
    for slice in ids.chunks(1000) {
        let mut text = statements.delete_ids.to_string();
        for (at, id) in slice.iter().enumerate() {
            // A string takes all text.
            let _ = write!(text, "{}x'{}'", if at == 0 { '(' } else { ',' }, hex(id.as_bytes()));
        }
        text.push(')');
        transaction.execute(sqlx::raw_sql(&text)).await?;
    }
    transaction.commit().await?;
    Ok(ids)
}
