//! Where sessions are kept: the store in memory, and what an application needs of the others.
//!
//! The contract itself is the crate [`sessions_store`].

pub use sessions_store::{MemoryStore, MemoryStoreBuilder, Store, StoreError, StoreErrorKind};
