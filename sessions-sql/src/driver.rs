//! What differs between the databases, and how a statement is sent to each.

use std::fmt;
use std::future::Future;

use sessions_core::SessionId;
use sqlx::error::DatabaseError;
use sqlx::pool::PoolOptions;

use crate::builder::Limits;
use crate::error::OpenError;
use crate::failure::Verdict;
use crate::query::Query;
use crate::statements::{Columns, Dialect, Statement, Statements};
use crate::table::Table;

/// A database that sessions can be kept in: [`Postgres`](crate::Postgres),
/// [`MySql`](crate::MySql) or [`Sqlite`](crate::Sqlite).
///
/// It is sealed: another one is an [`Engine`](sessions_remote::Engine) of its own.
pub trait Database: Driver {}

/// The connection of a driver.
pub(crate) type Connection<D> = <<D as Driver>::Sqlx as sqlx::Database>::Connection;

type ConnectOptions<D> = <Connection<D> as sqlx::Connection>::Options;

/// The private half of [`Database`].
pub trait Driver: fmt::Debug + Send + Sync + 'static {
    /// The database as sqlx knows it.
    type Sqlx: sqlx::Database;

    /// The store's name for errors and events.
    const NAME: &'static str;

    /// Schemes of URLs, the first of them for error messages.
    const SCHEMES: &'static [&'static str];

    /// Options of a URL that are passed on to sqlx.
    const URL_OPTIONS: &'static [&'static str];

    /// How the statements are written.
    const DIALECT: Dialect;

    /// Number of connections that a store opens by default.
    const CONNECTIONS: u32;

    /// Whether one connection at a time should write.
    const ONE_WRITER: bool = false;

    /// Returns how to connect to the database of a URL, without its query.
    fn connect_options(base: &str, query: &Query<'_>, limits: &Limits) -> Result<ConnectOptions<Self>, OpenError>
    where
        Self: Sized;

    /// Sets what a pool of our own needs beyond the common options.
    fn pool_options(options: PoolOptions<Self::Sqlx>) -> PoolOptions<Self::Sqlx> {
        options
    }

    /// Returns the statements that create the table.
    fn schema(table: &Table) -> String;

    /// Sends a statement and returns its rows.
    fn rows(
        connection: &mut Connection<Self>,
        statement: &Statement<'_>,
    ) -> impl Future<Output = sqlx::Result<Vec<Columns>>> + Send
    where
        Self: Sized;

    /// Sends a statement and returns the number of rows that it changed.
    fn affected(
        connection: &mut Connection<Self>,
        statement: &Statement<'_>,
    ) -> impl Future<Output = sqlx::Result<u64>> + Send
    where
        Self: Sized;

    /// Sends a statement and returns the number that it selects.
    fn number(
        connection: &mut Connection<Self>,
        statement: &Statement<'_>,
    ) -> impl Future<Output = sqlx::Result<i64>> + Send
    where
        Self: Sized;

    /// Creates the table.
    fn create_table(connection: &mut Connection<Self>, schema: &str) -> impl Future<Output = sqlx::Result<()>> + Send
    where
        Self: Sized;

    /// Removes the sessions of a principal in one atomic step, and returns their ids.
    fn delete_of_principal(
        connection: &mut Connection<Self>,
        statements: &Statements,
        principal: &[u8],
        except: &[u8],
    ) -> impl Future<Output = sqlx::Result<Vec<SessionId>>> + Send
    where
        Self: Sized;

    /// Removes at most `limit` sessions that have expired, and returns their ids.
    fn sweep(
        connection: &mut Connection<Self>,
        statements: &Statements,
        limit: i64,
        now: i64,
    ) -> impl Future<Output = sqlx::Result<Vec<SessionId>>> + Send
    where
        Self: Sized;

    /// Returns what an error of the database means.
    fn judge(error: &dyn DatabaseError) -> Verdict;
}

/// Returns the id in a row's first column.
pub(crate) fn id(row: &Columns) -> sqlx::Result<SessionId> {
    let bytes = row.first().and_then(|bytes| bytes.as_slice().try_into().ok());
    bytes.map(SessionId::from_bytes).ok_or_else(|| sqlx::Error::Decode("an id has 16 bytes".into()))
}

pub(crate) fn ids(rows: &[Columns]) -> sqlx::Result<Vec<SessionId>> {
    rows.iter().map(id).collect()
}

/// Writes the functions of [`Driver`] that send a statement.
///
/// They are the same text for each database, but with its types: sqlx's traits tie a value, a row
/// and a connection to one database each, and twenty bounds would say no more than this.
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
macro_rules! send_with_sqlx {
    () => {
        async fn rows(
            connection: &mut $crate::driver::Connection<Self>,
            statement: &$crate::statements::Statement<'_>,
        ) -> sqlx::Result<Vec<$crate::statements::Columns>> {
            use sqlx::{Executor as _, Row as _};
            let rows = match &statement.literal {
                Some(text) => connection.fetch_all(sqlx::raw_sql(text)).await?,
                None => connection.fetch_all($crate::driver::bound!(statement)).await?,
            };
            rows.iter().map(|row| (0..row.len()).map(|at| row.try_get(at)).collect()).collect()
        }

        async fn affected(
            connection: &mut $crate::driver::Connection<Self>,
            statement: &$crate::statements::Statement<'_>,
        ) -> sqlx::Result<u64> {
            use sqlx::Executor as _;
            let result = match &statement.literal {
                Some(text) => connection.execute(sqlx::raw_sql(text)).await?,
                None => connection.execute($crate::driver::bound!(statement)).await?,
            };
            Ok(result.rows_affected())
        }

        async fn number(
            connection: &mut $crate::driver::Connection<Self>,
            statement: &$crate::statements::Statement<'_>,
        ) -> sqlx::Result<i64> {
            use sqlx::{Executor as _, Row as _};
            let row = match &statement.literal {
                Some(text) => connection.fetch_one(sqlx::raw_sql(text)).await?,
                None => connection.fetch_one($crate::driver::bound!(statement)).await?,
            };
            row.try_get(0)
        }
    };
}

/// Binds the values of a statement.
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
macro_rules! bound {
    ($statement:expr) => {{
        let mut query = sqlx::query::<Self::Sqlx>($statement.text);
        for value in $statement.values {
            query = match value {
                $crate::statements::Value::Bytes(bytes) => query.bind(*bytes),
                $crate::statements::Value::Nothing => query.bind(None::<&[u8]>),
                $crate::statements::Value::Number(number) => query.bind(*number),
            };
        }
        query
    }};
}

#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
pub(crate) use {bound, send_with_sqlx};
