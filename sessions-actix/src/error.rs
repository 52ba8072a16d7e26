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
/// The client gets a [status](Error::status) that reveals nothing internal, without a body; a
/// denial also has the address of the login page. The error and its sources are logged once.
///
/// ```
/// use actix_web::{App, HttpResponse, web};
/// use sessions_actix::{Session, SessionError};
///
/// async fn visits(session: Session) -> Result<HttpResponse, SessionError> {
///     let visits = session.increment("visits", 1)?;
///     Ok(HttpResponse::Ok().body(visits.to_string()))
/// }
///
/// # use actix_web::test::{TestRequest, call_service, init_service};
/// # #[actix_web::main]
/// # async fn main() {
/// // Somebody has forgotten the middleware. The client learns only the status.
/// let app = init_service(App::new().route("/", web::get().to(visits))).await;
/// let response = call_service(&app, TestRequest::default().to_request()).await;
/// assert_eq!(response.status(), 500);
/// assert_eq!(response.headers().get("cache-control").unwrap(), "no-store");
/// # }
/// ```
///
/// In a handler that returns another error type, convert explicitly: `session.increment("visits",
/// 1).map_err(SessionError::from)?`.
///
/// Like core's error, it is as small as a pointer.
#[derive(Debug)]
pub struct SessionError(Box<Parts>);

#[derive(Debug)]
struct Parts {
    error: Error,
    /// The headers that the response must carry.
    headers: SessionHeaders,
    /// The cookies of other sessions in the response that the error replaces.
    others: Vec<HeaderValue>,
    logged: Once,
}

impl SessionError {
    fn new(error: Error, headers: SessionHeaders) -> Self {
        Self(Box::new(Parts { error, headers, others: Vec::new(), logged: Once::new() }))
    }

    /// Keeps the cookies that other sessions have set in the response that the error replaces.
    ///
    /// An inner middleware has already committed them, and nothing else sends a new token.
    pub(crate) fn replacing(mut self, replaced: &HeaderMap) -> Self {
        self.0.others.extend(session_cookies(replaced).cloned());
        self
    }

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

    /// Logs the error and its sources.
    ///
    /// The level is `ERROR` only for a server fault, so that clients cannot flood the log.
    /// actix-web makes several responses from one error, so only the first call logs.
    pub(crate) fn log(&self) {
        let (kind, status, error) = (debug(self.kind()), self.status_code().as_u16(), display(self.error().chain()));
        self.0.logged.call_once(|| {
            if self.error().is_servers_fault() {
                tracing::error!(target: TARGET, kind, status, error, "a request failed because of its session");
            } else {
                tracing::debug!(target: TARGET, kind, status, error, "a request was refused because of its session");
            }
        });
    }
}

impl From<Error> for SessionError {
    fn from(error: Error) -> Self {
        let headers = SessionHeaders::of_error(&error);
        Self::new(error, headers)
    }
}

impl From<CommitError> for SessionError {
    fn from(error: CommitError) -> Self {
        let (error, headers) = error.into_parts();
        Self::new(error, headers)
    }
}

impl ResponseError for SessionError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        self.log();
        let mut response = HttpResponse::new(self.status_code());
        let headers = response.headers_mut();
        for cookie in &self.0.others {
            headers.append(SET_COOKIE, cookie.clone());
        }
        write(self.0.headers.clone(), headers);
        write_redirect(&self.0.error, headers);
        response
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
