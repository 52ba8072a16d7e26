//! The stores of all subjects.

use std::sync::Arc;
use std::time::Duration;

use harness::{is_under_valgrind, redis_url};
use sessions_core::store::{MemoryStore, Store};
use sessions_fjall::FjallStore;
use sessions_redb::RedbStore;
use sessions_redis::RedisStore;
use tempfile::TempDir;

/// Store of the subjects whose name contains none.
pub(crate) const MEMORY: &str = "memory";

/// Names of the other stores.
pub(crate) const OTHERS: &[&str] = &["redb", "fjall", "redis"];

/// A store, with the directory of its files.
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) folder: Option<TempDir>,
}

/// Opens a store by name.
pub(crate) fn open(name: &str) -> Opened {
    let folder = matches!(name, "redb" | "fjall").then(|| TempDir::new().expect("a directory can be made"));
    let path = folder.as_ref().map(|folder| folder.path().join("sessions")).unwrap_or_default();
    let store: Arc<dyn Store> = match name {
        MEMORY => Arc::new(MemoryStore::default()),
        "redb" => Arc::new(RedbStore::open(&path).expect("the directory is new")),
        "fjall" => Arc::new(FjallStore::open(&path).expect("the directory is new")),
        "redis" => Arc::new(redis()),
        _ => panic!("there is no store {name}"),
    };
    Opened { store, folder }
}

fn redis() -> RedisStore {
    let mut builder = RedisStore::builder();
    if is_under_valgrind() {
        let patience = Duration::from_secs(60);
        builder = builder.load_deadline(patience).commit_deadline(patience);
    }
    builder.open(&redis_url()).expect("the runner's URL is one")
}
