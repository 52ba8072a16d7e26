//! The session manager: one per program, or one per part of a site.

mod builder;
mod event;
pub(crate) mod expiry;
mod global;
mod info;
mod login;
mod sessions;
mod sweeper;

pub use builder::{LimitPolicy, OutagePolicy, SessionsBuilder};
pub use event::{DestroyReason, Event, Principal, RejectReason, StoreCall};
pub use expiry::Expiry;
pub use info::SessionInfo;
pub use login::Login;
pub use sessions::Sessions;

pub(crate) use event::TARGET;
