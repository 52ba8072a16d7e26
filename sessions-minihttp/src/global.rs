//! Explicit calls for the process-wide manager, [`Sessions::global`].

use std::time::Duration;

use sessions_core::{DestroyReason, Session, SessionId, Sessions};

use crate::ext::SessionsExt as _;
use crate::request::Request;
use crate::{SessionError, block_on};

/// Loads a request's session; see [`Request::session`].
///
/// # Errors
///
/// Same as [`Request::session`].
pub fn start(request: &Request<'_>) -> Result<Session, SessionError> {
    Sessions::global().start(request)
}

/// Ends a request's session; see [`SessionsExt::destroy`](crate::SessionsExt::destroy).
///
/// # Errors
///
/// Same as [`SessionsExt::destroy`](crate::SessionsExt::destroy).
pub fn destroy(request: &Request<'_>) -> Result<(), SessionError> {
    Sessions::global().destroy(request)
}

/// Restarts the idle timeout of a request's session; see [`Session::shift_expiration`].
///
/// # Errors
///
/// Same as [`Request::session`] and [`Session::shift_expiration`].
pub fn shift_expiration(request: &Request<'_>) -> Result<(), SessionError> {
    Sessions::global().shift_expiration(request)
}

/// Sets an idle timeout for a request's session; see [`Session::update_expiration`].
///
/// # Errors
///
/// Same as [`Request::session`] and [`Session::update_expiration`].
pub fn update_expiration(request: &Request<'_>, idle: Duration) -> Result<(), SessionError> {
    Sessions::global().update_expiration(request, idle)
}

/// Calls `listener` for each session that the manager ends; see [`Sessions::on_destroy`].
///
/// It is called neither by [`destroy_all`] nor for sessions that other nodes end.
pub fn on_destroy(listener: impl Fn(SessionId, DestroyReason) + Send + Sync + 'static) {
    Sessions::global().on_destroy(listener);
}

/// Ends one session and returns whether it existed; see [`Sessions::destroy_by_id`].
///
/// # Errors
///
/// Same as [`Sessions::destroy_by_id`].
pub fn destroy_by_id(id: SessionId) -> Result<bool, SessionError> {
    block_on(Sessions::global().destroy_by_id(id))
}

/// Ends all sessions and returns how many; see [`Sessions::destroy_all`].
///
/// # Errors
///
/// Same as [`Sessions::destroy_all`].
pub fn destroy_all() -> Result<u64, SessionError> {
    block_on(Sessions::global().destroy_all())
}
