//! The error that handlers return.

use std::error::Error as StdError;
use std::fmt;

use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use sessions_core::adapter::CommitError;
use sessions_core::{Error, ErrorKind};

/// The error of a session, or of a request without a [`SessionLayer`](crate::SessionLayer).
///
/// Handlers can return it directly; `?` creates it from core's [`Error`]. The response is a bare
/// status with `Cache-Control: no-store`. The error and its sources are logged, at level `ERROR`
/// for a server fault and `DEBUG` otherwise.
///
/// ```
/// use axum::response::IntoResponse;
/// use sessions_axum::{Session, SessionError};
///
/// async fn rename(session: Session) -> Result<&'static str, SessionError> {
///     session.set("name", "iris")?;
///     Ok("renamed")
/// }
/// ```
#[derive(Debug)]
pub struct SessionError(sessions_http::SessionError);

impl SessionError {
    /// Returns the kind of the session's error, or `None` without a
    /// [`SessionLayer`](crate::SessionLayer).
    #[must_use]
    pub fn kind(&self) -> Option<ErrorKind> {
        self.0.kind()
    }

    /// Returns core's error, or `None` without a [`SessionLayer`](crate::SessionLayer).
    ///
    /// It has what a page of your own needs: [`location`](Error::location), to which a denial sends
    /// the client, the [`key`](Error::key) of an entry, and the [`chain`](Error::chain) for a log.
    #[must_use]
    pub const fn error(&self) -> Option<&Error> {
        self.0.error()
    }

    /// Returns whether there is no [`SessionLayer`](crate::SessionLayer) around the handler.
    #[must_use]
    pub const fn is_no_middleware(&self) -> bool {
        self.0.is_no_middleware()
    }

    pub(crate) fn into_bare_response<B: Default>(self) -> http::Response<B> {
        self.0.into_response()
    }

    /// Returns the status for the client, which reveals nothing internal; see [`Error::status`].
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status()
    }
}

impl IntoResponse for SessionError {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

impl From<Error> for SessionError {
    fn from(error: Error) -> Self {
        Self(error.into())
    }
}

impl From<CommitError> for SessionError {
    fn from(error: CommitError) -> Self {
        Self(error.into())
    }
}

impl From<sessions_http::SessionError> for SessionError {
    fn from(error: sessions_http::SessionError) -> Self {
        Self(error)
    }
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for SessionError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}
