//! Choosing a store by its URL.

use std::error::Error;
use std::sync::Arc;

use sessions_core::{MemoryStore, Store};
use sessions_fjall::FjallStore;
use sessions_redb::RedbStore;
use sessions_redis::RedisStore;

use crate::Failure;

/// Opens the store that a URL names. `sessions_max` is the cap of the memory store.
///
/// A failure does not repeat the URL, which may hold a password.
pub(crate) fn open(url: &str, sessions_max: Option<usize>) -> Result<Arc<dyn Store>, Failure> {
    try_open(url, sessions_max).map_err(|error| Failure::new(error).context("--store"))
}

fn try_open(url: &str, sessions_max: Option<usize>) -> Result<Arc<dyn Store>, Box<dyn Error>> {
    let (scheme, rest) = url.split_once(':').unwrap_or((url, ""));
    Ok(match scheme {
        "memory" if rest.is_empty() => Arc::new(memory(sessions_max)),
        "memory" => return Err("memory: takes nothing after the colon".into()),
        _ if sessions_max.is_some() => return Err("--sessions-max is for the memory store only".into()),
        "redb" | "fjall" if rest.is_empty() => return Err(format!("{scheme}: needs a path, {scheme}:PATH").into()),
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
        assert_eq!(name("memory:sessions"), None);
    }

    #[test]
    fn a_failure_says_what_is_wrong_and_no_password() {
        for (url, line) in [
            ("nowhere:", "--store: no such store; try memory: or redb:PATH or redis://localhost"),
            ("redb:", "--store: redb: needs a path, redb:PATH"),
            ("memory:sessions", "--store: memory: takes nothing after the colon"),
        ] {
            assert_eq!(format!("{:?}", open(url, None).unwrap_err()), line);
        }
        let capped = open("redb:sessions.redb", Some(5)).unwrap_err();
        assert_eq!(format!("{capped:?}"), "--store: --sessions-max is for the memory store only");
        let failure = open("redis://:hunter2@localhost:port", None).unwrap_err();
        assert!(!format!("{failure:?}").contains("hunter2"), "{failure:?}");
    }
}
