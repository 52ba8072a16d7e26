//! What a store's author hands to the tests.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use sessions_core::{MemoryStore, SessionId, Store};

/// Is one test's store, with nothing in it, and what the tests have to know about it.
///
/// Any [`Store`] becomes one with `into`, which is what
/// [`store_conformance!`](crate::store_conformance) does with what it is given.
pub struct Setup {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) other: Arc<dyn Store>,
    pub(crate) traits: Traits,
    pub(crate) missing: Option<String>,
}

/// Is what the tests know about a store besides its calls.
pub(crate) struct Traits {
    pub(crate) expires_by_itself: bool,
    pub(crate) damage: Option<Box<dyn Fn(SessionId, Damage) + Send + Sync>>,
    /// Is kept as long as the stores.
    _kept: Vec<Box<dyn Any + Send + Sync>>,
}

/// Is a way in which a stored record can be unreadable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Damage {
    /// Its bytes are not what was written: some are missing, or changed.
    Corrupt,
    /// It is sound, and of a format newer than this build knows.
    NewerFormat,
}

impl Setup {
    /// Tests a store that has one handle in a process.
    #[must_use]
    pub fn new(store: impl Store) -> Self {
        Self::shared(Arc::new(store))
    }

    /// Tests a store that something else holds too.
    #[must_use]
    pub fn shared(store: Arc<dyn Store>) -> Self {
        let traits = Traits { expires_by_itself: false, damage: None, _kept: Vec::new() };
        Self { other: Arc::clone(&store), store, traits, missing: None }
    }

    /// Tests nothing, and says so aloud: what the store needs is not installed here.
    ///
    /// The test passes. Whatever runs the tests for good, such as CI, has to install what is
    /// needed.
    #[must_use]
    pub fn missing(what: impl Into<String>) -> Self {
        Self { missing: Some(what.into()), ..Self::new(MemoryStore::default()) }
    }

    /// Adds a second handle on the same data, opened by itself, as another process would open it.
    ///
    /// With it, what one handle writes is looked for through the other, and racers are divided
    /// between the two.
    #[must_use]
    pub fn with_second_handle(self, store: impl Store) -> Self {
        Self { other: Arc::new(store), ..self }
    }

    /// Says that the store's engine removes expired records, so that a sweep has nothing to do and
    /// reports nothing.
    #[must_use]
    pub fn expiring_by_itself(mut self) -> Self {
        self.traits.expires_by_itself = true;
        self
    }

    /// Keeps something until the test is over: the folder or the server that the store needs.
    #[must_use]
    pub fn keeping(mut self, thing: impl Any + Send + Sync) -> Self {
        self.traits._kept.push(Box::new(thing));
        self
    }

    /// Says how to spoil a stored record behind the store's back, which
    /// [`damage_conformance!`](crate::damage_conformance) needs.
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
