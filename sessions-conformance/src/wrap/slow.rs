//! A store whose calls wait at a gate.

use std::fmt;
use std::sync::Arc;

use sessions_store::{Changes, Created, Cursor, Page, Record, Refusal, SessionId, Store, StoreFuture, Timestamp};

use super::{Gate, Verb, implement_store};

/// A store whose calls wait at a [`Gate`], for tests of what happens meanwhile. Clones are the same
/// store.
///
/// ```
/// use std::{pin::pin, task::{Context, Waker}};
/// use sessions_conformance::{Gate, SlowStore};
/// use sessions_store::{MemoryStore, SessionId, Store, Timestamp};
///
/// let gate = Gate::closed();
/// let store = SlowStore::new(MemoryStore::default(), gate.clone());
///
/// let mut load = pin!(store.load(SessionId::from_bytes([1; 16]), Timestamp::from_millis(0)));
/// assert!(load.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
/// gate.open();
/// assert!(pollster::block_on(load)?.is_none());
/// # Ok::<(), sessions_store::StoreError>(())
/// ```
pub struct SlowStore<S>(Arc<Slow<S>>);

struct Slow<S> {
    inner: S,
    gate: Gate,
    verbs: Vec<Verb>,
    held: Held,
}

#[derive(Clone, Copy, Debug)]
enum Held {
    Calls,
    Answers,
}

impl<S: Store> SlowStore<S> {
    /// Wraps a store. All calls wait at the gate before they reach it.
    pub fn new(inner: S, gate: Gate) -> Self {
        Self::holding(inner, gate, &Verb::ALL, Held::Calls)
    }

    /// Wraps a store. Some calls wait at the gate before they reach it.
    pub fn holding_calls(inner: S, gate: Gate, verbs: &[Verb]) -> Self {
        Self::holding(inner, gate, verbs, Held::Calls)
    }

    /// Wraps a store. Some calls take effect at once, and their answers wait at the gate.
    pub fn holding_answers(inner: S, gate: Gate, verbs: &[Verb]) -> Self {
        Self::holding(inner, gate, verbs, Held::Answers)
    }

    fn holding(inner: S, gate: Gate, verbs: &[Verb], held: Held) -> Self {
        Self(Arc::new(Slow { inner, gate, verbs: verbs.to_vec(), held }))
    }

    /// Returns the store inside.
    #[must_use]
    pub fn inner(&self) -> &S {
        &self.0.inner
    }

    fn around<T: Send + 'static>(
        &self,
        verb: Verb,
        call: impl FnOnce(&S) -> StoreFuture<T> + Send + 'static,
    ) -> StoreFuture<T> {
        if !self.0.verbs.contains(&verb) {
            return call(self.inner());
        }
        let slow = Arc::clone(&self.0);
        match slow.held {
            Held::Calls => StoreFuture::new(async move {
                slow.gate.pass().await;
                call(&slow.inner).await
            }),
            Held::Answers => {
                let answer = call(&slow.inner);
                StoreFuture::new(async move {
                    let answer = answer.await;
                    slow.gate.pass().await;
                    answer
                })
            }
        }
    }
}

implement_store!(SlowStore);

impl<S: Store> fmt::Debug for SlowStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slow = &self.0;
        f.debug_struct("SlowStore")
            .field("inner", &slow.inner)
            .field("gate", &slow.gate)
            .field("verbs", &slow.verbs)
            .field("held", &slow.held)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use sessions_store::SecretHash;
    use std::task::{Context, Waker};

    use pollster::block_on;
    use sessions_store::MemoryStore;

    use super::*;

    fn record() -> Record {
        let (id, now) = (SessionId::from_bytes([1; 16]), Timestamp::from_millis(0));
        Record::builder(id, SecretHash::from_bytes([2; 32]), now).build().unwrap()
    }

    fn is_pending<T>(future: &mut StoreFuture<T>) -> bool {
        std::pin::Pin::new(future).poll(&mut Context::from_waker(Waker::noop())).is_pending()
    }

    #[test]
    fn a_held_call_has_no_effect_yet() {
        let gate = Gate::closed();
        let store = SlowStore::holding_calls(MemoryStore::default(), gate.clone(), &[Verb::Create]);
        let mut create = store.create(&record());
        assert!(is_pending(&mut create));
        assert_eq!((gate.held(), block_on(store.count()).unwrap()), (1, 0));
        gate.let_one_through();
        assert_eq!(block_on(create).unwrap(), Created::STORED);
        assert_eq!(block_on(store.count()).unwrap(), 1);
    }

    #[test]
    fn a_call_with_a_held_answer_has_taken_effect() {
        let gate = Gate::closed();
        let store = SlowStore::holding_answers(MemoryStore::default(), gate.clone(), &[Verb::Create]);
        let mut create = store.create(&record());
        assert!(is_pending(&mut create));
        assert_eq!(block_on(store.count()).unwrap(), 1);
        gate.open();
        assert_eq!(block_on(create).unwrap(), Created::STORED);
    }

    #[test]
    fn a_dropped_call_is_no_longer_held() {
        let gate = Gate::closed();
        let store = SlowStore::new(MemoryStore::default(), gate.clone());
        let mut create = store.create(&record());
        assert!(is_pending(&mut create));
        drop(create);
        gate.open();
        assert_eq!((gate.held(), block_on(store.count()).unwrap()), (0, 0));
    }
}
