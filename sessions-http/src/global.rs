//! The same with the process-wide manager.

use std::future::Future;
use std::time::Duration;

use http::Response;
use sessions_core::{DestroyReason, Error, Session, SessionId, Sessions};

use crate::explicit::SessionsExt;
use crate::request::RequestHead;

/// Starts a session of the process-wide manager; see [`SessionsExt::start`] and
/// [`Sessions::global`].
///
/// # Errors
///
/// As [`SessionsExt::start`].
pub fn start<R: RequestHead>(request: &R) -> impl Future<Output = Result<Session, Error>> + Send {
    Sessions::global().start(request)
}

/// Finishes a session of the process-wide manager; see [`SessionsExt::finish`].
///
/// # Errors
///
/// As [`SessionsExt::finish`].
pub fn finish<B>(session: &Session, response: &mut Response<B>) -> impl Future<Output = Result<(), Error>> + Send {
    Sessions::global().finish(session, response)
}

/// Ends the request's session of the process-wide manager; see [`SessionsExt::destroy`].
///
/// # Errors
///
/// As [`SessionsExt::destroy`].
pub fn destroy<R: RequestHead, B>(
    request: &R,
    response: &mut Response<B>,
) -> impl Future<Output = Result<(), Error>> + Send {
    Sessions::global().destroy(request, response)
}

/// Begins the idle limit of the request's session anew; see [`SessionsExt::shift_expiration`].
///
/// # Errors
///
/// As [`SessionsExt::shift_expiration`].
pub fn shift_expiration<R: RequestHead, B>(
    request: &R,
    response: &mut Response<B>,
) -> impl Future<Output = Result<(), Error>> + Send {
    Sessions::global().shift_expiration(request, response)
}

/// Gives the request's session an idle limit of its own; see [`SessionsExt::update_expiration`].
///
/// # Errors
///
/// As [`SessionsExt::update_expiration`].
pub fn update_expiration<R: RequestHead, B>(
    request: &R,
    response: &mut Response<B>,
    idle: Duration,
) -> impl Future<Output = Result<(), Error>> + Send {
    Sessions::global().update_expiration(request, response, idle)
}

/// Calls `listener` for every session of the process-wide manager that ends; see
/// [`Sessions::on_destroy`].
pub fn on_destroy(listener: impl Fn(SessionId, DestroyReason) + Send + Sync + 'static) {
    Sessions::global().on_destroy(listener);
}

/// Ends one session of the process-wide manager, on every node, and says whether there was one.
///
/// # Errors
///
/// As [`Sessions::destroy_by_id`].
pub async fn destroy_by_id(id: SessionId) -> Result<bool, Error> {
    Sessions::global().destroy_by_id(id).await
}

/// Ends all sessions of the process-wide manager, on every node, and says how many there were.
///
/// # Errors
///
/// As [`Sessions::destroy_all`].
pub async fn destroy_all() -> Result<u64, Error> {
    Sessions::global().destroy_all().await
}
