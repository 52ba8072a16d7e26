//! What an engine has to do. Everything else is done once, for all of them.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::ops::{Bound, ControlFlow};
use std::path::Path;
use std::sync::Arc;

use crate::capacity::Capacity;
use crate::error::OpenError;
use crate::reserve;

/// Is an engine whose files are open: ordered tables of bytes, written to by one thread in atomic,
/// durable batches.
///
/// The values are already checksummed, the tables already consistent with each other, and the
/// reader already shared when an engine sees them. What it is asked for is its own work and nothing
/// more. A method that panics is taken for one that returned [`EngineError::damaged`], because
/// engines may panic over damaged pages.
pub trait Engine: Sized + Send + 'static {
    /// Is the store's name, for errors and events.
    const NAME: &'static str;

    /// Says where the files lie and how they are opened. A path alone is enough.
    type Options: for<'a> From<&'a Path> + fmt::Debug + Send + 'static;

    /// Reads what was written, from any thread.
    type Reader: Reader;

    /// Returns how much the store may hold, and where its reserve lies. There are no limits by
    /// default.
    fn capacity(options: &Self::Options) -> Capacity {
        let _ = options;
        Capacity::unlimited()
    }

    /// Returns where the files lie, for errors.
    fn path(options: &Self::Options) -> Option<&Path> {
        let _ = options;
        None
    }

    /// Opens the files, creating them where there are none, readable by their owner only.
    ///
    /// It is also called to open them again, after a failed [`write`](Self::write) and where the
    /// engine [wants it](Self::wants_reopening). By then the engine and all its readers have been
    /// dropped.
    ///
    /// # Errors
    ///
    /// Says why the files cannot be opened.
    fn open(options: &Self::Options) -> Result<Self, OpenError>;

    /// Returns a reader of all that was written so far. It may also see what is written later.
    ///
    /// # Errors
    ///
    /// Fails if the files cannot be read.
    fn reader(&self) -> Result<Self::Reader, EngineError>;

    /// Returns whether being opened again lets the engine give back room on the disk. Readers wait
    /// for it, so it should be rare and quick.
    fn wants_reopening(&self) -> bool {
        false
    }

    /// Writes a batch whole or not at all, and returns when it would survive a loss of power. The
    /// writes are sorted, and no two are of the same key.
    ///
    /// # Errors
    ///
    /// Fails if that cannot be said. The engine is then closed and opened again, and the batch is
    /// undone if it turns out to be there. If the disk has no room left, the error is
    /// [`EngineError::full`].
    fn write(&mut self, writes: &[Write<'_>]) -> Result<(), EngineError>;
}

/// Reads an engine's tables.
pub trait Reader: Send + Sync + 'static {
    /// Hands the value of a key to `read`, if there is one.
    ///
    /// # Errors
    ///
    /// Fails if the table cannot be read there.
    fn get<T>(&self, table: Table, key: &[u8], read: impl FnOnce(&[u8]) -> T) -> Result<Option<T>, EngineError>;

    /// Hands keys with their values to `visit`, in the order of the keys' bytes, until it breaks.
    ///
    /// # Errors
    ///
    /// Fails if the table cannot be read there.
    fn range(
        &self,
        table: Table,
        from: Bound<&[u8]>,
        visit: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), EngineError>;
}

/// Is one of the tables that an engine keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Table {
    /// Holds the records by their ids.
    Records,
    /// Holds which records belong to a principal.
    Principals,
    /// Holds which records may have expired when.
    Deadlines,
    /// Holds how much the store keeps, and the layout of the tables.
    Meta,
}

impl Table {
    /// Lists the tables.
    pub const ALL: [Self; 4] = [Self::Records, Self::Principals, Self::Deadlines, Self::Meta];

    /// Returns the table's place in [`ALL`](Self::ALL).
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Returns the name under which the engine keeps the table.
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

/// Is what a batch makes of one key.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Write<'a> {
    /// Says in which table the key lies.
    pub table: Table,
    /// Is the key, at most 64 bytes.
    pub key: &'a [u8],
    /// Is its new value, `None` to remove it.
    pub value: Option<&'a [u8]>,
}

impl<'a> Write<'a> {
    /// Makes a write.
    #[must_use]
    pub const fn new(table: Table, key: &'a [u8], value: Option<&'a [u8]>) -> Self {
        Self { table, key, value }
    }
}

/// Shows sizes, never values.
impl fmt::Debug for Write<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Write")
            .field("table", &self.table)
            .field("bytes", &self.value.map(<[u8]>::len))
            .finish_non_exhaustive()
    }
}

/// Says why an engine could not do its work.
#[derive(Clone, Debug)]
pub struct EngineError {
    kind: EngineErrorKind,
    /// Is shared, because a failed batch answers many with one cause.
    source: Arc<dyn StdError + Send + Sync>,
}

/// Is the kind of an [`EngineError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EngineErrorKind {
    /// The device fails, or the engine reports something else that concerns all it does. It is
    /// opened again.
    Unavailable,
    /// The disk has no room left. The engine is opened again.
    Full,
    /// The bytes at this place cannot be read, or are not what the engine wrote. Others can be.
    Damaged,
}

impl EngineError {
    /// Makes an error of an engine that has to be opened again.
    #[must_use]
    pub fn unavailable(source: impl StdError + Send + Sync + 'static) -> Self {
        Self { kind: EngineErrorKind::Unavailable, source: Arc::new(source) }
    }

    /// Makes an error of an engine that found no room on its disk.
    #[must_use]
    pub fn full(source: impl StdError + Send + Sync + 'static) -> Self {
        Self { kind: EngineErrorKind::Full, source: Arc::new(source) }
    }

    /// Makes an error of an operation on files: a full disk, or an engine that has to be opened
    /// again.
    #[must_use]
    pub fn io(error: io::Error) -> Self {
        if reserve::is_full(&error) { Self::full(error) } else { Self::unavailable(error) }
    }

    /// Makes an error of one place in the files.
    #[must_use]
    pub fn damaged(source: impl StdError + Send + Sync + 'static) -> Self {
        Self { kind: EngineErrorKind::Damaged, source: Arc::new(source) }
    }

    /// Makes the error that a whole batch fails with.
    pub(crate) fn of_batch(self) -> Self {
        match self.kind {
            EngineErrorKind::Damaged => Self { kind: EngineErrorKind::Unavailable, ..self },
            EngineErrorKind::Unavailable | EngineErrorKind::Full => self,
        }
    }

    /// Returns what went wrong.
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
