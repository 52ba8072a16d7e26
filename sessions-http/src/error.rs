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
    /// `None` if there is no session middleware around the handler.
    error: Option<Error>,
    /// The headers that the response must carry.
    headers: SessionHeaders,
}

impl SessionError {
    fn new(error: Option<Error>, headers: SessionHeaders) -> Self {
        Self(Box::new(Parts { error, headers }))
    }

    pub(crate) fn no_middleware() -> Self {
        Self::new(None, SessionHeaders::of_failure())
    }

    /// Returns whether there is no session middleware around the handler.
    #[must_use]
    pub const fn is_no_middleware(&self) -> bool {
        self.0.error.is_none()
    }

    /// Returns the kind of the session's error, or `None` without a session middleware.
    #[must_use]
    pub fn kind(&self) -> Option<ErrorKind> {
        self.0.error.as_ref().map(Error::kind)
    }

    /// Returns core's error, or `None` without a session middleware.
    ///
    /// It has what a page of your own needs: [`location`](Error::location), to which a denial sends
    /// the client, the [`key`](Error::key) of an entry, and the [`chain`](Error::chain) for a log.
    #[must_use]
    pub const fn error(&self) -> Option<&Error> {
        self.0.error.as_ref()
    }

    /// Returns the status for the client, which reveals nothing internal; see [`Error::status`].
    #[must_use]
    pub fn status(&self) -> StatusCode {
        let status = self.0.error.as_ref().map(Error::status);
        status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
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
        if let Some(error) = &self.0.error {
            write_redirect(error, headers);
        }
    }

    /// Logs the error and its sources.
    ///
    /// The level is `ERROR` only for a server fault, so that clients cannot flood the log.
    #[cold]
    pub(crate) fn log(&self) {
        let (kind, status) = (self.kind().map(debug), self.status().as_u16());
        match &self.0.error {
            Some(error) if !error.is_servers_fault() => {
                let error = display(error.chain());
                tracing::debug!(target: TARGET, kind, status, error, "a request was refused because of its session");
            }
            Some(error) => {
                let error = display(error.chain());
                tracing::error!(target: TARGET, kind, status, error, "a request failed because of its session");
            }
            None => {
                let error = display(self);
                tracing::error!(target: TARGET, status, error, "a request failed because of its session");
            }
        }
    }
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.error {
            Some(error) => error.fmt(f),
            None => f.write_str("the handler has no session: add a SessionLayer or SessionService around it"),
        }
    }
}

impl StdError for SessionError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.error.as_ref()?.source()
    }
}

impl From<Error> for SessionError {
    fn from(error: Error) -> Self {
        let headers = SessionHeaders::of_error(&error);
        Self::new(Some(error), headers)
    }
}

impl From<CommitError> for SessionError {
    fn from(error: CommitError) -> Self {
        let (error, headers) = error.into_parts();
        Self::new(Some(error), headers)
    }
}
