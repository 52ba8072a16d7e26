//! The session manager: one per program, or one per part of a site.

mod builder;
mod config;
mod event;
pub(crate) mod expiry;
mod global;
mod info;
mod login;
mod sessions;
mod sweeper;
mod warning;

pub use builder::SessionsBuilder;
pub use config::{LimitPolicy, OutagePolicy};
pub use event::{DestroyReason, Event, Principal, RejectReason, StoreCall};
pub use expiry::Expiry;
pub use info::SessionInfo;
pub use login::Login;
pub use sessions::Sessions;

pub(crate) use event::TARGET;
