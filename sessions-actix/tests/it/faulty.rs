//! A store that fails or waits when it is told to.

use sessions_actix::Sessions;
use sessions_actix::sessions_core::{MemoryStore, StoreErrorKind};
use sessions_conformance::{FailingStore, Failure, Gate, SlowStore, Verb};

/// Steers a manager's store.
pub(crate) struct Faults {
    store: FailingStore<SlowStore<MemoryStore>>,
    /// What every call waits at while it is closed.
    pub(crate) gate: Gate,
}

/// Makes a manager whose store does its work until it is told to fail or to wait.
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

    /// Does what is asked in all calls of this kind from now on, and then says that it failed.
    pub(crate) fn fail_late(&self, verb: Verb) {
        self.recover();
        self.store.fail(verb, Failure::after(StoreErrorKind::TimedOut));
    }

    pub(crate) fn recover(&self) {
        self.store.recover();
    }
}
