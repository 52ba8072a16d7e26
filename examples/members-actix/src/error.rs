//! The error of a handler, and the pages that visitors see of errors.

use std::error::Error as StdError;
use std::fmt;

use actix_web::body::MessageBody;
use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use actix_web::middleware::ErrorHandlerResponse;
use actix_web::{HttpResponse, ResponseError};
use redis::RedisError;
use sessions_actix::{SessionError, sessions_core};

use crate::html::bare_page;
use crate::passwords::PasswordError;

/// Why a handler cannot answer as it should. The visitor sees no more than the status.
#[derive(Debug)]
pub(crate) enum Error {
    Session(SessionError),
    Database(RedisError),
    Password(PasswordError),
    /// The session of a user who was deleted.
    UserGone,
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Session(error) => error.status_code(),
            Self::Database(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Password(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::UserGone => StatusCode::SEE_OTHER,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::new(self.status_code());
        match self {
            // Has its own headers, or the redirect to the login page, and logs itself.
            Self::Session(error) => return error.error_response(),
            Self::UserGone => {
                response.headers_mut().insert(LOCATION, HeaderValue::from_static("/login"));
            }
            Self::Database(_) | Self::Password(_) => {
                tracing::error!(error = chain(self), "{}", self.status_code());
            }
        }
        response
    }
}

/// Returns an error and its causes in one line.
#[must_use]
pub fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Session(_) => "the session failed",
            Self::Database(_) => "the database failed",
            Self::Password(_) => "the password was not checked",
            Self::UserGone => "the user is gone",
        })
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Session(error) => Some(error),
            Self::Database(error) => Some(error),
            Self::Password(error) => Some(error),
            Self::UserGone => None,
        }
    }
}

impl From<SessionError> for Error {
    fn from(error: SessionError) -> Self {
        Self::Session(error)
    }
}

impl From<sessions_core::Error> for Error {
    fn from(error: sessions_core::Error) -> Self {
        Self::Session(error.into())
    }
}

impl From<RedisError> for Error {
    fn from(error: RedisError) -> Self {
        Self::Database(error)
    }
}

impl From<PasswordError> for Error {
    fn from(error: PasswordError) -> Self {
        Self::Password(error)
    }
}

/// Gives an error without a body a page that says what to do.
pub(crate) fn fill_error_page<B>(response: ServiceResponse<B>) -> actix_web::Result<ErrorHandlerResponse<B>>
where
    B: MessageBody + 'static,
{
    if !response.response().body().size().is_eof() {
        return Ok(ErrorHandlerResponse::Response(response.map_into_left_body()));
    }
    let status = response.status();
    let response = response.map_body(|head, _| {
        head.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        bare_page(&status.to_string(), explain(status))
    });
    Ok(ErrorHandlerResponse::Response(response.map_into_boxed_body().map_into_right_body()))
}

fn explain(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "You are not signed in, or no longer. Sign in and try again.",
        StatusCode::FORBIDDEN => "Another site sent this request, so nothing was changed.",
        StatusCode::NOT_FOUND => "There is no such page.",
        StatusCode::SERVICE_UNAVAILABLE => "We cannot answer right now. Try again in a moment.",
        _ => "This did not work.",
    }
}
