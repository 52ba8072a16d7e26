//! The store under test, as the cases see it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use sessions_store::{SessionId, Store};

use crate::race;
use crate::setup::{Damage, Setup, Traits};

/// The future of a case, to block on.
pub type Task<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// A function that blocks a thread on a task.
pub type BlockOn = fn(Task<'_>);

/// A store under test, through one of its handles. Cheap to clone.
#[derive(Clone)]
pub struct Subject {
    // The stores are dropped before the directory or server that `traits` keeps.
    store: Arc<dyn Store>,
    other: Arc<dyn Store>,
    traits: Arc<Traits>,
    block_on: BlockOn,
}

impl Subject {
    /// Creates the subject of a test.
    #[must_use]
    pub fn new(setup: Setup, block_on: BlockOn) -> Self {
        Self { store: setup.store, other: setup.other, traits: Arc::new(setup.traits), block_on }
    }

    /// Returns the store.
    #[must_use]
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// Returns the store through its other handle, if it has one.
    #[must_use]
    pub fn through_other_handle(&self) -> Self {
        Self { store: Arc::clone(&self.other), other: Arc::clone(&self.store), ..self.clone() }
    }

    /// Returns whether the store's engine removes expired records, so that sweeps report none.
    #[must_use]
    pub fn expires_by_itself(&self) -> bool {
        self.traits.expires_by_itself
    }

    /// Damages a stored record.
    ///
    /// # Panics
    ///
    /// Panics without [`Setup::damaged_by`].
    pub fn damage(&self, id: SessionId, damage: Damage) {
        let corrupt = self.traits.damage.as_ref();
        corrupt.expect("a test of damage has a setup with `damaged_by`")(id, damage);
    }

    /// Runs a task on many threads at once, and returns their results.
    ///
    /// Every other thread uses the other handle.
    ///
    /// # Panics
    ///
    /// Panics if one of the threads does.
    pub async fn race<T, F>(&self, racers: usize, run: impl Fn(Self, usize) -> F + Send + Sync + 'static) -> Vec<T>
    where
        T: Send + 'static,
        F: Future<Output = T>,
    {
        let (subject, block_on) = (self.clone(), self.block_on);
        race::run(racers, move |number| {
            let subject = if number % 2 == 0 { subject.clone() } else { subject.through_other_handle() };
            let mut result = None;
            block_on(Box::pin(async { result = Some(run(subject, number).await) }));
            result.expect("`block_on` runs a task to its end")
        })
        .await
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("store", &self.store).finish_non_exhaustive()
    }
}
