//! The error that handlers return.

use std::error::Error as StdError;
use std::{fmt, mem};

use http::header::SET_COOKIE;
use http::{Response, StatusCode};
use sessions_core::adapter::{CommitError, SessionHeaders};
use sessions_core::{Error, ErrorKind};
use tracing::field::{debug, display};

use crate::TARGET;
use crate::headers::{session_cookies, write, write_redirect};

/// The error of a session, or of a request without a session middleware.
///
/// Created from core's [`Error`] by `?`, and converted into a response by
/// [`into_response`](Self::into_response). It is as small as a pointer.
#[derive(Debug)]
pub struct SessionError(Box<Parts>);

#[derive(Debug)]
struct Parts {
    error: Error,
    /// The headers that the response must carry.
    headers: SessionHeaders,
}

impl SessionError {
    /// Returns the kind of error.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.0.error.kind()
    }

    /// Returns core's error.
    ///
    /// Use it to build your own error page: [`location`](Error::location) is where a denial
    /// redirects the client, [`key`](Error::key) names an entry, and [`chain`](Error::chain) is the
    /// text for a log.
    #[must_use]
    pub const fn error(&self) -> &Error {
        &self.0.error
    }

    /// Returns the status for the client, which reveals nothing internal; see [`Error::status`].
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Converts the error into a bare response with its [`status`](Self::status), and logs it.
    ///
    /// The log gets the error and its sources; they reveal the store and its address and must never
    /// reach the client. The client's cookie is left alone, unless a save before the failure set a
    /// new one.
    #[cold]
    #[must_use]
    pub fn into_response<B: Default>(self) -> Response<B> {
        let mut response = Response::default();
        self.replace(&mut response);
        response
    }

    /// Replaces a response, but not the cookies that other sessions have set in it.
    ///
    /// An inner middleware has already committed them, and nothing else sends a new token.
    #[cold]
    pub(crate) fn replace<B: Default>(self, response: &mut Response<B>) {
        self.log();
        let replaced = mem::take(response);
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        for cookie in session_cookies(replaced.headers()) {
            headers.append(SET_COOKIE, cookie.clone());
        }
        write(self.0.headers, headers);
        write_redirect(&self.0.error, headers);
    }

    /// Logs the error and its sources.
    ///
    /// The level is `ERROR` only for a server fault, so that clients cannot flood the log.
    #[cold]
    pub(crate) fn log(&self) {
        let (kind, status, error) = (debug(self.kind()), self.status().as_u16(), display(self.error().chain()));
        if self.error().is_servers_fault() {
            tracing::error!(target: TARGET, kind, status, error, "a request failed because of its session");
        } else {
            tracing::debug!(target: TARGET, kind, status, error, "a request was refused because of its session");
        }
    }
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.error.fmt(f)
    }
}

impl StdError for SessionError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.error.source()
    }
}

impl From<Error> for SessionError {
    fn from(error: Error) -> Self {
        let headers = SessionHeaders::of_error(&error);
        Self(Box::new(Parts { error, headers }))
    }
}

impl From<CommitError> for SessionError {
    fn from(error: CommitError) -> Self {
        let (error, headers) = error.into_parts();
        Self(Box::new(Parts { error, headers }))
    }
}
