//! Why a store cannot be opened, and what its calls fail with.

use std::error::Error as StdError;
use std::fmt;

use sessions_core::{RecordError, StoreError, StoreErrorKind};

use crate::engine::{EngineError, EngineErrorKind};

/// Says why a store could not be opened.
#[derive(Debug)]
pub struct OpenError {
    store: &'static str,
    kind: OpenErrorKind,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// Is the kind of an [`OpenError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OpenErrorKind {
    /// The files are open already, in this process or another, and stayed so for a quarter of a second.
    Locked,
    /// The files are damaged, or something else than a store of this kind.
    Damaged,
    /// The files are of a format that this build does not know. They are as they were.
    UnknownFormat,
    /// The files cannot be read, written or created.
    Unavailable,
}

impl OpenError {
    /// Makes an error of the store named `store`.
    #[must_use]
    pub const fn new(store: &'static str, kind: OpenErrorKind) -> Self {
        Self { store, kind, source: None }
    }

    /// Keeps the cause of the error.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Makes an error of an operation on files that is not the engine's own.
    #[must_use]
    pub fn io(store: &'static str, error: std::io::Error) -> Self {
        Self::new(store, OpenErrorKind::Unavailable).caused_by(error)
    }

    pub(crate) fn engine(store: &'static str, error: EngineError) -> Self {
        let kind = match error.kind() {
            EngineErrorKind::Unavailable | EngineErrorKind::Full => OpenErrorKind::Unavailable,
            EngineErrorKind::Damaged => OpenErrorKind::Damaged,
        };
        Self::new(store, kind).caused_by(error)
    }

    /// Returns what went wrong.
    #[must_use]
    pub const fn kind(&self) -> OpenErrorKind {
        self.kind
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            OpenErrorKind::Locked => "is open already",
            OpenErrorKind::Damaged => "is damaged, or no such store",
            OpenErrorKind::UnknownFormat => "has a format that this build does not know",
            OpenErrorKind::Unavailable => "cannot be opened",
        };
        write!(f, "the {} store {what}", self.store)
    }
}

impl StdError for OpenError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|cause| &**cause as _)
    }
}

/// Is why one call cannot be answered, while the calls beside it can.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    Record(RecordError),
    Engine(EngineError),
    /// The disk is full, and the record would grow.
    Full,
}

impl Fault {
    pub(crate) fn into_store_error(self, store: &'static str) -> StoreError {
        match self {
            Self::Record(error) => StoreError::new(store, StoreErrorKind::Unreadable).caused_by(error),
            Self::Engine(error) => {
                let kind = match error.kind() {
                    EngineErrorKind::Unavailable | EngineErrorKind::Full => StoreErrorKind::Unavailable,
                    EngineErrorKind::Damaged => StoreErrorKind::Unreadable,
                };
                StoreError::new(store, kind).caused_by(error)
            }
            Self::Full => StoreError::new(store, StoreErrorKind::Unavailable).caused_by(DiskFull),
        }
    }
}

impl From<RecordError> for Fault {
    fn from(error: RecordError) -> Self {
        Self::Record(error)
    }
}

impl From<EngineError> for Fault {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

/// The error of a write that the disk has no room for, while there is room for what ends sessions.
#[derive(Debug)]
struct DiskFull;

impl fmt::Display for DiskFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the disk is full: no session can grow until some are ended or the disk has room again")
    }
}

impl StdError for DiskFull {}

/// Says that the store was closed, that its writer has died, or that the files could not be opened again.
#[derive(Debug)]
pub(crate) struct NotOpen;

impl fmt::Display for NotOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the files are not open")
    }
}

impl StdError for NotOpen {}

impl NotOpen {
    pub(crate) fn into_store_error(self, store: &'static str) -> StoreError {
        StoreError::new(store, StoreErrorKind::Unavailable).caused_by(self)
    }
}
