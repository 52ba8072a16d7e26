//! A custom engine and its tests. `cargo test -p sessions-remote --example engine`

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sessions_core::Sessions;
use sessions_remote::{Answer, Engine, Options, RemoteStore, Swap, Values};
use sessions_store::{Record, SessionId, Timestamp};

/// A database of values by id. A real engine sends each call over a connection, and tells why one
/// failed.
#[derive(Debug, Default)]
struct MapEngine(Mutex<HashMap<SessionId, Vec<u8>>>);

impl MapEngine {
    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes the values for which `ends` holds, at most `limit`, and returns their ids.
    fn delete_if(&self, limit: usize, ends: impl Fn(&Record) -> bool) -> Vec<SessionId> {
        let mut map = self.lock();
        let ended = map.iter().filter(|(_, value)| Record::decode(value.as_slice()).is_ok_and(|record| ends(&record)));
        let ended: Vec<SessionId> = ended.map(|(id, _)| *id).take(limit).collect();
        map.retain(|id, _| !ended.contains(id));
        ended
    }
}

impl Engine for MapEngine {
    const NAME: &'static str = "map";

    async fn get(&self, id: SessionId) -> Answer<Option<Vec<u8>>> {
        Ok(self.lock().get(&id).cloned())
    }

    async fn insert(&self, new: &Record) -> Answer<bool> {
        let mut map = self.lock();
        let is_free = !map.contains_key(&new.id());
        if is_free {
            map.insert(new.id(), new.as_bytes().to_vec());
        }
        Ok(is_free)
    }

    async fn swap(&self, before: &Record, after: &Record, _now: Timestamp) -> Answer<Swap> {
        Ok(match self.lock().get_mut(&after.id()) {
            Some(value) if value.starts_with(before.mark()) => {
                *value = after.as_bytes().to_vec();
                Swap::Done
            }
            Some(value) => Swap::Changed(value.clone()),
            None => Swap::Missing,
        })
    }

    async fn delete(&self, id: SessionId) -> Answer<Option<Vec<u8>>> {
        Ok(self.lock().remove(&id))
    }

    async fn of_principal(&self, principal: &str, _from: Option<&[u8]>) -> Answer<Values> {
        let map = self.lock();
        let theirs = map
            .values()
            .filter(|value| Record::decode(value.as_slice()).is_ok_and(|record| record.principal() == Some(principal)));
        Ok(Values::new(theirs.cloned().collect(), None))
    }

    async fn delete_of_principal(&self, principal: &str, except: Option<SessionId>) -> Answer<Vec<SessionId>> {
        Ok(self.delete_if(usize::MAX, |record| record.principal() == Some(principal) && Some(record.id()) != except))
    }

    async fn page(&self, from: Option<&[u8]>, limit: usize) -> Answer<Values> {
        let map = self.lock();
        let mut ids: Vec<&SessionId> = map.keys().filter(|id| Some(id.as_bytes().as_slice()) >= from).collect();
        ids.sort_unstable();
        let next = ids.get(limit).map(|id| id.as_bytes().to_vec());
        Ok(Values::new(ids.into_iter().take(limit).filter_map(|id| map.get(id).cloned()).collect(), next))
    }

    async fn count(&self) -> Answer<u64> {
        Ok(self.lock().len() as u64)
    }

    async fn delete_all(&self) -> Answer<u64> {
        Ok(self.lock().drain().count() as u64)
    }

    async fn sweep(&self, limit: usize, now: Timestamp) -> Answer<Vec<SessionId>> {
        Ok(self.delete_if(limit, |record| record.has_expired(now)))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = RemoteStore::new(MapEngine::default(), Options::default())?;
    Sessions::builder().store(store).build()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> RemoteStore<MapEngine> {
        RemoteStore::new(MapEngine::default(), Options::default()).expect("a thread can be started")
    }

    sessions_conformance::store_conformance!(pollster::block_on, open());
}
