//! For adapters: the session side of one request and its response.
//!
//! An adapter makes no decisions itself:
//!
//! 1. Before the handler, [`Exchanges::wrap`] returns an [`Exchange`], or `None` if an outer
//!    middleware ends it.
//! 2. When the handler asks, [`Exchanges::load`] loads its session from the [`RequestHeaders`].
//! 3. After the handler, [`Exchange::end`] saves what it changed, and
//!    [`SessionHeaders::write_to`] writes the headers that the response must carry.

pub use crate::cookie::{Secret, Token};
pub use crate::exchange::{
    Commit, CommitError, CommitGuard, Exchange, ExchangeGuard, Exchanges, ResponseHeader, ResponseHeaders,
    SessionHeaders, write_redirect,
};
pub use crate::request::{Gate, RequestHeader, RequestHeaders};
pub use crate::session::{Admission, Load, SignedIn};
pub use sessions_store::{MaybeReady, SecretHash};
