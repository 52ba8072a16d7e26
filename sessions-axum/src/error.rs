//! The error that handlers return.

use std::error::Error as StdError;
use std::fmt;

use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use sessions_core::adapter::CommitError;
use sessions_core::{Error, ErrorKind};

/// The error of a session, or of a request without a [`SessionLayer`](crate::SessionLayer).
///
/// Handlers can return it directly; `?` creates it from core's [`Error`]. The response has no body
/// and `Cache-Control: no-store`; a denial also has the address of the login page. The error and
/// its sources are logged, at level `ERROR` for a server fault and `DEBUG` otherwise.
///
/// ```
/// use axum::{Router, routing::get};
/// use sessions_axum::{Session, SessionError};
///
/// async fn rename(session: Session) -> Result<&'static str, SessionError> {
///     session.set("name", "iris")?;
///     Ok("renamed")
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use axum::body::Body;
/// # use axum::http::Request;
/// # use tower::ServiceExt;
/// // Somebody has forgotten the layer. The client learns only the status.
/// let app: Router = Router::new().route("/", get(rename));
/// let response = app.oneshot(Request::new(Body::empty())).await?;
/// assert_eq!(response.status(), 500);
/// assert_eq!(response.headers()["cache-control"], "no-store");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct SessionError(sessions_http::SessionError);

impl SessionError {
    /// Returns the kind of error.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.0.kind()
    }

    /// Returns core's error.
    ///
    /// Use it to build your own error page: [`location`](Error::location) is where a denial
    /// redirects the client, [`key`](Error::key) names an entry, and [`chain`](Error::chain) is the
    /// text for a log.
    #[must_use]
    pub const fn error(&self) -> &Error {
        self.0.error()
    }

    /// Converts the error into the response of a service without axum's body type, and logs it.
    #[must_use]
    pub fn into_bare_response<B: Default>(self) -> http::Response<B> {
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
