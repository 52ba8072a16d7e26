//! The errors of opening a store and of its calls.

use std::error::Error as StdError;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use sessions_store::{RecordError, StoreError, StoreErrorKind};

use crate::engine::{EngineError, EngineErrorKind};

/// The reason why a store could not be opened.
///
/// The message names the path, and what to do about it where that is known.
#[derive(Debug)]
pub struct OpenError {
    store: &'static str,
    path: Option<PathBuf>,
    kind: OpenErrorKind,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The kind of an [`OpenError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OpenErrorKind {
    /// The files are open in this process or another, and stayed so for a quarter of a second.
    Locked,
    /// The parent folder does not exist. It is not created, since it may be a volume that is not
    /// mounted.
    Missing,
    /// The path names a folder instead of a file, or a file instead of a folder.
    WrongType,
    /// The path is a symbolic link, which somebody else may have put there.
    Symlink,
    /// The files belong to another user, who can read and change every session.
    ForeignOwner,
    /// Other users may write to the files, and so can change every session.
    Exposed,
    /// The files are damaged, or are not a store of this kind.
    Damaged,
    /// The files have a format that this build does not know. They are unchanged.
    UnknownFormat,
    /// The files cannot be read, written or created.
    Unavailable,
}

impl OpenError {
    /// Creates an error of the store named `store`.
    #[must_use]
    pub const fn new(store: &'static str, kind: OpenErrorKind) -> Self {
        Self { store, path: None, kind, source: None }
    }

    /// Adds the path, unless the error already has one.
    #[must_use]
    pub fn at(mut self, path: &Path) -> Self {
        self.path.get_or_insert_with(|| path.to_owned());
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Creates an error from a file operation outside the engine.
    #[must_use]
    pub fn io(store: &'static str, error: io::Error) -> Self {
        Self::new(store, OpenErrorKind::Unavailable).caused_by(error)
    }

    pub(crate) fn engine(store: &'static str, error: EngineError) -> Self {
        let kind = match error.kind() {
            EngineErrorKind::Unavailable | EngineErrorKind::Full => OpenErrorKind::Unavailable,
            EngineErrorKind::Damaged => OpenErrorKind::Damaged,
        };
        Self::new(store, kind).caused_by(error)
    }

    /// Returns the kind of the error.
    #[must_use]
    pub const fn kind(&self) -> OpenErrorKind {
        self.kind
    }

    /// Returns the path that cannot be opened, if known.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Returns the reason without the path, and what to do about it where that is known.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self.kind {
            OpenErrorKind::Locked => "this process or another already has it open; close it there first",
            OpenErrorKind::Missing => "its folder does not exist; create that first",
            OpenErrorKind::WrongType => {
                "it is a folder instead of a file, or a file instead of a folder; use another path"
            }
            OpenErrorKind::Symlink => "it is a symbolic link; use the path that it points to",
            OpenErrorKind::ForeignOwner => "it belongs to another user; change its owner, or use another path",
            OpenErrorKind::Exposed => "other users may write to it; if its content can be trusted, run chmod go-w",
            OpenErrorKind::Damaged => {
                "it is damaged, or not a store of this kind; restore a backup or use another path"
            }
            OpenErrorKind::UnknownFormat => {
                "it has a format that this build does not know; another version wrote it, so open it with that one"
            }
            OpenErrorKind::Unavailable => self.io_reason(),
        }
    }

    /// Returns the system's reason, where it is one that an operator can act on.
    fn io_reason(&self) -> &'static str {
        let cause = self.source.as_deref().and_then(|cause| cause.downcast_ref::<io::Error>());
        match cause.map(io::Error::kind) {
            Some(ErrorKind::PermissionDenied) => "this process may not read, write or create it",
            Some(ErrorKind::ReadOnlyFilesystem) => "its file system is read-only",
            Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => "its disk is full",
            _ => "it cannot be read, written or created",
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "cannot open {}: {}", path.display(), self.reason()),
            None => write!(f, "cannot open the {} store: {}", self.store, self.reason()),
        }
    }
}

impl StdError for OpenError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|cause| &**cause as _)
    }
}

/// The error of one call in a batch, which does not concern the others.
#[derive(Clone, Debug)]
pub(crate) enum CallError {
    Record(RecordError),
    Engine(EngineError),
    /// The disk is full, and the record would grow.
    Full,
}

impl CallError {
    pub(crate) fn into_store_error(self, store: &'static str) -> StoreError {
        match self {
            Self::Record(error) => StoreError::new(store, error.store_error_kind()).caused_by(error),
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

impl From<RecordError> for CallError {
    fn from(error: RecordError) -> Self {
        Self::Record(error)
    }
}

impl From<EngineError> for CallError {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

/// The cause of a refused write on a full disk, where sessions can still be ended.
#[derive(Debug)]
struct DiskFull;

impl fmt::Display for DiskFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the disk is full: no session can grow until some are ended or the disk has room again")
    }
}

impl StdError for DiskFull {}

/// The cause of an error while the files are not open.
#[derive(Debug)]
pub(crate) enum NotOpen {
    /// The store was closed, or its writer has died.
    Closed,
    /// The files are being reopened, and perhaps why they could not be the last time.
    Reopening(Option<EngineError>),
}

impl fmt::Display for NotOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "the store is closed, or its writer has stopped; open it again",
            Self::Reopening(_) => "the files are being reopened after a failure",
        })
    }
}

impl StdError for NotOpen {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Reopening(Some(failure)) => Some(failure),
            Self::Closed | Self::Reopening(None) => None,
        }
    }
}

impl NotOpen {
    pub(crate) fn into_store_error(self, store: &'static str) -> StoreError {
        StoreError::new(store, StoreErrorKind::Unavailable).caused_by(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_path_and_what_to_do() {
        let error = |kind| OpenError::new("ram", kind);
        let io = |kind: ErrorKind| OpenError::io("ram", kind.into());
        for (error, reason) in [
            (error(OpenErrorKind::Locked), "has it open"),
            (error(OpenErrorKind::Missing), "create that first"),
            (error(OpenErrorKind::WrongType), "it is a folder"),
            (error(OpenErrorKind::Symlink), "symbolic link"),
            (error(OpenErrorKind::ForeignOwner), "another user"),
            (error(OpenErrorKind::Exposed), "chmod"),
            (error(OpenErrorKind::Damaged), "damaged"),
            (error(OpenErrorKind::UnknownFormat), "format"),
            (error(OpenErrorKind::Unavailable), "it cannot be read, written or created"),
            (io(ErrorKind::PermissionDenied), "may not read"),
            (io(ErrorKind::ReadOnlyFilesystem), "read-only"),
            (io(ErrorKind::StorageFull), "its disk is full"),
            (io(ErrorKind::QuotaExceeded), "its disk is full"),
            (io(ErrorKind::Other), "it cannot be read, written or created"),
        ] {
            let message = error.to_string();
            assert!(message.starts_with("cannot open the ram store: ") && message.contains(reason), "{message}");
            assert_eq!(error.path(), None);
            let error = error.at(Path::new("/data/s")).at(Path::new("/other"));
            assert_eq!(error.path(), Some(Path::new("/data/s")));
            assert!(error.to_string().starts_with("cannot open /data/s: "), "{error}");
        }
        assert!(io(ErrorKind::StorageFull).source().is_some());
        assert!(error(OpenErrorKind::Locked).source().is_none());
    }

    #[test]
    fn an_error_of_a_call_keeps_its_cause() {
        let io = || io::Error::other("the cause");
        let engine = |error: EngineError| CallError::from(error).into_store_error("ram");
        for (error, kind, cause) in [
            (engine(EngineError::unavailable(io())), StoreErrorKind::Unavailable, "the engine failed"),
            (engine(EngineError::full(io())), StoreErrorKind::Unavailable, "the disk is full"),
            (engine(EngineError::damaged(io())), StoreErrorKind::Unreadable, "the engine's files are damaged"),
            (CallError::Full.into_store_error("ram"), StoreErrorKind::Unavailable, "no session can grow"),
            (NotOpen::Closed.into_store_error("ram"), StoreErrorKind::Unavailable, "the store is closed"),
            (CallError::from(RecordError::Corrupt).into_store_error("ram"), StoreErrorKind::Unreadable, "damaged"),
            (
                CallError::from(RecordError::NewerFormat).into_store_error("ram"),
                StoreErrorKind::NewerFormat,
                "newer format than this build",
            ),
        ] {
            assert_eq!((error.kind(), error.store()), (kind, "ram"));
            let told = error.source().unwrap().to_string();
            assert!(told.contains(cause), "{told}");
        }
    }
}
