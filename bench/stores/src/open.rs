//! The stores.

use std::sync::Arc;

use sessions_core::store::{MemoryStore, Store};
use sessions_fjall::FjallStore;
use sessions_redb::RedbStore;
use sessions_redis::RedisStore;

/// Opens a store by name, with default options.
pub(crate) fn store(name: &str, place: &str) -> Arc<dyn Store> {
    match name {
        "memory" => Arc::new(MemoryStore::default()),
        "redb" => Arc::new(RedbStore::open(place).expect("the file can be made")),
        "fjall" => Arc::new(FjallStore::open(place).expect("the directory can be made")),
        "redis" => Arc::new(RedisStore::open(place).expect("the URL is valid")),
        _ => panic!("there is no store {name}"),
    }
}
