//! The store under test, and its differences from others.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use sessions_store::{MemoryStore, SessionId, Store};

/// An empty store for one test, and what differs between stores.
///
/// Any [`Store`] becomes one with `into`, which is what
/// [`store_conformance!`](crate::store_conformance) does with its argument.
pub struct Setup {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) other: Arc<dyn Store>,
    pub(crate) traits: Traits,
    pub(crate) missing: Option<String>,
}

/// The differences between stores that affect the cases.
pub(crate) struct Traits {
    pub(crate) expires_by_itself: bool,
    pub(crate) damage: Option<Box<dyn Fn(SessionId, Damage) + Send + Sync>>,
    /// Values that must outlive the stores.
    _kept: Vec<Box<dyn Any + Send + Sync>>,
}

/// A way in which a stored record can be unreadable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Damage {
    /// Bytes that are missing or changed.
    Corrupt,
    /// A valid record of a newer format than this build supports.
    NewerFormat,
}

impl Setup {
    /// Creates a setup with one handle on the store.
    #[must_use]
    pub fn new(store: impl Store) -> Self {
        Self::shared(Arc::new(store))
    }

    /// Creates a setup with a store that the caller shares.
    #[must_use]
    pub fn shared(store: Arc<dyn Store>) -> Self {
        let traits = Traits { expires_by_itself: false, damage: None, _kept: Vec::new() };
        Self { other: Arc::clone(&store), store, traits, missing: None }
    }

    /// Skips the test, and prints what is not installed.
    ///
    /// The test passes. CI should install everything, so that no store goes untested.
    #[must_use]
    pub fn missing(what: impl Into<String>) -> Self {
        Self { missing: Some(what.into()), ..Self::new(MemoryStore::default()) }
    }

    /// Adds a second handle on the same data, opened as another process would open it.
    ///
    /// Tests then read through one handle what the other wrote, and divide racing threads between
    /// both.
    #[must_use]
    pub fn with_second_handle(self, store: impl Store) -> Self {
        Self { other: Arc::new(store), ..self }
    }

    /// Declares that the engine removes expired records, so that sweeps report none.
    #[must_use]
    pub fn expiring_by_itself(mut self) -> Self {
        self.traits.expires_by_itself = true;
        self
    }

    /// Adds a value that must outlive the store: its directory or its server.
    #[must_use]
    pub fn keeping(mut self, thing: impl Any + Send + Sync) -> Self {
        self.traits._kept.push(Box::new(thing));
        self
    }

    /// Sets how to damage a stored record, for [`damage_conformance!`](crate::damage_conformance).
    #[must_use]
    pub fn damaged_by(mut self, damage: impl Fn(SessionId, Damage) + Send + Sync + 'static) -> Self {
        self.traits.damage = Some(Box::new(damage));
        self
    }
}

impl<S: Store> From<S> for Setup {
    fn from(store: S) -> Self {
        Self::new(store)
    }
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup")
            .field("store", &self.store)
            .field("expires_by_itself", &self.traits.expires_by_itself)
            .finish_non_exhaustive()
    }
}
