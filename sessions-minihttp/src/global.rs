//! The explicit form on the process-wide default manager, [`Sessions::global`].

use std::time::Duration;

use sessions_core::{Error, Session, SessionId, Sessions};

use crate::block_on;
use crate::ext::SessionsExt as _;
use crate::request::Request;
use sessions_core::DestroyReason;

/// Loads a request's session of the process-wide manager; see [`Request::session`].
///
/// # Errors
///
/// As [`Request::session`].
pub fn start(request: &Request<'_>) -> Result<Session, Error> {
    Sessions::global().start(request)
}

/// Ends a request's session of the process-wide manager; see
/// [`SessionsExt::destroy`](crate::SessionsExt::destroy).
///
/// # Errors
///
/// As [`SessionsExt::destroy`](crate::SessionsExt::destroy).
pub fn destroy(request: &Request<'_>) -> Result<(), Error> {
    Sessions::global().destroy(request)
}

/// Begins the idle limit of a request's session anew; see [`Session::shift_expiration`].
///
/// # Errors
///
/// As [`Request::session`] and [`Session::shift_expiration`].
pub fn shift_expiration(request: &Request<'_>) -> Result<(), Error> {
    start(request)?.shift_expiration()
}

/// Gives a request's session an idle limit of its own; see [`Session::update_expiration`].
///
/// # Errors
///
/// As [`Request::session`] and [`Session::update_expiration`].
pub fn update_expiration(request: &Request<'_>, idle: Duration) -> Result<(), Error> {
    start(request)?.update_expiration(idle)
}

/// Calls `listener` for every session of the process-wide manager that ends; see
/// [`Sessions::on_destroy`].
pub fn on_destroy(listener: impl Fn(SessionId, DestroyReason) + Send + Sync + 'static) {
    Sessions::global().on_destroy(listener);
}

/// Ends one session of the process-wide manager, and says whether there was one; see
/// [`Sessions::destroy_by_id`].
///
/// # Errors
///
/// As [`Sessions::destroy_by_id`].
pub fn destroy_by_id(id: SessionId) -> Result<bool, Error> {
    block_on(Sessions::global().destroy_by_id(id))
}

/// Ends all sessions of the process-wide manager, and says how many there were; see
/// [`Sessions::destroy_all`].
///
/// # Errors
///
/// As [`Sessions::destroy_all`].
pub fn destroy_all() -> Result<u64, Error> {
    block_on(Sessions::global().destroy_all())
}
