//! The error that handlers return.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Once;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderValue, SET_COOKIE};
use actix_web::{HttpResponse, ResponseError};
use sessions_core::adapter::{CommitError, SessionHeaders};
use sessions_core::{Error, ErrorKind};
use tracing::field::{debug, display};

use crate::TARGET;
use crate::headers::{session_cookies, write, write_redirect};

/// The error of a session, or of a request without a session middleware.
///
/// The client gets a bare status that reveals nothing internal; see [`Error::status`]. The error
/// and its sources are logged once.
///
/// ```
/// use actix_web::HttpResponse;
/// use sessions_actix::{Session, SessionError};
///
/// async fn visits(session: Session) -> Result<HttpResponse, SessionError> {
///     let visits = session.increment("visits", 1)?;
///     Ok(HttpResponse::Ok().body(visits.to_string()))
/// }
/// ```
///
/// In a handler that returns another error type, name this one: `session.increment("visits",
/// 1).map_err(SessionError::from)?`.
///
/// Like core's error, it is as small as a pointer.
#[derive(Debug)]
pub struct SessionError(Box<Parts>);

#[derive(Debug)]
struct Parts {
    /// `None` if there is no session middleware around the handler.
    error: Option<Error>,
    /// The headers that the response must carry.
    headers: SessionHeaders,
    /// The cookies of other sessions in the response that the error replaces.
    others: Vec<HeaderValue>,
    logged: Once,
}

impl SessionError {
    fn new(error: Option<Error>, headers: SessionHeaders) -> Self {
        Self(Box::new(Parts { error, headers, others: Vec::new(), logged: Once::new() }))
    }

    pub(crate) fn no_middleware() -> Self {
        Self::new(None, SessionHeaders::of_failure())
    }

    /// Keeps the cookies that other sessions have set in the response that the error replaces.
    ///
    /// An inner middleware has already committed them, and nothing else sends a new token.
    pub(crate) fn replacing(mut self, replaced: &HeaderMap) -> Self {
        self.0.others.extend(session_cookies(replaced).cloned());
        self
    }

    /// Returns the kind of the session's error.
    ///
    /// `None` if the handler extracted a [`Session`](crate::Session) without a
    /// [`SessionMiddleware`](crate::SessionMiddleware) around it.
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

    /// Returns whether there is no session middleware around the handler.
    #[must_use]
    pub const fn is_no_middleware(&self) -> bool {
        self.0.error.is_none()
    }

    /// Logs the error and its sources.
    ///
    /// The level is `ERROR` only for a server fault, so that clients cannot flood the log.
    /// actix-web makes several responses from one error, so only the first call logs.
    pub(crate) fn log(&self) {
        let (kind, status) = (self.kind().map(debug), self.status_code().as_u16());
        self.0.logged.call_once(|| match &self.0.error {
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
        });
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

impl ResponseError for SessionError {
    fn status_code(&self) -> StatusCode {
        let status = self.0.error.as_ref().map(Error::status);
        status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        self.log();
        let mut response = HttpResponse::new(self.status_code());
        let headers = response.headers_mut();
        for cookie in &self.0.others {
            headers.append(SET_COOKIE, cookie.clone());
        }
        write(self.0.headers.clone(), headers);
        if let Some(error) = &self.0.error {
            write_redirect(error, headers);
        }
        response
    }
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.error {
            Some(error) => error.fmt(f),
            None => f.write_str("the handler has no session: wrap its route in a SessionMiddleware"),
        }
    }
}

impl StdError for SessionError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.error.as_ref()?.source()
    }
}
