#![doc = include_str!("docs/crate.md")]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod attach;
mod base64url;
mod changes;
mod clock;
mod codec;
mod commit;
mod config;
mod cookie;
mod entropy;
mod error;
mod event;
mod exchange;
mod expiry;
mod global;
mod id;
mod info;
mod integer;
mod key;
mod limits;
mod load;
mod outcome;
mod record;
mod scratch;
mod seal;
mod session;
mod sessions;
mod state;
mod store;
mod sweeper;
mod token;
mod turn;
mod value;
mod view;

pub use attach::{Attach, Field, ResponseHead};
pub use changes::{Change, Changes};
pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use codec::Codec;
pub use commit::Commit;
pub use config::{ConfigError, ConfigErrorKind, OutagePolicy, SessionsBuilder};
pub use cookie::SameSite;
pub use entropy::{Entropy, EntropyError, OsEntropy};
pub use error::{Error, ErrorKind, StoreError, StoreErrorKind};
pub use event::{DestroyReason, Event, RejectReason, StoreCall};
pub use exchange::Exchange;
pub use expiry::Expiry;
pub use id::{InvalidSessionId, SessionId};
pub use info::SessionInfo;
pub use key::Key;
pub use limits::Limits;
pub use load::Load;
pub use record::{Entry, Record, RecordBuilder, RecordError, RecordTooLarge, Refusal};
pub use seal::{Opened, Seal, SealKey};
pub use session::Session;
pub use sessions::Sessions;
pub use store::{
    AsyncStore, Committed, Created, Cursor, MemoryStore, MemoryStoreBuilder, Page, Store, StoreFuture, Taken,
};
pub use token::{Secret, SecretHash, Token};
pub use value::Value;
