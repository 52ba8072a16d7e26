//! An engine over a map, which can lose its answers and let its calls wait at a gate.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use sessions_remote::{Answer, Engine, Failure, Swap, Values};
use sessions_store::{Record, SessionId, Timestamp};

use crate::gates::Gates;

pub(crate) type Map = Arc<Mutex<BTreeMap<SessionId, Vec<u8>>>>;

#[derive(Debug, Default)]
pub(crate) struct MapEngine {
    pub(crate) map: Map,
    /// How many writes are done without an answer.
    pub(crate) lost: AtomicUsize,
    /// How many calls get lost before they are done.
    pub(crate) dropped: AtomicUsize,
    /// How many swaps are done twice, as by a client that tries again by itself.
    pub(crate) repeated: AtomicUsize,
    /// How many calls are not done.
    pub(crate) unreached: AtomicUsize,
    /// How many deletes are not done.
    pub(crate) unreached_deletes: AtomicUsize,
    /// How many calls are never answered.
    pub(crate) silent: AtomicUsize,
    /// How many sessions cannot be listed, since there is no room.
    pub(crate) full: AtomicUsize,
    /// How many inserts that were done before find no room.
    pub(crate) full_inserts: AtomicUsize,
    pub(crate) calls: AtomicUsize,
    /// The time that each call takes.
    pub(crate) latency: Duration,
    pub(crate) is_sharded: bool,
    /// The session whose server cannot be reached.
    pub(crate) lonely: Option<SessionId>,
    /// Where each call waits until a test lets it pass.
    pub(crate) gates: Option<Arc<Gates>>,
    /// What was listed, unlisted and written, in order.
    pub(crate) log: Mutex<Vec<String>>,
}

impl MapEngine {
    pub(crate) fn over(map: &Map) -> Self {
        Self { map: Arc::clone(map), ..Self::default() }
    }

    /// Waits at the gate, or else once, so that other calls come in between and a future can be
    /// dropped here.
    async fn lock(&self, call: &'static str) -> Answer<MutexGuard<'_, BTreeMap<SessionId, Vec<u8>>>> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        match &self.gates {
            Some(gates) => gates.pass(call).await,
            None => tokio::task::yield_now().await,
        }
        if !self.latency.is_zero() {
            tokio::time::sleep(self.latency).await;
        }
        if take_one(&self.silent) {
            return std::future::pending().await;
        }
        if take_one(&self.dropped) {
            return Err(Failure::lost("the call was lost"));
        }
        if take_one(&self.unreached) {
            return Err(Failure::unreached("the map is out of reach"));
        }
        Ok(self.map.lock().unwrap())
    }

    fn answer<T>(&self, value: T) -> Answer<T> {
        if take_one(&self.lost) { Err(Failure::lost("the answer was lost")) } else { Ok(value) }
    }
}

fn take_one(counter: &AtomicUsize) -> bool {
    counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

fn replace(map: &mut BTreeMap<SessionId, Vec<u8>>, before: &Record, after: &Record) -> Swap {
    match map.get_mut(&after.id()) {
        Some(value) if value.starts_with(before.mark()) => {
            *value = after.as_bytes().to_vec();
            Swap::Done
        }
        Some(value) => Swap::Changed(value.clone()),
        None => Swap::Missing,
    }
}

fn record(value: &[u8]) -> Option<Record> {
    Record::decode(value).ok()
}

/// Reads a record of whatever format, in place of an index of principals.
fn as_this_format(value: &[u8]) -> Option<Record> {
    let (_, rest) = value.split_first()?;
    record(&[&[1], rest].concat())
}

impl Engine for MapEngine {
    const NAME: &'static str = "map";
    const LISTS_PRINCIPALS: bool = true;

    fn is_sharded(&self) -> bool {
        self.is_sharded
    }

    async fn list(&self, record: &Record) -> Answer<()> {
        self.log.lock().unwrap().push(format!("list {:?}", record.principal()));
        if take_one(&self.full) { Err(Failure::full("the list is full")) } else { Ok(()) }
    }

    async fn unlist(&self, principal: &str, _: SessionId) -> Answer<()> {
        self.log.lock().unwrap().push(format!("unlist {principal}"));
        Ok(())
    }

    async fn get(&self, id: SessionId) -> Answer<Option<Vec<u8>>> {
        if self.lonely == Some(id) {
            return Err(Failure::unreached("its server is out of reach"));
        }
        Ok(self.lock("get").await?.get(&id).cloned())
    }

    async fn insert(&self, new: &Record) -> Answer<bool> {
        self.log.lock().unwrap().push("insert".to_owned());
        let is_free = {
            let mut map = self.lock("insert").await?;
            let is_free = !map.contains_key(&new.id());
            if !is_free && take_one(&self.full_inserts) {
                return Err(Failure::full("the map is full"));
            }
            if is_free {
                map.insert(new.id(), new.as_bytes().to_vec());
            }
            is_free
        };
        self.answer(is_free)
    }

    async fn swap(&self, before: &Record, after: &Record, _: Timestamp) -> Answer<Swap> {
        let swap = {
            let mut map = self.lock("swap").await?;
            let first = replace(&mut map, before, after);
            if first == Swap::Done {
                self.log.lock().unwrap().push("swap".to_owned());
            }
            if take_one(&self.repeated) { replace(&mut map, before, after) } else { first }
        };
        self.answer(swap)
    }

    async fn delete(&self, id: SessionId) -> Answer<Option<Vec<u8>>> {
        if take_one(&self.unreached_deletes) {
            return Err(Failure::unreached("the map is out of reach"));
        }
        let deleted = self.lock("delete").await?.remove(&id);
        self.answer(deleted)
    }

    async fn of_principal(&self, principal: &str, _: Option<&[u8]>) -> Answer<Values> {
        let map = self.lock("of_principal").await?;
        let is_theirs = |value: &&Vec<u8>| record(value).is_some_and(|record| record.principal() == Some(principal));
        Ok(Values::new(map.values().filter(is_theirs).cloned().collect(), None))
    }

    async fn delete_of_principal(&self, principal: &str, except: Option<SessionId>) -> Answer<Vec<SessionId>> {
        let mut map = self.lock("delete_of_principal").await?;
        let is_theirs =
            |value: &[u8]| as_this_format(value).is_some_and(|record| record.principal() == Some(principal));
        let theirs = map.iter().filter(|(id, value)| Some(**id) != except && is_theirs(value));
        let ids: Vec<_> = theirs.map(|(id, _)| *id).collect();
        ids.iter().for_each(|id| drop(map.remove(id)));
        Ok(ids)
    }

    async fn page(&self, from: Option<&[u8]>, limit: usize) -> Answer<Values> {
        let map = self.lock("page").await?;
        let first = from.and_then(|from| from.try_into().ok()).map(SessionId::from_bytes);
        let mut rest = map.iter().filter(|(id, _)| Some(**id) >= first);
        let values = rest.by_ref().take(limit).map(|(_, value)| value.clone()).collect();
        Ok(Values::new(values, rest.next().map(|(id, _)| id.as_bytes().to_vec())))
    }

    async fn count(&self) -> Answer<u64> {
        Ok(self.lock("count").await?.len() as u64)
    }

    async fn delete_all(&self) -> Answer<u64> {
        Ok(std::mem::take(&mut *self.lock("delete_all").await?).len() as u64)
    }

    async fn sweep(&self, limit: usize, now: Timestamp) -> Answer<Vec<SessionId>> {
        let mut map = self.lock("sweep").await?;
        let is_expired = |value: &[u8]| record(value).is_some_and(|record| record.has_expired(now));
        let expired: Vec<_> =
            map.iter().filter(|(_, value)| is_expired(value)).map(|(id, _)| *id).take(limit).collect();
        expired.iter().for_each(|id| drop(map.remove(id)));
        Ok(expired)
    }
}
