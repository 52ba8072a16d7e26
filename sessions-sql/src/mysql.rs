//! MySQL and MariaDB.

use sessions_remote::RemoteStore;
use sessions_store::SessionId;
use sqlx::error::DatabaseError;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlDatabaseError};
use sqlx::{Connection, Executor, Row};

use crate::driver::{Driver, Origin, address, send_with_sqlx};
use crate::engine::Sql;
use crate::failure::Verdict;
use crate::statements::{Statement, Statements, Value};

/// Sessions in MySQL or MariaDB.
pub type MySqlStore = RemoteStore<Sql<MySql>>;

/// What a connection of the store needs, whatever the server's settings say. The mode is as strict
/// as MySQL's default.
const SETTINGS: &str = "SET autocommit = 1, completion_type = 0, sql_safe_updates = 0, \
                        sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'";
const UNUSUAL: &str = "in the pool's connections autocommit is off, `completion_type` is CHAIN, or `sql_mode` has \
                       EMPTY_STRING_IS_NULL, so that commits would not last, or logouts end nothing: \
                       reset them in the pool's `after_connect`, or open the store with a URL";

/// MySQL 8.0 or MariaDB 10.6, or newer.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct MySql;

impl Driver for MySql {
    type Sqlx = sqlx::MySql;
    type Room = ();

    const NAME: &'static str = "mysql";
    const SCHEMES: &'static [&'static str] = &["mysql://", "mariadb://"];
    const SQLX_OPTIONS: &'static [&'static str] = &["ssl-mode", "ssl-ca", "ssl-cert", "ssl-key", "socket"];
    const QUOTE: char = '`';
    const SQL: &'static str = include_str!("sql/mysql.sql");

    send_with_sqlx!();

    /// Without autocommit, a commit would be neither durable nor seen by others, and a read be old.
    /// A chained COMMIT begins such a transaction again. As NULL, no bytes are unequal to any id.
    async fn examine(connection: &mut MySqlConnection, origin: Origin) -> sqlx::Result<Option<&'static str>> {
        if origin != Origin::Given {
            return connection.execute(sqlx::raw_sql(SETTINGS)).await.map(|_| None);
        }
        let settings = "SELECT @@autocommit = 1 AND @@completion_type <> 'CHAIN' AND '' IS NOT NULL";
        let row = connection.fetch_one(sqlx::raw_sql(settings)).await?;
        Ok((row.try_get::<i64, _>(0)? != 1).then_some(UNUSUAL))
    }

    fn place(options: &MySqlConnectOptions) -> String {
        address(options.get_host(), options.get_port(), options.get_socket())
    }

    /// Removes the rows that a statement selects and locks.
    ///
    /// MySQL's DELETE returns nothing. The default isolation would also lock the gaps between rows,
    /// in which others are about to create sessions.
    async fn remove(
        connection: &mut MySqlConnection,
        statements: &Statements,
        selected: &Statement<'_>,
        _: Option<&()>,
    ) -> sqlx::Result<Vec<SessionId>> {
        connection.execute(sqlx::raw_sql("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")).await?;
        let mut transaction = connection.begin().await?;
        let ids = Self::send(&mut transaction, selected).await?.ids()?;
        for id in &ids {
            let values = [Value::Bytes(id.as_bytes())];
            Self::send(&mut transaction, &statements.with(&statements.delete, &values)).await?;
        }
        transaction.commit().await?;
        Ok(ids)
    }

    fn judge(error: &dyn DatabaseError) -> Verdict {
        match error.try_downcast_ref::<MySqlDatabaseError>().map_or(0, MySqlDatabaseError::number) {
            // Deadlock, lock timeout, a changed snapshot, statement timeouts, too many connections,
            // a statement to prepare again, a node that is not ready, a conflict of two nodes.
            1213 | 1205 | 1020 | 1969 | 3024 | 1040 | 1203 | 1615 | 1047 | 3101 => Verdict::Again,
            // Shutdown, interrupted, killed.
            1053 | 1317 | 1927 | 4031 => Verdict::Unknown,
            1021 | 1114 | 1041 | 1038 => Verdict::Full,
            // No such table or column.
            1146 | 1054 => Verdict::NoTable,
            1142 | 1143 | 1227 | 1370 => Verdict::Denied,
            1290 | 1792 | 1836 => Verdict::ReadOnly,
            1665 => Verdict::StatementLog,
            1044 | 1045 | 1049 | 1698 => Verdict::Login,
            _ => Verdict::Refused,
        }
    }
}
