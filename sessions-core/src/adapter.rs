//! For adapters: the session side of one request and its response.
//!
//! An adapter keeps an [`Exchange`] with the request, loads the session when the handler asks for
//! it, ends the exchange when the handler is done, and writes the [`SessionHeaders`] to the
//! response. It makes no decisions itself.

pub use crate::cookie::{Secret, Token};
pub use crate::exchange::{
    Commit, CommitError, CommitGuard, Exchange, ExchangeGuard, Exchanges, ResponseHeader, ResponseHeaders,
    SessionHeaders, write_redirect,
};
pub use crate::request::{Gate, RequestHeader, RequestHeaders};
pub use crate::session::{Admission, Load, SignedIn};
pub use sessions_store::{MaybeReady, SecretHash};
