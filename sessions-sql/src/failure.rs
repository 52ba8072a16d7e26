//! What an error means for the call that it ended, without what was sent.

use std::io;

use sessions_remote::Failure;
use sqlx::Error;

use crate::driver::{ConnectOptions, Database};
use crate::table::Table;

/// What an error of the database means.
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
    /// The user, the password or the database of the URL is wrong.
    Login,
    /// Nothing was done, for another reason.
    Refused,
}

/// What messages are about.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) table: Table,
    /// The name of the database, and its path if it is a file.
    database: String,
}

impl Place {
    pub(crate) fn of<D: Database>(options: &ConnectOptions<D>, table: Table) -> Self {
        let place = D::place(options).map_or_else(String::new, |place| format!(" {place}"));
        Self { table, database: format!("{} database{place}", D::NAME) }
    }
}

/// Converts an error of connecting. Nothing was sent.
pub(crate) fn of_connecting<D: Database>(error: &Error, place: &Place) -> Failure {
    match error {
        Error::Database(error) => match D::judge(&**error) {
            Verdict::Again | Verdict::Unknown => {
                Failure::unreached(described(&**error, place, "does not let us in yet"))
            }
            // It answers to what was sent so far: the name of a user, of a database.
            Verdict::Login => Failure::refused(format!("the database refuses the connection: {}", error.message())),
            verdict => of_verdict(verdict, &**error, place),
        },
        Error::Io(error) => Failure::unreached(io::Error::new(error.kind(), error.to_string())),
        Error::PoolTimedOut => Failure::unreached("no connection was free or could be made in time"),
        Error::PoolClosed => Failure::refused("the application has closed the pool"),
        Error::Configuration(_) => Failure::refused(format!("cannot connect: {error}")),
        // Also a connection that is lost half-way.
        Error::Tls(_) | Error::Protocol(_) => Failure::unreached(format!("cannot connect: {error}")),
        _ => Failure::unreached("cannot connect"),
    }
}

/// Converts the error of a statement that was sent.
pub(crate) fn of_sent<D: Database>(error: &Error, place: &Place) -> Failure {
    match error {
        Error::Database(error) => of_verdict(D::judge(&**error), &**error, place),
        Error::Io(error) if error.kind() == io::ErrorKind::StorageFull => {
            Failure::full(format!("the disk of the {} has no room for anonymous sessions", place.database))
        }
        Error::Io(error) => Failure::lost(format!("the connection was lost: {}", error.kind())),
        Error::ColumnDecode { .. } | Error::Decode(_) | Error::ColumnIndexOutOfBounds { .. } => {
            Failure::unreadable(format!("a row of the table {} is no session", place.table.shown()))
        }
        _ => Failure::lost("the connection was lost"),
    }
}

/// Returns whether an error tells that a connection is gone.
pub(crate) fn is_loss<D: Database>(error: &Error) -> bool {
    match error {
        Error::Database(error) => D::judge(&**error) == Verdict::Unknown,
        Error::Io(error) => error.kind() != io::ErrorKind::StorageFull,
        error => matches!(error, Error::Protocol(_) | Error::WorkerCrashed),
    }
}

fn of_verdict(verdict: Verdict, error: &dyn sqlx::error::DatabaseError, place: &Place) -> Failure {
    let table = place.table.shown();
    match verdict {
        Verdict::Again => Failure::unreached(described(error, place, "asks to try again")),
        Verdict::Unknown => Failure::lost(described(error, place, "ended the connection")),
        Verdict::Full => Failure::full(described(error, place, "has no room")),
        Verdict::NoTable => {
            let text = format!("the table {table} is missing or is not one of this store: run migrate()");
            Failure::refused(described(error, place, &format!("refuses: {text}")))
        }
        Verdict::Denied => {
            let text = format!("refuses: the role needs SELECT, INSERT, UPDATE and DELETE on the table {table}");
            Failure::refused(described(error, place, &text))
        }
        Verdict::NoAccess => {
            let text = "cannot be opened: is the file there, and may this process write to it and to its folder?";
            Failure::refused(described(error, place, text))
        }
        Verdict::Damaged => {
            let text = "is damaged, or the file is something else: use another path, or restore a backup";
            Failure::refused(described(error, place, text))
        }
        Verdict::ReadOnly => {
            Failure::refused(described(error, place, &format!("is read-only, also the table {table}")))
        }
        Verdict::Login => Failure::refused(described(error, place, "refuses the user, the password or the database")),
        Verdict::Refused => Failure::refused(described(error, place, &format!("refuses a statement on {table}"))),
    }
}

/// Names an error by its code. Its own message may quote what was sent.
fn described(error: &dyn sqlx::error::DatabaseError, place: &Place, what: &str) -> String {
    match error.code() {
        Some(code) => format!("the {} {what} ({code})", place.database),
        None => format!("the {} {what}", place.database),
    }
}
