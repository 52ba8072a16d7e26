//! The stores that every adapter is measured with.

use std::sync::Arc;

use sessions_core::{MemoryStore, Store};

/// Is the store of the subjects that name none.
pub(crate) const MEMORY: &str = "memory";

/// Names the other stores.
pub(crate) const OTHERS: &[&str] = &[];

/// Opens a store by its name.
pub(crate) fn open(name: &str) -> Arc<dyn Store> {
    match name {
        MEMORY => Arc::new(MemoryStore::default()),
        _ => panic!("there is no store {name}"),
    }
}
