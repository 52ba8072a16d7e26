//! Errors of stores.

use std::error::Error as StdError;
use std::fmt;

type Cause = Box<dyn StdError + Send + Sync>;

/// The error of a store.
#[derive(Debug)]
pub struct StoreError {
    store: &'static str,
    kind: StoreErrorKind,
    source: Option<Cause>,
}

/// The kind of a [`StoreError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The store cannot be reached, or its engine reports a failure.
    Unavailable,
    /// The store did not answer before its deadline. The outcome of a write is unknown.
    TimedOut,
    /// The store's queue is full.
    Busy,
    /// The record is damaged.
    Unreadable,
    /// The record has a format that only a newer build can read.
    NewerFormat,
}

impl StoreError {
    /// Creates an error of the store named `store`.
    #[must_use]
    pub const fn new(store: &'static str, kind: StoreErrorKind) -> Self {
        Self { store, kind, source: None }
    }

    /// Sets the source of the error.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Returns the name of the store that failed.
    #[must_use]
    pub const fn store(&self) -> &'static str {
        self.store
    }

    /// Returns the kind of error.
    #[must_use]
    pub const fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            StoreErrorKind::Unavailable => "is unavailable",
            StoreErrorKind::TimedOut => "did not answer in time",
            StoreErrorKind::Busy => "is busy: its queue is full",
            StoreErrorKind::Unreadable => "has a damaged record",
            StoreErrorKind::NewerFormat => "has a record in a newer format than this build supports",
        };
        write!(f, "the {} store {what}", self.store)
    }
}

impl StdError for StoreError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|cause| &**cause as _)
    }
}
