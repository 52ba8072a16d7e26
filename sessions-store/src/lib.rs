#![doc = include_str!("docs/crate.md")]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

/// Implements `Debug` with the type's name and only the named fields and getters; the rest must not
/// be logged. For our own crates.
#[doc(hidden)]
#[macro_export]
macro_rules! redacted {
    ($name:ident $(<$lifetime:lifetime>)? $({ $($shown:ident $(($($none:tt)?))?),* })?) => {
        impl ::std::fmt::Debug for $name $(<$lifetime>)? {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.debug_struct(stringify!($name))
                    $($(.field(stringify!($shown), &self.$shown $(($($none)?))?))*)?
                    .finish_non_exhaustive()
            }
        }
    };
}

mod contract;
mod error;
mod id;
mod maybe_ready;
mod memory;
mod record;
mod timestamp;
pub mod view;

pub use contract::{Answer, AsyncStore, Created, Cursor, FromAsync, Page, Store, StoreFuture};
pub use error::{StoreError, StoreErrorKind};
pub use id::{InvalidSessionId, SessionId};
pub use maybe_ready::MaybeReady;
pub use memory::{MemoryStore, MemoryStoreBuilder};
pub use record::{
    Change, Changes, Entry, Lifetime, Limits, Record, RecordBuilder, RecordError, Refusal, SecretHash, Verb,
};
pub use timestamp::Timestamp;
