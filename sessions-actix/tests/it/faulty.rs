//! A store that can be made to fail or to wait.

use sessions_actix::Sessions;
use sessions_actix::sessions_core::store::{MemoryStore, StoreErrorKind};
use sessions_conformance::{FailingStore, Failure, Gate, SlowStore, Verb};

/// The controls of a manager's store.
pub(crate) struct Faults {
    store: FailingStore<SlowStore<MemoryStore>>,
    /// The gate at which every call waits while it is closed.
    pub(crate) gate: Gate,
}

/// Creates a manager whose store works until it is made to fail or to wait.
pub(crate) fn faulty() -> (Sessions, Faults) {
    let gate = Gate::opened();
    let store = FailingStore::new(SlowStore::new(MemoryStore::default(), gate.clone()));
    (Sessions::builder().store(store.clone()).build().unwrap(), Faults { store, gate })
}

impl Faults {
    /// Fails all calls of this kind from now on, and no others.
    pub(crate) fn fail(&self, verb: Verb) {
        self.recover();
        self.store.fail(verb, Failure::before(StoreErrorKind::Unavailable));
    }

    /// Makes all calls of this kind do their work and then report failure.
    pub(crate) fn fail_late(&self, verb: Verb) {
        self.recover();
        self.store.fail(verb, Failure::after(StoreErrorKind::TimedOut));
    }

    pub(crate) fn recover(&self) {
        self.store.recover();
    }
}
