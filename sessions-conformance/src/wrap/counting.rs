//! A store that counts its calls.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sessions_store::{Changes, Created, Cursor, Page, Record, Refusal, SessionId, Store, StoreFuture, Timestamp};

use super::{Verb, implement_store};

/// A store that counts its calls. Clones are the same store, so a test can read one.
///
/// ```
/// use sessions_conformance::{CountingStore, Verb};
/// use sessions_store::{MemoryStore, SessionId, Store, Timestamp};
///
/// let store = CountingStore::new(MemoryStore::default());
/// pollster::block_on(store.load(SessionId::from_bytes([1; 16]), Timestamp::from_millis(0)))?;
/// assert_eq!((store.calls_of(Verb::Load), store.calls()), (1, 1));
/// # Ok::<(), sessions_store::StoreError>(())
/// ```
pub struct CountingStore<S>(Arc<Counting<S>>);

struct Counting<S> {
    inner: S,
    calls: [AtomicU64; Verb::ALL.len()],
}

impl<S: Store> CountingStore<S> {
    /// Wraps a store, with all counts at zero.
    pub fn new(inner: S) -> Self {
        Self(Arc::new(Counting { inner, calls: Default::default() }))
    }

    /// Returns the store inside.
    #[must_use]
    pub fn inner(&self) -> &S {
        &self.0.inner
    }

    /// Returns the number of calls of one kind.
    #[must_use]
    pub fn calls_of(&self, verb: Verb) -> u64 {
        self.counter(verb).load(Ordering::SeqCst)
    }

    /// Returns the number of all calls.
    #[must_use]
    pub fn calls(&self) -> u64 {
        Verb::ALL.into_iter().map(|verb| self.calls_of(verb)).sum()
    }

    /// Sets all counts back to zero.
    pub fn reset(&self) {
        for calls in &self.0.calls {
            calls.store(0, Ordering::SeqCst);
        }
    }

    fn counter(&self, verb: Verb) -> &AtomicU64 {
        &self.0.calls[verb as usize]
    }

    fn around<T>(&self, verb: Verb, call: impl FnOnce(&S) -> StoreFuture<T>) -> StoreFuture<T> {
        self.counter(verb).fetch_add(1, Ordering::SeqCst);
        call(self.inner())
    }
}

implement_store!(CountingStore);

impl<S: Store> fmt::Debug for CountingStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls = Verb::ALL.map(|verb| (verb, self.calls_of(verb)));
        let calls: Vec<_> = calls.into_iter().filter(|(_, calls)| *calls > 0).collect();
        f.debug_struct("CountingStore").field("inner", self.inner()).field("calls", &calls).finish()
    }
}

#[cfg(test)]
mod tests {
    use pollster::block_on;
    use sessions_store::{MemoryStore, SecretHash};

    use super::*;

    #[test]
    fn calls_are_counted_by_kind() {
        let read = CountingStore::new(MemoryStore::default());
        let store = read.clone();
        let (id, secret, now) =
            (SessionId::from_bytes([1; 16]), SecretHash::from_bytes([2; 32]), Timestamp::from_millis(0));
        let record = Record::builder(id, secret, now).build().unwrap();
        for times in 1..=3 {
            block_on(store.create(&record)).unwrap();
            block_on(store.load(id, now)).unwrap();
            block_on(store.commit(&record, &Changes::new(now, secret))).unwrap().unwrap();
            block_on(store.of_principal("ada", now)).unwrap();
            block_on(store.count_of_principal("ada", now)).unwrap();
            block_on(store.destroy_of_principal("ada", None)).unwrap();
            block_on(store.count()).unwrap();
            block_on(store.scan(None, 10, now)).unwrap();
            block_on(store.sweep(10, now)).unwrap();
            block_on(store.destroy(id)).unwrap();
            block_on(store.destroy_all()).unwrap();
            assert_eq!(Verb::ALL.map(|verb| store.calls_of(verb)), [times; 11]);
        }
        drop(store);
        assert_eq!(read.calls(), 33);
        read.reset();
        assert_eq!(read.calls(), 0);
    }
}
