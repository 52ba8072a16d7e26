//! A custom store, and its conformance tests. `cargo test -p sessions-conformance --example
//! own_store`

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use sessions_core::Sessions;
use sessions_store::{
    AsyncStore, Changes, Created, Cursor, FromAsync, Page, Record, Refusal, SessionId, StoreError, Timestamp,
};

/// A store in a map. A real store would call its engine where this one locks.
#[derive(Debug, Default)]
struct MapStore(Mutex<BTreeMap<SessionId, Record>>);

impl MapStore {
    /// Runs a step on the locked map.
    fn atomically<T>(&self, step: impl FnOnce(&mut BTreeMap<SessionId, Record>) -> T) -> Result<T, StoreError> {
        Ok(step(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl AsyncStore for MapStore {
    fn name(&self) -> &'static str {
        "map"
    }

    async fn load(&self, id: SessionId, _now: Timestamp) -> Result<Option<Record>, StoreError> {
        self.atomically(|map| map.get(&id).cloned())
    }

    async fn create(&self, record: Record) -> Result<Created, StoreError> {
        self.atomically(|map| match map.contains_key(&record.id()) {
            true => Created::Exists,
            false => {
                map.insert(record.id(), record);
                Created::STORED
            }
        })
    }

    async fn commit(&self, base: Record, changes: Changes) -> Result<Result<Record, Refusal>, StoreError> {
        self.atomically(|map| {
            let record = map.get(&base.id()).ok_or(Refusal::Gone)?.apply(&changes)?;
            map.insert(record.id(), record.clone());
            Ok(record)
        })
    }

    async fn destroy(&self, id: SessionId) -> Result<bool, StoreError> {
        self.atomically(|map| map.remove(&id).is_some())
    }

    async fn destroy_all(&self) -> Result<u64, StoreError> {
        self.atomically(|map| std::mem::take(map).len() as u64)
    }

    async fn of_principal(&self, principal: String, now: Timestamp) -> Result<Vec<Record>, StoreError> {
        let is_theirs = |record: &&Record| record.is_live(now) && record.principal() == Some(&*principal);
        self.atomically(|map| map.values().filter(is_theirs).cloned().collect())
    }

    async fn destroy_of_principal(
        &self,
        principal: String,
        except: Option<SessionId>,
    ) -> Result<Vec<SessionId>, StoreError> {
        let is_theirs = |record: &&Record| record.principal() == Some(&*principal) && Some(record.id()) != except;
        self.atomically(|map| {
            let ended: Vec<SessionId> = map.values().filter(is_theirs).map(Record::id).collect();
            map.retain(|id, _| !ended.contains(id));
            ended
        })
    }

    async fn count(&self) -> Result<u64, StoreError> {
        self.atomically(|map| map.len() as u64)
    }

    async fn scan(&self, from: Option<Cursor>, limit: usize, now: Timestamp) -> Result<Page, StoreError> {
        let first = from.and_then(|cursor| cursor.as_bytes().try_into().ok()).map(SessionId::from_bytes);
        self.atomically(|map| {
            let mut rest = map.values().filter(|record| record.is_live(now) && Some(record.id()) >= first);
            let records: Vec<Record> = rest.by_ref().take(limit.max(1)).cloned().collect();
            Page::new(records, rest.next().map(|record| Cursor::from_bytes(record.id().as_bytes().as_slice())))
        })
    }

    async fn sweep(&self, limit: usize, now: Timestamp) -> Result<Vec<SessionId>, StoreError> {
        self.atomically(|map| {
            let expired = map.values().filter(|record| record.has_expired(now)).map(Record::id);
            let expired: Vec<SessionId> = expired.take(limit).collect();
            map.retain(|id, _| !expired.contains(id));
            expired
        })
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sessions = Sessions::builder().store(FromAsync::new(MapStore::default())).build()?;
    let session = pollster::block_on(sessions.open().session([]))?;
    session.login("ann")?;
    pollster::block_on(session.save())?;
    assert_eq!(pollster::block_on(sessions.count())?, 1);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    sessions_conformance::store_conformance!(pollster::block_on, FromAsync::new(MapStore::default()));
}
