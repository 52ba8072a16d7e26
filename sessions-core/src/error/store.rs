//! Why a store could not do its work.

use std::error::Error as StdError;
use std::fmt;

use super::Cause;

/// Says why a store could not do its work.
#[derive(Debug)]
pub struct StoreError {
    store: &'static str,
    kind: StoreErrorKind,
    source: Option<Cause>,
}

/// Is the kind of a [`StoreError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The store cannot be reached, or its engine reports a failure.
    Unavailable,
    /// The store did not answer within its deadline. What became of a write is unknown.
    TimedOut,
    /// The store has as much work waiting as it accepts.
    Busy,
    /// The record is damaged.
    Unreadable,
    /// The record has a format that only a newer build can read.
    NewerFormat,
}

impl StoreError {
    /// Makes an error of the store named `store`.
    #[must_use]
    pub const fn new(store: &'static str, kind: StoreErrorKind) -> Self {
        Self { store, kind, source: None }
    }

    /// Keeps the cause of the error.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Returns which store failed.
    #[must_use]
    pub const fn store(&self) -> &'static str {
        self.store
    }

    /// Returns what went wrong.
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
            StoreErrorKind::Busy => "has too much work waiting",
            StoreErrorKind::Unreadable => "holds a damaged record",
            StoreErrorKind::NewerFormat => "holds a record of a newer format",
        };
        write!(f, "the {} store {what}", self.store)
    }
}

impl StdError for StoreError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|cause| &**cause as _)
    }
}
