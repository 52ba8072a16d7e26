//! What an error means for the call that it ended, without what was sent.

use std::borrow::Cow;
use std::io;

use sessions_remote::Failure;
use sqlx::Error;

use crate::driver::Driver;
use crate::table::Table;

/// What an error means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing was done, and another try may succeed.
    Again,
    /// It may have been done.
    Unknown,
    /// The database has no room.
    Full,
    NoTable,
    /// The role may not do it.
    Denied,
    /// The process may not open the file.
    NoAccess,
    /// The file is damaged, or is something else.
    Damaged,
    ReadOnly,
    /// A pooler is in between that prepared statements do not pass.
    Pooled,
    /// The server's log of changes takes statements only.
    StatementLog,
    /// A row is no session.
    Unreadable,
    /// The user, the password or the database of the URL is wrong.
    Login,
    /// Nothing was done, for another reason.
    Refused,
}

/// What messages are about.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) table: Table,
    /// The kind of the database, and where it is.
    pub(crate) database: String,
}

const DENIED: &str = "refuses: the role needs SELECT, INSERT, UPDATE and DELETE on the table {table}; if it may not create \
                      the table, run `schema_sql()` as a role that may, then grant these";
const NO_CONNECTION: &str = "gave no connection in time: can it be reached, and is `max_connections` high enough?";

/// Returns what the error of a statement that was sent means.
pub(crate) fn verdict<D: Driver>(error: &Error) -> Verdict {
    match error {
        Error::Database(error) => D::judge(&**error),
        Error::Io(error) if error.kind() == io::ErrorKind::StorageFull => Verdict::Full,
        Error::ColumnDecode { .. } | Error::Decode(_) | Error::ColumnIndexOutOfBounds { .. } => Verdict::Unreadable,
        _ => Verdict::Unknown,
    }
}

/// Converts the error of a statement that was sent.
pub(crate) fn of_sent<D: Driver>(error: &Error, place: &Place) -> Failure {
    let refusal = match verdict::<D>(error) {
        Verdict::Again => return Failure::unreached(described(error, place, "asks to try again")),
        Verdict::Unknown => return Failure::lost(described(error, place, "failed before it answered")),
        Verdict::Full => return Failure::full(described(error, place, "has no room")),
        Verdict::Unreadable => return Failure::unreadable(format!("a row of {} is no session", place.table.shown())),
        Verdict::NoTable => "lacks the table {table} or an index: run `migrate()`, or set another `table` if taken",
        Verdict::Denied => DENIED,
        Verdict::NoAccess => "cannot be opened: is the file there, and may this process write to it and its folder?",
        Verdict::Damaged => "is damaged, or the file is something else: use another path, or restore a backup",
        Verdict::ReadOnly => "is read-only, and so is {table}: connect to the primary, or make the file writable",
        Verdict::Pooled => "is behind a pooler in transaction mode: open the store with `pgbouncer=true`",
        Verdict::StatementLog => "cannot end several sessions at once: set `binlog_format` to ROW or MIXED",
        Verdict::Login => "refuses the user, the password or the database",
        Verdict::Refused => "refuses a statement on {table}",
    };
    Failure::refused(described(error, place, &refusal.replace("{table}", &place.table.shown())))
}

/// Converts an error of connecting. Nothing was sent.
pub(crate) fn of_connecting<D: Driver>(error: &Error, place: &Place) -> Failure {
    let unreachable = || format!("the {} cannot be reached: {error}", place.database);
    match error {
        Error::Database(answer) => match D::judge(&**answer) {
            Verdict::Again | Verdict::Unknown => Failure::unreached(described(error, place, "does not let us in yet")),
            // It answers to what was sent so far: the name of a user, of a database.
            Verdict::Login => Failure::refused(described(error, place, &format!("refuses: {}", answer.message()))),
            _ => of_sent::<D>(error, place),
        },
        // What the TLS library does not accept.
        Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => Failure::refused(format!(
            "the {} has no certificate that is accepted ({error}): name that of its authority in the URL, as \
             `sslrootcert` (PostgreSQL) or `ssl-ca` (MySQL)",
            place.database
        )),
        Error::PoolTimedOut => Failure::unreached(described(error, place, NO_CONNECTION)),
        Error::PoolClosed => Failure::refused("the application has closed the pool"),
        Error::Configuration(_) => Failure::refused(unreachable()),
        Error::Io(_) => Failure::unreached(described(error, place, "cannot be reached")),
        // TLS, or a connection that is lost half-way.
        _ => Failure::unreached(unreachable()),
    }
}

/// Names an error by its code. Its own message may quote what was sent.
fn described(error: &Error, place: &Place, what: &str) -> String {
    let code = match error {
        Error::Database(error) => error.code().map(Cow::into_owned),
        Error::Io(error) => Some(error.to_string()),
        _ => None,
    };
    let code = code.map_or_else(String::new, |code| format!(" ({code})"));
    format!("the {} {what}{code}", place.database)
}
