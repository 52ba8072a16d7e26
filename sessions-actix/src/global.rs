//! Explicit calls for the process-wide manager, [`Sessions::global`].

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse};
use sessions_core::{DestroyReason, SessionId, Sessions};

use crate::error::SessionError;
use crate::ext::SessionsExt;
use crate::extract::Session;

/// Loads the request's session; see [`SessionsExt::start`].
///
/// # Errors
///
/// Same as [`SessionsExt::start`].
///
/// # Example
///
/// ```
/// use actix_web::{App, HttpRequest, HttpResponse, web};
/// use sessions_actix::SessionError;
///
/// async fn sign_in(request: HttpRequest) -> Result<HttpResponse, SessionError> {
///     let session = sessions_actix::global::start(&request).await?;
///     session.login("iris")?;
///     let mut response = HttpResponse::Ok().body("welcome");
///     sessions_actix::global::finish(&session, &mut response).await?;
///     Ok(response)
/// }
///
/// # use actix_web::test::{TestRequest, call_service, init_service};
/// # #[actix_web::main]
/// # async fn main() {
/// let app = init_service(App::new().route("/in", web::post().to(sign_in))).await;
/// let response = call_service(&app, TestRequest::post().uri("/in").to_request()).await;
/// assert!(response.headers().contains_key("set-cookie"));
/// # }
/// ```
pub async fn start(request: &HttpRequest) -> Result<Session, SessionError> {
    Sessions::global().start(request).await
}

/// Saves a session and writes its headers to the response; see [`SessionsExt::finish`].
///
/// # Errors
///
/// Same as [`SessionsExt::finish`].
pub async fn finish<B>(session: &sessions_core::Session, response: &mut HttpResponse<B>) -> Result<(), SessionError> {
    Sessions::global().finish(session, response).await
}

/// Ends the request's session; see [`SessionsExt::destroy`].
///
/// # Errors
///
/// Same as [`SessionsExt::destroy`].
pub async fn destroy<B>(request: &HttpRequest, response: &mut HttpResponse<B>) -> Result<(), SessionError> {
    Sessions::global().destroy(request, response).await
}

/// Restarts the idle timeout of the request's session; see [`SessionsExt::shift_expiration`].
///
/// # Errors
///
/// Same as [`SessionsExt::shift_expiration`].
pub async fn shift_expiration<B>(request: &HttpRequest, response: &mut HttpResponse<B>) -> Result<(), SessionError> {
    Sessions::global().shift_expiration(request, response).await
}

/// Sets an idle timeout for the request's session; see [`SessionsExt::update_expiration`].
///
/// # Errors
///
/// Same as [`SessionsExt::update_expiration`].
pub async fn update_expiration<B>(
    request: &HttpRequest,
    response: &mut HttpResponse<B>,
    idle: Duration,
) -> Result<(), SessionError> {
    Sessions::global().update_expiration(request, response, idle).await
}

/// Calls `listener` for each session that the manager ends; see [`Sessions::on_destroy`].
///
/// It is called neither by [`destroy_all`] nor for sessions that other nodes end.
pub fn on_destroy(listener: impl Fn(SessionId, DestroyReason) + Send + Sync + 'static) {
    Sessions::global().on_destroy(listener);
}

/// Ends one session on every node and returns whether it existed; see [`Sessions::destroy_by_id`].
///
/// # Errors
///
/// Same as [`Sessions::destroy_by_id`].
pub async fn destroy_by_id(id: SessionId) -> Result<bool, SessionError> {
    Ok(Sessions::global().destroy_by_id(id).await?)
}

/// Ends all sessions on every node and returns how many; see [`Sessions::destroy_all`].
///
/// # Errors
///
/// Same as [`Sessions::destroy_all`].
pub async fn destroy_all() -> Result<u64, SessionError> {
    Ok(Sessions::global().destroy_all().await?)
}
