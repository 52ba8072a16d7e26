//! The error of a handler, and the pages that visitors see of errors.

use std::error::Error as StdError;

use axum::body::{Body, HttpBody};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use sessions_axum::{SessionError, sessions_core};

use crate::html::bare_page;
use crate::oauth::OAuthError;
use crate::passwords::PasswordError;

/// Why a handler cannot answer as it should. The visitor sees no more than the status.
#[derive(Debug)]
pub(crate) enum Error {
    Session(SessionError),
    Database(sqlx::Error),
    Password(PasswordError),
    OAuth(OAuthError),
    /// The session of a user who was deleted.
    UserGone,
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        match self {
            // Has its own status, or the redirect to the login page, and logs itself.
            Self::Session(error) => error.into_response(),
            Self::Database(error) => log(&error, StatusCode::SERVICE_UNAVAILABLE),
            Self::Password(error) => log(&error, StatusCode::INTERNAL_SERVER_ERROR),
            Self::OAuth(error) => log(&error, StatusCode::BAD_GATEWAY),
            Self::UserGone => Redirect::to("/login").into_response(),
        }
    }
}

fn log(error: &dyn StdError, status: StatusCode) -> Response {
    tracing::error!(error = chain(error), "{status}");
    status.into_response()
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

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<PasswordError> for Error {
    fn from(error: PasswordError) -> Self {
        Self::Password(error)
    }
}

impl From<OAuthError> for Error {
    fn from(error: OAuthError) -> Self {
        Self::OAuth(error)
    }
}

/// Gives an error without a body a page that says what to do.
pub(crate) async fn fill_error_page(mut response: Response) -> Response {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if is_error && response.body().size_hint().exact() == Some(0) {
        response.headers_mut().remove(CONTENT_LENGTH);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        *response.body_mut() = Body::from(bare_page(&status.to_string(), explain(status)));
    }
    response
}

fn explain(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "You are not signed in, or no longer. Sign in and try again.",
        StatusCode::FORBIDDEN => "Another site sent this request, so nothing was changed.",
        StatusCode::NOT_FOUND => "There is no such page.",
        StatusCode::BAD_GATEWAY => "The other site does not answer as it should. Try again later.",
        StatusCode::SERVICE_UNAVAILABLE => "We cannot answer right now. Try again in a moment.",
        _ => "This did not work.",
    }
}
