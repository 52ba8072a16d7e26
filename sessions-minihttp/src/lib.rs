#![doc = include_str!("docs/crate.md")]
#![forbid(unsafe_code)]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod block_on;
mod connection;
mod device;
mod ext;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod gate;
pub mod global;
mod headers;
mod http;
mod http_server;
mod request;
mod response;
mod server;
mod service;
mod stack;
mod visit;
mod wire;

pub use block_on::block_on;
pub use device::device;
pub use ext::SessionsExt;
pub use gate::SignedInService;
pub use http_server::{HttpServer, HttpService, HttpServiceFactory};
pub use request::{Body, Request};
pub use response::Response;
pub use service::{BoxError, SessionService, WithSessions};
#[doc(no_inline)]
pub use sessions_core;
#[cfg(feature = "seal")]
pub use sessions_core::SealKey;
pub use sessions_core::adapter::SignedIn;
pub use sessions_core::{
    ConfigError, CrossOrigin, DestroyReason, Device, ErrorKind, Event, Expiry, Key, LimitPolicy, Login, OutagePolicy,
    RejectReason, SameSite, Session, SessionId, SessionInfo, Sessions, SessionsBuilder, Timestamp, TrustedProxies,
    local_path,
};
pub use stack::raise_stack_size;

/// The error of a session. Unlike in other adapters, it is core's own, since every request has a
/// session to load.
pub type SessionError = sessions_core::Error;

/// The `tracing` target of this crate's log lines.
pub(crate) const TARGET: &str = "sessions_minihttp";
