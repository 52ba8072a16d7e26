#![doc = include_str!("docs/crate.md")]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

pub mod adapter;
mod cookie;
mod error;
mod exchange;
mod id;
mod manager;
mod platform;
pub mod record;
mod request;
mod session;
pub mod store;
pub mod testing;

#[cfg(feature = "seal")]
pub use cookie::SealKey;
pub use cookie::{Opened, SameSite, Seal};
pub use error::{ConfigError, ConfigErrorKind, Error, ErrorKind};
pub use id::{InvalidSessionId, SessionId};
pub use manager::{
    DestroyReason, Event, Expiry, LimitPolicy, Login, OutagePolicy, Principal, RejectReason, SessionInfo, Sessions,
    SessionsBuilder, StoreCall,
};
pub use platform::{Clock, SystemClock, Timestamp};
pub use record::codec::Codec;
pub use request::{CrossOrigin, Device, TrustedProxies, local_path};
pub use session::{Issued, Key, Lenient, Session, Value};
