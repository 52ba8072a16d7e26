//! Explicit calls for the process-wide manager, [`Sessions::global`].

use std::time::Duration;

use http::Response;
use sessions_core::{DestroyReason, Session, SessionId, Sessions};

use crate::error::SessionError;
use crate::ext::SessionsExt;
use crate::request::RequestHead;

/// Starts a session; see [`SessionsExt::start`].
///
/// # Errors
///
/// Same as [`SessionsExt::start`].
pub fn start<R: RequestHead>(request: &R) -> impl Future<Output = Result<Session, SessionError>> + Send {
    Sessions::global().start(request)
}

/// Finishes a session; see [`SessionsExt::finish`].
///
/// # Errors
///
/// Same as [`SessionsExt::finish`].
pub fn finish<B>(
    session: &Session,
    response: &mut Response<B>,
) -> impl Future<Output = Result<(), SessionError>> + Send {
    Sessions::global().finish(session, response)
}

/// Ends the request's session; see [`SessionsExt::destroy`].
///
/// # Errors
///
/// Same as [`SessionsExt::destroy`].
pub fn destroy<R: RequestHead, B>(
    request: &R,
    response: &mut Response<B>,
) -> impl Future<Output = Result<(), SessionError>> + Send {
    Sessions::global().destroy(request, response)
}

/// Restarts the idle timeout of the request's session; see [`SessionsExt::shift_expiration`].
///
/// # Errors
///
/// Same as [`SessionsExt::shift_expiration`].
pub fn shift_expiration<R: RequestHead, B>(
    request: &R,
    response: &mut Response<B>,
) -> impl Future<Output = Result<(), SessionError>> + Send {
    Sessions::global().shift_expiration(request, response)
}

/// Sets an idle timeout for the request's session; see [`SessionsExt::update_expiration`].
///
/// # Errors
///
/// Same as [`SessionsExt::update_expiration`].
pub fn update_expiration<R: RequestHead, B>(
    request: &R,
    response: &mut Response<B>,
    idle: Duration,
) -> impl Future<Output = Result<(), SessionError>> + Send {
    Sessions::global().update_expiration(request, response, idle)
}

/// Calls `listener` for each session that the manager ends; see [`Sessions::on_destroy`].
///
/// It is called neither by [`destroy_all`] nor for sessions that other nodes end.
pub fn on_destroy(listener: impl Fn(SessionId, DestroyReason) + Send + Sync + 'static) {
    Sessions::global().on_destroy(listener);
}

/// Ends one session on every node and returns whether it existed.
///
/// # Errors
///
/// Same as [`Sessions::destroy_by_id`].
pub async fn destroy_by_id(id: SessionId) -> Result<bool, SessionError> {
    Ok(Sessions::global().destroy_by_id(id).await?)
}

/// Ends all sessions on every node and returns how many.
///
/// # Errors
///
/// Same as [`Sessions::destroy_all`].
pub async fn destroy_all() -> Result<u64, SessionError> {
    Ok(Sessions::global().destroy_all().await?)
}
