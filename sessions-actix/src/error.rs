//! What a handler returns when its session fails it.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Once;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use sessions_core::{Error, ErrorKind};
use tracing::field::{debug, display};

use crate::head;

/// The target of all that this crate logs.
pub(crate) const TARGET: &str = "sessions_actix";

/// The error of a session, as actix-web's handlers return it.
///
/// The client gets a bare status, which tells as much as it may know; which one is told at
/// [`Error::status`]. The reason goes to the log, once, with its causes.
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
/// Like core's it is as large as a pointer.
#[derive(Debug)]
pub struct SessionError(Box<Parts>);

#[derive(Debug)]
struct Parts {
    cause: Cause,
    /// What the response needs all the same: the cookie of a session that was saved before the
    /// error.
    attached: HeaderMap,
    logged: Once,
}

#[derive(Debug)]
enum Cause {
    Core(Error),
    NotWrapped,
}

impl SessionError {
    fn new(cause: Cause, attached: HeaderMap) -> Self {
        Self(Box::new(Parts { cause, attached, logged: Once::new() }))
    }

    pub(crate) fn not_wrapped() -> Self {
        Self::new(Cause::NotWrapped, HeaderMap::new())
    }

    /// Returns what went wrong, `None` if a handler asked for its [`Session`](crate::Session) where
    /// no [`SessionMiddleware`](crate::SessionMiddleware) is around it.
    #[must_use]
    pub const fn kind(&self) -> Option<ErrorKind> {
        match &self.0.cause {
            Cause::Core(error) => Some(error.kind()),
            Cause::NotWrapped => None,
        }
    }

    const fn is_servers_fault(&self) -> bool {
        match &self.0.cause {
            Cause::Core(error) => error.is_servers_fault(),
            Cause::NotWrapped => true,
        }
    }

    /// Logs the error with its causes, at the level `ERROR` only if the server is to blame: a
    /// client must not flood the log. Responses are made from an error more than once, so only the
    /// first call counts.
    pub(crate) fn log(&self) {
        let (error, kind, status) = (display(Chain(self)), self.kind().map(debug), self.status_code().as_u16());
        self.0.logged.call_once(|| {
            if self.is_servers_fault() {
                tracing::error!(target: TARGET, kind, status, error, "a request failed because of its session");
            } else {
                tracing::debug!(target: TARGET, kind, status, error, "a request was refused because of its session");
            }
        });
    }
}

impl From<Error> for SessionError {
    fn from(mut error: Error) -> Self {
        let mut attached = HeaderMap::new();
        head::attach(error.take_attach(), &mut attached);
        Self::new(Cause::Core(error), attached)
    }
}

impl ResponseError for SessionError {
    fn status_code(&self) -> StatusCode {
        match &self.0.cause {
            Cause::Core(error) => StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            Cause::NotWrapped => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        self.log();
        let mut response = HttpResponse::new(self.status_code());
        let headers = response.headers_mut();
        for (name, value) in &self.0.attached {
            headers.append(name.clone(), value.clone());
        }
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status_code() == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.cause {
            Cause::Core(error) => error.fmt(f),
            Cause::NotWrapped => f.write_str("there is no session middleware around the handler"),
        }
    }
}

impl StdError for SessionError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0.cause {
            Cause::Core(error) => error.source(),
            Cause::NotWrapped => None,
        }
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
