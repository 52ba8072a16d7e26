//! What differs between the databases, how to connect to them, and how a statement is sent.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use sessions_remote::{OpenError, OpenErrorKind, PERCENT_ENCODING, UrlOptions};
use sessions_store::SessionId;
use sqlx::error::DatabaseError;
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::Semaphore;
use url::Url;

use crate::failure::Verdict;
use crate::statements::{Columns, Statement, Statements};

/// A database that sessions can be kept in: [`Postgres`](crate::Postgres),
/// [`MySql`](crate::MySql) or [`Sqlite`](crate::Sqlite).
///
/// It is sealed: another one is an [`Engine`](sessions_remote::Engine) of its own.
pub trait Database: Driver {}

impl<D: Driver> Database for D {}

/// The connection of a driver.
pub(crate) type Connection<D> = <<D as Driver>::Sqlx as sqlx::Database>::Connection;

pub(crate) type ConnectOptions<D> = <Connection<D> as sqlx::Connection>::Options;

/// The private half of [`Database`].
pub trait Driver: fmt::Debug + Send + Sync + Sized + 'static {
    /// The database as sqlx knows it.
    type Sqlx: sqlx::Database;

    /// What keeps room on the disk for ending sessions, if that is up to the store.
    type Room: Send + Sync;

    /// The store's name for errors and events.
    const NAME: &'static str;

    const SCHEMES: &'static [&'static str];

    /// Options of a URL that other stores do not have.
    const OWN_OPTIONS: &'static [&'static str] = &[];

    /// Options of a URL that sqlx reads.
    const SQLX_OPTIONS: &'static [&'static str] = &[];

    /// The quotation mark of names.
    const QUOTE: char = '"';

    /// Its statements, each after a line with its name.
    const SQL: &'static str;

    /// Number of connections that a store opens by default.
    const CONNECTIONS: u32 = 10;

    /// Number of connections that may write at once.
    const WRITERS: usize = Semaphore::MAX_PERMITS;

    /// Returns how to connect to the database of a URL, given the part before its query.
    ///
    /// A try waits for a lock for as long as `patience`.
    fn connect_options(base: &str, query: &UrlOptions, _patience: Duration) -> Result<ConnectOptions<Self>, OpenError> {
        let invalid = || {
            let reason = "the URL is no URL of a database, or one of its options has a wrong value";
            OpenError::new(OpenErrorKind::Url, format!("{reason} {PERCENT_ENCODING}"))
        };
        let url = Url::parse(base).ok().filter(|url| url.fragment().is_none());
        let mut url = url.ok_or_else(invalid)?;
        for (name, value) in query.iter().filter(|(name, _)| Self::SQLX_OPTIONS.contains(name)) {
            if needs_tls(name, value) && !cfg!(feature = "tls") {
                return Err(OpenError::no_tls("sessions-sql"));
            }
            url.query_pairs_mut().append_pair(name, value);
        }
        // sqlx logs slow statements with their texts, which may contain values.
        let options = ConnectOptions::<Self>::from_url(&url).map_err(|_| invalid())?;
        Ok(options.disable_statement_logging())
    }

    /// Marks connections of the store, so that [`examine`](Self::examine) knows them again.
    fn marked(options: ConnectOptions<Self>, _: Origin) -> ConnectOptions<Self> {
        options
    }

    /// Returns what is wrong with a connection, if anything.
    ///
    /// Mends it if the store has made it.
    fn examine(
        connection: &mut Connection<Self>,
        _: Origin,
    ) -> impl Future<Output = sqlx::Result<Option<&'static str>>> + Send {
        async move { connection.ping().await.map(|()| None) }
    }

    /// Returns where the database is, for messages.
    fn place(options: &ConnectOptions<Self>) -> String;

    /// Sends a statement.
    fn send(
        connection: &mut Connection<Self>,
        statement: &Statement<'_>,
    ) -> impl Future<Output = sqlx::Result<Sent>> + Send;

    /// Returns what keeps room on the disk of a database that the store connects to.
    fn room(_: &ConnectOptions<Self>) -> Option<Self::Room> {
        None
    }

    /// Returns the maximum number of sessions that a sweep removes at once.
    fn sweep_limit(_: Option<&Self::Room>) -> usize {
        usize::MAX
    }

    /// Sends a statement that writes.
    ///
    /// If there is a `room`, a connection whose call was dropped must not be used again.
    fn write(
        connection: &mut Connection<Self>,
        statement: &Statement<'_>,
        _room: Option<&Self::Room>,
        _: Need,
    ) -> impl Future<Output = sqlx::Result<Sent>> + Send {
        Self::send(connection, statement)
    }

    /// Removes the sessions that a statement is about in one atomic step, and returns their ids.
    fn remove(
        connection: &mut Connection<Self>,
        _: &Statements,
        statement: &Statement<'_>,
        room: Option<&Self::Room>,
    ) -> impl Future<Output = sqlx::Result<Vec<SessionId>>> + Send {
        async move { Self::write(connection, statement, room, Need::End).await?.ids() }
    }

    /// Returns what an error of the database means.
    fn judge(error: &dyn DatabaseError) -> Verdict;
}

/// Where a connection comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The store makes it, and it may lead through no pooler.
    Direct,
    /// The store makes it, and the options say that it leads through a pooler in transaction mode.
    Pooled,
    /// The store makes it, and the options say that it leads through no such pooler.
    Declared,
    /// It is of the application's pool.
    Given,
}

/// What a write needs on a disk that is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Room for ending sessions, which there has to be.
    End,
    /// Room for the session of a user.
    User,
    /// Room for an anonymous session.
    Guest,
}

/// The answer to a statement.
#[derive(Debug, Default)]
pub struct Sent {
    pub(crate) rows: Vec<Columns>,
    /// Number of rows that were changed.
    pub(crate) affected: u64,
}

impl Sent {
    /// Returns the ids in the rows' first column.
    pub(crate) fn ids(&self) -> sqlx::Result<Vec<SessionId>> {
        let id = |row: &Columns| row.first()?.as_slice().try_into().ok().map(SessionId::from_bytes);
        let ids: Option<_> = self.rows.iter().map(id).collect();
        ids.ok_or_else(|| sqlx::Error::Decode("the id does not have 16 bytes".into()))
    }
}

/// Returns whether an option of a URL asks for TLS.
fn needs_tls(name: &str, value: &str) -> bool {
    const WITHOUT_TLS: [&str; 5] = ["disable", "disabled", "allow", "prefer", "preferred"];
    name.ends_with("mode") && !WITHOUT_TLS.contains(&&*value.to_lowercase())
}

/// Returns where a server is.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) fn address(host: &str, port: u16, socket: Option<&std::path::PathBuf>) -> String {
    socket.map_or_else(|| format!("{host}:{port}"), |socket| socket.display().to_string())
}

/// Writes [`Driver::send`].
///
/// It is the same text for each database, but with its types: sqlx's traits tie a value, a row and
/// a connection to one database each, and twenty bounds would say no more than this.
macro_rules! send_with_sqlx {
    () => {
        async fn send(
            connection: &mut $crate::driver::Connection<Self>,
            statement: &$crate::statements::Statement<'_>,
        ) -> sqlx::Result<$crate::driver::Sent> {
            use futures_util::TryStreamExt as _;
            use sqlx::{Either, Executor as _, Row as _};
            use $crate::statements::Value;

            let mut answer = if let Some(values) = statement.values {
                let query = sqlx::query::<Self::Sqlx>(&statement.text);
                connection.fetch_many(values.iter().fold(query, |query, value| match value {
                    Value::Bytes(bytes) => query.bind(*bytes),
                    Value::Nothing => query.bind(None::<&[u8]>),
                    Value::Number(number) => query.bind(*number),
                }))
            } else {
                connection.fetch_many(sqlx::raw_sql(&statement.text))
            };
            let mut sent = $crate::driver::Sent::default();
            while let Some(part) = answer.try_next().await? {
                match part {
                    Either::Left(result) => sent.affected += result.rows_affected(),
                    Either::Right(row) => {
                        let columns = (0..row.len()).map(|at| row.try_get(at));
                        sent.rows.push(columns.collect::<sqlx::Result<_>>()?);
                    }
                }
            }
            Ok(sent)
        }
    };
}

pub(crate) use send_with_sqlx;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_modes_need_tls() {
        for (option, is_needed) in [
            ("sslmode=require", true),
            ("sslmode=verify-full", true),
            ("ssl-mode=VERIFY_CA", true),
            ("sslmode=prefer", false),
            ("ssl-mode=DISABLED", false),
            ("sslrootcert=ca.pem", false),
        ] {
            let (name, value) = option.split_once('=').unwrap();
            assert_eq!(needs_tls(name, value), is_needed, "{option}");
        }
    }
}
