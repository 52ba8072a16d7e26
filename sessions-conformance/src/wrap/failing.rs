//! A store with injected failures.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sessions_store::{
    Changes, Created, Cursor, Page, Record, Refusal, SessionId, Store, StoreError, StoreErrorKind, StoreFuture,
    Timestamp,
};

use super::{Verb, implement_store};

/// A store whose calls fail on demand. Clones are the same store, so a test can control one.
///
/// ```
/// use sessions_conformance::{FailingStore, Failure, Verb};
/// use sessions_store::{MemoryStore, SessionId, Store, StoreErrorKind, Timestamp};
///
/// let store = FailingStore::new(MemoryStore::default());
/// let (id, now) = (SessionId::from_bytes([1; 16]), Timestamp::from_millis(0));
///
/// store.fail(Verb::Load, Failure::before(StoreErrorKind::Unavailable));
/// let error = pollster::block_on(store.load(id, now)).unwrap_err();
/// assert_eq!(error.kind(), StoreErrorKind::Unavailable);
/// assert!(!pollster::block_on(store.destroy(id))?);
///
/// store.recover();
/// assert!(pollster::block_on(store.load(id, now))?.is_none());
/// # Ok::<(), sessions_store::StoreError>(())
/// ```
pub struct FailingStore<S>(Arc<Failing<S>>);

struct Failing<S> {
    inner: S,
    failures: Mutex<Vec<(Verb, Failure)>>,
}

/// The way in which a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    kind: StoreErrorKind,
    moment: Moment,
    is_once: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    BeforeTheEffect,
    AfterTheEffect,
}

impl Failure {
    /// Creates a failure before the effect: the call never reached the store.
    #[must_use]
    pub const fn before(kind: StoreErrorKind) -> Self {
        Self { kind, moment: Moment::BeforeTheEffect, is_once: false }
    }

    /// Creates a failure after the effect: the answer was lost.
    #[must_use]
    pub const fn after(kind: StoreErrorKind) -> Self {
        Self { kind, moment: Moment::AfterTheEffect, is_once: false }
    }

    /// Limits the failure to one call.
    #[must_use]
    pub const fn once(mut self) -> Self {
        self.is_once = true;
        self
    }
}

impl<S: Store> FailingStore<S> {
    /// Wraps a store. No call fails yet.
    pub fn new(inner: S) -> Self {
        Self(Arc::new(Failing { inner, failures: Mutex::default() }))
    }

    /// Returns the store inside.
    #[must_use]
    pub fn inner(&self) -> &S {
        &self.0.inner
    }

    /// Makes one kind of call fail from now on.
    pub fn fail(&self, verb: Verb, failure: Failure) {
        let mut failures = self.failures();
        failures.retain(|(other, _)| *other != verb);
        failures.push((verb, failure));
    }

    /// Makes every call fail from now on.
    pub fn fail_all(&self, failure: Failure) {
        *self.failures() = Verb::ALL.map(|verb| (verb, failure)).into();
    }

    /// Makes every call succeed from now on.
    pub fn recover(&self) {
        self.failures().clear();
    }

    fn failures(&self) -> MutexGuard<'_, Vec<(Verb, Failure)>> {
        self.0.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failure(&self, verb: Verb) -> Option<Failure> {
        let mut failures = self.failures();
        let at = failures.iter().position(|(other, _)| *other == verb)?;
        let (_, failure) = failures[at];
        if failure.is_once {
            failures.swap_remove(at);
        }
        Some(failure)
    }

    fn around<T: Send + 'static>(&self, verb: Verb, call: impl FnOnce(&S) -> StoreFuture<T>) -> StoreFuture<T> {
        let Some(failure) = self.failure(verb) else {
            return call(self.inner());
        };
        let error = StoreError::new(self.name(), failure.kind).caused_by(format!("{verb:?} is set to fail"));
        match failure.moment {
            Moment::BeforeTheEffect => StoreFuture::ready(Err(error)),
            Moment::AfterTheEffect => {
                let answer = call(self.inner());
                StoreFuture::new(async move {
                    answer.await?;
                    Err(error)
                })
            }
        }
    }
}

implement_store!(FailingStore);

impl<S: Store> fmt::Debug for FailingStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailingStore").field("inner", self.inner()).field("failures", &*self.failures()).finish()
    }
}

#[cfg(test)]
mod tests {
    use pollster::block_on;
    use sessions_store::{MemoryStore, SecretHash};

    use super::*;

    fn record() -> Record {
        let (id, now) = (SessionId::from_bytes([1; 16]), Timestamp::from_millis(0));
        Record::builder(id, SecretHash::from_bytes([2; 32]), now).build().unwrap()
    }

    #[test]
    fn a_failure_before_the_effect_has_no_effect() {
        let store = FailingStore::new(MemoryStore::default());
        store.fail(Verb::Create, Failure::before(StoreErrorKind::Busy));
        let error = block_on(store.create(&record())).unwrap_err();
        assert_eq!((error.kind(), error.store()), (StoreErrorKind::Busy, "memory"));
        assert_eq!(block_on(store.count()).unwrap(), 0);
    }

    #[test]
    fn a_failure_after_the_effect_keeps_it() {
        let store = FailingStore::new(MemoryStore::default());
        store.fail(Verb::Create, Failure::after(StoreErrorKind::TimedOut));
        assert_eq!(block_on(store.create(&record())).unwrap_err().kind(), StoreErrorKind::TimedOut);
        assert_eq!(block_on(store.count()).unwrap(), 1);
    }

    #[test]
    fn a_failure_may_happen_once() {
        let store = FailingStore::new(MemoryStore::default());
        store.fail_all(Failure::before(StoreErrorKind::Unavailable).once());
        for _ in 0..2 {
            let steered = store.clone();
            let is_first = block_on(steered.create(&record())).is_err();
            assert_eq!(is_first, block_on(steered.count()).is_err());
        }
        assert_eq!(block_on(store.count()).unwrap(), 1);
    }

    #[test]
    fn other_calls_still_succeed() {
        let store = FailingStore::new(MemoryStore::default());
        store.fail(Verb::Commit, Failure::before(StoreErrorKind::Unavailable));
        block_on(store.create(&record())).unwrap();
        let changes = Changes::new(Timestamp::from_millis(0), SecretHash::from_bytes([2; 32]));
        assert!(block_on(store.commit(&record(), &changes)).is_err());
        assert!(block_on(store.destroy(record().id())).unwrap());
    }
}
