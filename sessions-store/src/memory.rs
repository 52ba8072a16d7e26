//! The in-memory store.

mod evict;
mod footprint;
mod index;
mod room;
mod slices;
mod sweep;

use std::fmt;
use std::sync::atomic::AtomicUsize;

use dashmap::Entry;

use crate::contract::{Created, Cursor, Page, Store, StoreFuture};
use crate::id::SessionId;
use crate::record::{Changes, Record, Refusal};
use crate::timestamp::Timestamp;
use footprint::Footprint;
use index::Index;
use room::Room;
use slices::{Slice, Slices};

/// A store that keeps sessions in memory. They are lost when the process ends.
///
/// Every call returns a ready future, so the store works with any runtime and with none. A load
/// copies nothing: it holds one of several hundred read locks only to increment a reference count.
///
/// # Limits
///
/// The store keeps at most [`max_sessions`](MemoryStoreBuilder::max_sessions) and
/// [`max_bytes`](MemoryStoreBuilder::max_bytes), so that visitors without a cookie cannot exhaust
/// the machine's memory. When it is full, each new session evicts a batch of others: expired
/// sessions first, then anonymous ones, least recently seen first. As in Redis, the order is
/// approximate: an eviction compares only the sessions in one part of the store, a different part
/// each time. Signed-in sessions are not evicted. A store that has no others returns
/// [`Created::Full`].
///
/// A write to an existing session is never refused, even if it exceeds `max_bytes`; the next new
/// session then evicts more. Threads that create sessions concurrently may briefly exceed a limit
/// by one session each.
///
/// # Example
///
/// ```
/// use sessions_store::{Created, MemoryStore, Record, SecretHash, SessionId, Store, Timestamp};
///
/// let store = MemoryStore::builder().max_sessions(100_000).max_bytes(256 << 20).build();
/// let (id, now) = (SessionId::from_bytes([1; 16]), Timestamp::from_millis(0));
/// let record = Record::builder(id, SecretHash::from_bytes([2; 32]), now).entry("cart", b"[]").build()?;
///
/// let created = pollster::block_on(store.create(&record))?;
/// assert_eq!(created, Created::STORED);
/// assert_eq!(pollster::block_on(store.load(id, now))?, Some(record));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MemoryStore {
    slices: Slices,
    index: Index,
    room: Room,
    /// The number of the slice where the next sweep begins.
    sweep_from: AtomicUsize,
    /// The number of the slice where the next eviction begins.
    evict_from: AtomicUsize,
}

/// A builder of a [`MemoryStore`].
#[derive(Clone, Debug)]
#[must_use]
pub struct MemoryStoreBuilder {
    max_sessions: usize,
    max_bytes: usize,
}

impl MemoryStore {
    /// Returns a builder with the default limits: 1,000,000 sessions and 1 GiB.
    pub const fn builder() -> MemoryStoreBuilder {
        MemoryStoreBuilder { max_sessions: 1_000_000, max_bytes: 1 << 30 }
    }
}

impl Default for MemoryStore {
    /// Creates a store with the default limits: 1,000,000 sessions and 1 GiB.
    fn default() -> Self {
        Self::builder().build()
    }
}

impl MemoryStoreBuilder {
    /// Sets the maximum number of sessions; 1,000,000 by default.
    pub const fn max_sessions(mut self, sessions: usize) -> Self {
        self.max_sessions = sessions;
        self
    }

    /// Sets the maximum size of all sessions in bytes, including the overhead of each; 1 GiB by
    /// default.
    pub const fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Creates the store.
    #[must_use]
    pub fn build(self) -> MemoryStore {
        MemoryStore {
            slices: Slices::default(),
            index: Index::default(),
            room: Room::new(self.max_sessions, self.max_bytes),
            sweep_from: AtomicUsize::new(0),
            evict_from: AtomicUsize::new(0),
        }
    }
}

/// Every change to a record is made under the lock of its shard, including the change to the index
/// of principals. Lock order: a record's shard first, then the index.
impl MemoryStore {
    fn find(&self, id: SessionId) -> Option<Record> {
        self.slices.of(id).records.get(&id).map(|record| record.clone())
    }

    fn insert(&self, record: &Record) -> Created {
        let (new, now) = (Footprint::of(record), record.last_seen());
        let slice = self.slices.of(new.id);
        let mut evicted = Vec::new();
        if !self.room.admits(&new) {
            if slice.records.contains_key(&new.id) {
                return Created::Exists;
            }
            if self.room.fits(&new) {
                evicted = self.evict_expired(now);
            }
            if evicted.is_empty() {
                return Created::Full;
            }
            // A session that evicted others is admitted, so that the outcome can list them.
        }
        match slice.records.entry(new.id) {
            Entry::Occupied(_) => return Created::Exists,
            Entry::Vacant(vacant) => {
                let _guard = vacant.insert(record.clone());
                self.account(slice, None, Some(&new));
            }
        }
        self.make_room(new.id, now, &mut evicted);
        Created::stored(evicted)
    }

    /// Replaces a record with the result of `change`, and returns the new record.
    fn replace(
        &self,
        id: SessionId,
        change: impl FnOnce(&Record) -> Result<Record, Refusal>,
    ) -> Result<Record, Refusal> {
        let slice = self.slices.of(id);
        let mut place = slice.records.get_mut(&id).ok_or(Refusal::Gone)?;
        let record = change(&place)?;
        let (old, new) = (Footprint::of(&place), Footprint::of(&record));
        self.account(slice, Some(&old), Some(&new));
        *place = record.clone();
        Ok(record)
    }

    /// Removes a record if `condition` holds, in one atomic step. Returns whether it did.
    fn remove_if(&self, id: SessionId, condition: impl FnOnce(&Record) -> bool) -> bool {
        let slice = self.slices.of(id);
        let removed = slice.records.remove_if(&id, |_, record| {
            let removes = condition(record);
            if removes {
                self.account(slice, Some(&Footprint::of(record)), None);
            }
            removes
        });
        removed.is_some()
    }

    /// Replaces the old record by the new one in the index and in every count.
    // Inlined, since each caller knows whether there is an old and a new record.
    #[inline(always)]
    fn account(&self, slice: &Slice, old: Option<&Footprint<'_>>, new: Option<&Footprint<'_>>) {
        // Most commits change times only, or a value for one of the same length.
        if old == new {
            return;
        }
        self.index.change(old, new);
        self.room.change(old, new);
        slice.change(old, new);
    }

    fn clear(&self) -> u64 {
        let mut cleared = 0;
        for slice in self.slices.all() {
            slice.records.retain(|_, record| {
                self.account(slice, Some(&Footprint::of(record)), None);
                cleared += 1;
                false
            });
            slice.trim();
        }
        cleared
    }

    fn remove_of_principal(&self, principal: &str, except: Option<SessionId>) -> Vec<SessionId> {
        let mut ids = self.index.ids(principal);
        ids.retain(|id| Some(*id) != except && self.remove_if(*id, |record| record.principal() == Some(principal)));
        ids
    }
}

impl Store for MemoryStore {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn load(&self, id: SessionId, _: Timestamp) -> StoreFuture<Option<Record>> {
        StoreFuture::ready(Ok(self.find(id)))
    }

    fn create(&self, record: &Record) -> StoreFuture<Created> {
        StoreFuture::ready(Ok(self.insert(record)))
    }

    fn commit(&self, base: &Record, changes: &Changes) -> StoreFuture<Result<Record, Refusal>> {
        StoreFuture::ready(Ok(self.replace(base.id(), |record| record.apply(changes))))
    }

    fn destroy(&self, id: SessionId) -> StoreFuture<bool> {
        StoreFuture::ready(Ok(self.remove_if(id, |_| true)))
    }

    fn destroy_all(&self) -> StoreFuture<u64> {
        StoreFuture::ready(Ok(self.clear()))
    }

    fn of_principal(&self, principal: &str, now: Timestamp) -> StoreFuture<Vec<Record>> {
        let records = self.index.ids(principal).into_iter().filter_map(|id| self.find(id));
        let theirs = records.filter(|record| record.is_live(now) && record.principal() == Some(principal));
        StoreFuture::ready(Ok(theirs.collect()))
    }

    fn count_of_principal(&self, principal: &str, _: Timestamp) -> StoreFuture<u64> {
        StoreFuture::ready(Ok(self.index.count(principal) as u64))
    }

    fn destroy_of_principal(&self, principal: &str, except: Option<SessionId>) -> StoreFuture<Vec<SessionId>> {
        StoreFuture::ready(Ok(self.remove_of_principal(principal, except)))
    }

    fn count(&self) -> StoreFuture<u64> {
        StoreFuture::ready(Ok(self.room.sessions() as u64))
    }

    fn scan(&self, from: Option<Cursor>, limit: usize, now: Timestamp) -> StoreFuture<Page> {
        StoreFuture::ready(Ok(self.list(from.as_ref(), limit, now)))
    }

    fn sweep(&self, limit: usize, now: Timestamp) -> StoreFuture<Vec<SessionId>> {
        StoreFuture::ready(Ok(self.remove_expired(limit, now)))
    }
}

/// Shows only the number of sessions.
impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("sessions", &self.room.sessions()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
