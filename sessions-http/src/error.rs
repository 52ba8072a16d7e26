//! What a handler returns when its session refuses something.

use std::error::Error as StdError;
use std::fmt;

use http::header::{CACHE_CONTROL, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use sessions_core::{Error, ErrorKind};
use tracing::field::{debug, display};

use crate::head::write;

/// The target of all that this crate logs.
pub(crate) const TARGET: &str = "sessions_http";

/// Why a request has no session, or what its session refused.
///
/// Made from core's [`Error`] by `?`, and turned into a response by
/// [`into_response`](Self::into_response).
#[derive(Debug)]
pub struct SessionError(Option<Error>);

impl SessionError {
    /// Makes the error of a handler that no session middleware is around.
    pub(crate) const fn no_middleware() -> Self {
        Self(None)
    }

    /// Returns whether the error is one of wiring: the handler has no session middleware around it.
    #[must_use]
    pub const fn is_no_middleware(&self) -> bool {
        self.0.is_none()
    }

    /// Returns what the session refused, `None` if there was no session to ask.
    #[must_use]
    pub fn kind(&self) -> Option<ErrorKind> {
        self.0.as_ref().map(Error::kind)
    }

    /// Returns the status that tells a client as much as it may know; see [`Error::status`].
    #[must_use]
    pub fn status(&self) -> StatusCode {
        let status = self.0.as_ref().map(Error::status);
        status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Makes a bare response of the [`status`](Self::status), and writes the error with its causes
    /// to the log, where alone they belong: they tell of the store and its whereabouts.
    ///
    /// The response leaves the cookie that the client has alone, unless a save before the failure
    /// had made it a new one.
    #[cold]
    #[must_use]
    pub fn into_response<B: Default>(mut self) -> Response<B> {
        self.log();
        let mut response = Response::new(B::default());
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status() == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if let Some(error) = &mut self.0 {
            write(error.take_attach(), headers);
        }
        response
    }

    /// Logs the error with its causes, at the level `ERROR` only if the server is to blame: a
    /// client must not flood the log.
    #[cold]
    pub(crate) fn log(&self) {
        let (error, kind, status) = (display(Chain(self)), self.kind().map(debug), self.status().as_u16());
        if self.0.as_ref().is_none_or(Error::is_servers_fault) {
            tracing::error!(target: TARGET, kind, status, error, "a request failed because of its session");
        } else {
            tracing::debug!(target: TARGET, kind, status, error, "a request was refused because of its session");
        }
    }
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(error) => error.fmt(f),
            None => f.write_str("the handler asks for a session, and no SessionLayer or SessionService is around it"),
        }
    }
}

impl StdError for SessionError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.as_ref()?.source()
    }
}

impl From<Error> for SessionError {
    fn from(error: Error) -> Self {
        Self(Some(error))
    }
}

/// An error and its causes, as one text: not every subscriber shows the sources of an error.
struct Chain<'a>(&'a dyn StdError);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(cause) = next {
            write!(f, ": {cause}")?;
            next = cause.source();
        }
        Ok(())
    }
}
