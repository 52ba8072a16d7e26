//! The interface of an engine. Everything else is written once, for all engines.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::ops::{Bound, ControlFlow};
use std::path::Path;
use std::sync::Arc;

use crate::capacity::Capacity;
use crate::error::OpenError;
use crate::{files, reserve};

/// Ordered tables of bytes, written by one thread in atomic, durable batches.
///
/// [`DiskStore`](crate::DiskStore) adds checksums, keeps the tables consistent with each other and
/// shares the reader. A panic counts as [`EngineError::damaged`], because engines may panic over
/// damaged pages.
pub trait Engine: Sized + Send + 'static {
    /// The store's name in errors and events.
    const NAME: &'static str;

    /// The path of the files, and how to open them. A path alone is enough.
    type Options: for<'a> From<&'a Path> + fmt::Debug + Send + 'static;

    /// A reader of what was written, for any thread.
    type Reader: Reader;

    /// Returns the limits of the store and its reserve. By default there are none.
    fn capacity(_options: &Self::Options) -> Capacity {
        Capacity::unlimited()
    }

    /// Returns the path of the files, for errors.
    fn path(_options: &Self::Options) -> Option<&Path> {
        None
    }

    /// Opens the files, or creates them readable by their owner only.
    ///
    /// The store also reopens the files, after a failed [`write`](Self::write) and when the engine
    /// [asks for it](Self::wants_reopening). By then the engine and all its readers have been
    /// dropped.
    ///
    /// # Errors
    ///
    /// Fails with the reason why the files cannot be opened.
    fn open(options: &Self::Options) -> Result<Self, OpenError>;

    /// Drops what the system has cached of the files, which are closed.
    ///
    /// After a failed sync, Linux treats unwritten pages in its cache as written. So the store
    /// calls this before it reopens the files after a failure, and the engine recovers what is on
    /// the disk.
    fn drop_cache(options: &Self::Options) {
        if let Some(path) = Self::path(options) {
            files::drop_cache(path);
        }
    }

    /// Returns a reader of everything written so far. It may also see later writes.
    ///
    /// # Errors
    ///
    /// Fails if the files cannot be read.
    fn reader(&self) -> Result<Self::Reader, EngineError>;

    /// Returns whether reopening would let the engine free disk space. Readers wait for that, so it
    /// should be rare and quick.
    fn wants_reopening(&self) -> bool {
        false
    }

    /// Writes a batch atomically, and returns once it would survive a power failure.
    ///
    /// The writes are sorted, and no two have the same key.
    ///
    /// # Errors
    ///
    /// Fails if the batch may not be durable. The engine is then reopened, and the batch undone if
    /// it is in the files. On a full disk, the error is [`EngineError::full`].
    fn write(&mut self, writes: &[Write<'_>]) -> Result<(), EngineError>;
}

/// A reader of an engine's tables.
pub trait Reader: Send + Sync + 'static {
    /// Passes the value of a key to `read`, if there is one.
    ///
    /// # Errors
    ///
    /// Fails if the key cannot be read.
    fn get<T>(&self, table: Table, key: &[u8], read: impl FnOnce(&[u8]) -> T) -> Result<Option<T>, EngineError>;

    /// Passes keys with their values to `visit`, in byte order, until it breaks.
    ///
    /// # Errors
    ///
    /// Fails at the first key that cannot be read.
    fn range(
        &self,
        table: Table,
        from: Bound<&[u8]>,
        visit: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), EngineError>;
}

/// A table of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Table {
    /// The records by id.
    Records,
    /// The index of records by principal.
    Principals,
    /// The index of records by deadline.
    Deadlines,
    /// The usage of the store, and the layout of the tables.
    Meta,
}

impl Table {
    /// All tables.
    pub const ALL: [Self; 4] = [Self::Records, Self::Principals, Self::Deadlines, Self::Meta];

    /// Returns the table's index in [`ALL`](Self::ALL).
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Returns the table's name in the engine.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Records => "records",
            Self::Principals => "principals",
            Self::Deadlines => "deadlines",
            Self::Meta => "meta",
        }
    }
}

/// A batch's write to one key.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Write<'a> {
    /// The key's table.
    pub table: Table,
    /// The key, at most 64 bytes.
    pub key: &'a [u8],
    /// The new value, `None` to remove the key.
    pub value: Option<&'a [u8]>,
}

impl<'a> Write<'a> {
    /// Creates a write.
    #[must_use]
    pub const fn new(table: Table, key: &'a [u8], value: Option<&'a [u8]>) -> Self {
        Self { table, key, value }
    }
}

/// Prints sizes, never values.
impl fmt::Debug for Write<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Write")
            .field("table", &self.table)
            .field("bytes", &self.value.map(<[u8]>::len))
            .finish_non_exhaustive()
    }
}

/// The error of an engine.
#[derive(Clone, Debug)]
pub struct EngineError {
    kind: EngineErrorKind,
    /// Shared, because one failed batch is the error of many calls.
    source: Arc<dyn StdError + Send + Sync>,
}

/// The kind of an [`EngineError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EngineErrorKind {
    /// A failure of the device or the whole engine, which is reopened.
    Unavailable,
    /// A full disk. The engine is reopened.
    Full,
    /// Damage in one place of the files. Others can still be read.
    Damaged,
}

impl EngineError {
    /// Creates the error of an engine that must be reopened.
    #[must_use]
    pub fn unavailable(source: impl StdError + Send + Sync + 'static) -> Self {
        Self { kind: EngineErrorKind::Unavailable, source: Arc::new(source) }
    }

    /// Creates the error of an engine whose disk is full.
    #[must_use]
    pub fn full(source: impl StdError + Send + Sync + 'static) -> Self {
        Self { kind: EngineErrorKind::Full, source: Arc::new(source) }
    }

    /// Creates an error from a file operation: a full disk, or an engine that must be reopened.
    #[must_use]
    pub fn io(error: io::Error) -> Self {
        if reserve::is_full(&error) { Self::full(error) } else { Self::unavailable(error) }
    }

    /// Creates the error of one damaged place in the files.
    #[must_use]
    pub fn damaged(source: impl StdError + Send + Sync + 'static) -> Self {
        Self { kind: EngineErrorKind::Damaged, source: Arc::new(source) }
    }

    /// Turns an error into that of the whole batch.
    pub(crate) fn of_batch(self) -> Self {
        match self.kind {
            EngineErrorKind::Damaged => Self { kind: EngineErrorKind::Unavailable, ..self },
            EngineErrorKind::Unavailable | EngineErrorKind::Full => self,
        }
    }

    /// Returns the kind of the error.
    #[must_use]
    pub const fn kind(&self) -> EngineErrorKind {
        self.kind
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            EngineErrorKind::Unavailable => "the engine failed",
            EngineErrorKind::Full => "the disk is full",
            EngineErrorKind::Damaged => "the engine's files are damaged",
        })
    }
}

impl StdError for EngineError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_has_an_index_and_a_name() {
        let tables = Table::ALL.map(|table| (table.index(), table.name()));
        assert_eq!(tables, [(0, "records"), (1, "principals"), (2, "deadlines"), (3, "meta")]);
    }

    #[test]
    fn debug_shows_no_value() {
        let write = Write::new(Table::Records, b"key", Some(b"secret"));
        assert_eq!(format!("{write:?}"), "Write { table: Records, bytes: Some(6), .. }");
    }

    #[test]
    fn an_error_says_what_failed_and_why() {
        let cause = || io::Error::other("the cause");
        for (error, message) in [
            (EngineError::unavailable(cause()), "the engine failed"),
            (EngineError::full(cause()), "the disk is full"),
            (EngineError::io(io::ErrorKind::StorageFull.into()), "the disk is full"),
            (EngineError::damaged(cause()), "the engine's files are damaged"),
        ] {
            assert_eq!(error.to_string(), message);
            assert!(error.source().is_some());
        }
        assert_eq!(EngineError::damaged(cause()).source().unwrap().to_string(), "the cause");
    }
}
