#![doc = include_str!("docs/crate.md")]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod cookie;
mod error;
mod exchange;
mod id;
mod manager;
mod platform;
mod record;
mod session;
mod store;
pub mod testing;

pub use cookie::{Opened, SameSite, Seal, SealKey, Secret, SecretHash, Token};
pub use error::{ConfigError, ConfigErrorKind, Error, ErrorKind, StoreError, StoreErrorKind};
pub use exchange::{
    Commit, CommitError, CommitGuard, Exchange, ExchangeGuard, Exchanges, Header, ResponseHeaders, SessionHeaders,
};
pub use id::{InvalidSessionId, SessionId};
pub use manager::{
    DestroyReason, Event, Expiry, OutagePolicy, RejectReason, SessionInfo, Sessions, SessionsBuilder, StoreCall,
};
pub use platform::{Clock, ManualClock, SystemClock, Timestamp};
pub use record::{Change, Changes, Codec, Entry, Limits, Record, RecordBuilder, RecordError, RecordTooLarge, Refusal};
pub use session::{Key, Load, Session, Value};
pub use store::{
    AsyncStore, Committed, Created, Cursor, MemoryStore, MemoryStoreBuilder, Page, Store, StoreFuture, Taken,
};
