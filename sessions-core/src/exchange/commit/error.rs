//! The error of a commit, with what its response carries all the same.

use std::error::Error as StdError;
use std::fmt;

use crate::error::{Error, ErrorKind};
use crate::exchange::response::SessionHeaders;

/// Why a commit failed, and the headers that the error's response must carry all the same.
///
/// The handler's response must not be sent: it would claim success for data that was not saved.
/// The client gets the error's [`status`](Error::status), and its cookie is left alone: where the
/// session had ended meanwhile ([`Gone`](crate::ErrorKind::Gone)), the browser may already hold the
/// cookie of a newer login, which a removal would delete. If a [`save`](crate::Session::save) had
/// made or renewed the session before, [`headers`](Self::headers) set its cookie.
#[derive(Debug)]
pub struct CommitError(Box<Parts>);

#[derive(Debug)]
struct Parts {
    error: Error,
    headers: SessionHeaders,
}

impl CommitError {
    #[cold]
    pub(super) fn new(error: Error, headers: SessionHeaders) -> Self {
        Self(Box::new(Parts { error, headers }))
    }

    /// Returns what went wrong.
    #[must_use]
    pub const fn error(&self) -> &Error {
        &self.0.error
    }

    /// Returns the kind of the error.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.0.error.kind()
    }

    /// Returns the HTTP status of the error's response.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.0.error.status()
    }

    /// Returns the headers that the error's response must carry.
    pub const fn headers(&self) -> &SessionHeaders {
        &self.0.headers
    }

    /// Splits the error from the headers that its response must carry.
    pub fn into_parts(self) -> (Error, SessionHeaders) {
        (self.0.error, self.0.headers)
    }
}

impl fmt::Display for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.error.fmt(f)
    }
}

impl StdError for CommitError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.error.source()
    }
}

/// Drops the headers: for callers whose response carries none.
impl From<CommitError> for Error {
    fn from(error: CommitError) -> Self {
        error.0.error
    }
}
