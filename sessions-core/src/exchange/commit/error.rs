//! The error of a commit, with the headers that its response carries.

use std::error::Error as StdError;
use std::fmt;

use crate::error::{Error, ErrorKind};
use crate::exchange::response::SessionHeaders;

/// A failed commit, with the headers that the error response must carry.
///
/// The handler's response must not be sent: it would claim success for data that was not saved.
/// Send the error's [`status`](Error::status) instead.
///
/// The client's cookie is left alone. If the session had ended meanwhile
/// ([`Gone`](crate::ErrorKind::Gone)), the browser may already have the cookie of a newer login,
/// and a removal would delete that. If an earlier [`save`](crate::Session::save) created or renewed
/// the session, [`headers`](Self::headers) sets its cookie.
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

    /// Returns the error.
    #[must_use]
    pub const fn error(&self) -> &Error {
        &self.0.error
    }

    /// Returns the kind of the error.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.0.error.kind()
    }

    /// Returns the HTTP status of the error response.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.0.error.status()
    }

    /// Returns the headers that the error response must carry.
    pub const fn headers(&self) -> &SessionHeaders {
        &self.0.headers
    }

    /// Splits the error from the headers of its response.
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

/// Drops the headers, for callers that send no response headers.
impl From<CommitError> for Error {
    fn from(error: CommitError) -> Self {
        error.0.error
    }
}
