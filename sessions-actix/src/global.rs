//! The explicit form of the process-wide manager, for programs that need only one.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse};
use sessions_core::{DestroyReason, SessionId, Sessions};

use crate::error::SessionError;
use crate::ext::SessionsExt;
use crate::extract::Session;

/// Loads the request's session from [`Sessions::global`]; see [`SessionsExt::start`].
///
/// # Errors
///
/// As [`SessionsExt::start`].
///
/// # Example
///
/// ```
/// use actix_web::{HttpRequest, HttpResponse};
/// use sessions_actix::SessionError;
///
/// async fn sign_in(request: HttpRequest) -> Result<HttpResponse, SessionError> {
///     let session = sessions_actix::global::start(&request).await?;
///     session.login("iris")?;
///     let mut response = HttpResponse::Ok().body("welcome");
///     sessions_actix::global::finish(&session, &mut response).await?;
///     Ok(response)
/// }
/// ```
pub async fn start(request: &HttpRequest) -> Result<Session, SessionError> {
    Sessions::global().start(request).await
}

/// Saves a session of [`Sessions::global`] and writes to the response what it needs; see
/// [`SessionsExt::finish`].
///
/// # Errors
///
/// As [`SessionsExt::finish`].
pub async fn finish<B>(session: &sessions_core::Session, response: &mut HttpResponse<B>) -> Result<(), SessionError> {
    Sessions::global().finish(session, response).await
}

/// Ends the request's session in [`Sessions::global`]; see [`SessionsExt::destroy`].
///
/// # Errors
///
/// As [`SessionsExt::destroy`].
pub async fn destroy<B>(request: &HttpRequest, response: &mut HttpResponse<B>) -> Result<(), SessionError> {
    Sessions::global().destroy(request, response).await
}

/// Begins the idle limit of the request's session in [`Sessions::global`] anew; see
/// [`SessionsExt::shift_expiration`].
///
/// # Errors
///
/// As [`SessionsExt::shift_expiration`].
pub async fn shift_expiration<B>(request: &HttpRequest, response: &mut HttpResponse<B>) -> Result<(), SessionError> {
    Sessions::global().shift_expiration(request, response).await
}

/// Gives the request's session in [`Sessions::global`] an idle limit of its own; see
/// [`SessionsExt::update_expiration`].
///
/// # Errors
///
/// As [`SessionsExt::update_expiration`].
pub async fn update_expiration<B>(
    request: &HttpRequest,
    response: &mut HttpResponse<B>,
    idle: Duration,
) -> Result<(), SessionError> {
    Sessions::global().update_expiration(request, response, idle).await
}

/// Calls `listener` for every session of [`Sessions::global`] that ends; see
/// [`Sessions::on_destroy`].
pub fn on_destroy(listener: impl Fn(SessionId, DestroyReason) + Send + Sync + 'static) {
    Sessions::global().on_destroy(listener);
}

/// Ends one session of [`Sessions::global`], and says whether there was one; see
/// [`Sessions::destroy_by_id`].
///
/// # Errors
///
/// As [`Sessions::destroy_by_id`].
pub async fn destroy_by_id(id: SessionId) -> Result<bool, SessionError> {
    Ok(Sessions::global().destroy_by_id(id).await?)
}

/// Ends all sessions of [`Sessions::global`], and says how many there were; see
/// [`Sessions::destroy_all`].
///
/// # Errors
///
/// As [`Sessions::destroy_all`].
pub async fn destroy_all() -> Result<u64, SessionError> {
    Ok(Sessions::global().destroy_all().await?)
}
