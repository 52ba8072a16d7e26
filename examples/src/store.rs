//! Choosing a store by its URL.

use std::error::Error;
use std::sync::Arc;

use sessions_core::{MemoryStore, Store};
use sessions_fjall::FjallStore;
use sessions_redb::RedbStore;
use sessions_redis::RedisStore;

/// Opens the store that a URL names. `sessions_max` is the cap of the memory store.
pub(crate) fn open(url: &str, sessions_max: Option<usize>) -> Result<Arc<dyn Store>, Box<dyn Error>> {
    let (scheme, rest) = url.split_once(':').unwrap_or((url, ""));
    Ok(match scheme {
        "memory" => Arc::new(memory(sessions_max)),
        "redb" => Arc::new(RedbStore::open(rest)?),
        "fjall" => Arc::new(FjallStore::open(rest)?),
        "redis" | "rediss" | "redis+unix" | "redis-cluster" => Arc::new(RedisStore::open(url)?),
        _ => return Err("no such store; try memory: or redb:PATH or redis://localhost".into()),
    })
}

fn memory(sessions_max: Option<usize>) -> MemoryStore {
    let builder = MemoryStore::builder();
    match sessions_max {
        Some(max) => builder.max_sessions(max).build(),
        None => builder.build(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(url: &str) -> Option<&'static str> {
        open(url, None).ok().map(|store| store.name())
    }

    #[test]
    fn a_url_names_its_store() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        assert_eq!(name("memory:"), Some("memory"));
        assert_eq!(name(&format!("redb:{path}/sessions.redb")), Some("redb"));
        assert_eq!(name(&format!("fjall:{path}/sessions")), Some("fjall"));
        assert_eq!(name("nowhere:"), None);
        assert_eq!(name("redb:"), None);
    }
}
