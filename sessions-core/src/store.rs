//! The store in memory, and what applications need to use other stores.
//!
//! The contract of a store is the crate [`sessions_store`].

pub use sessions_store::{Cursor, MemoryStore, MemoryStoreBuilder, Store, StoreError, StoreErrorKind};
