//! The options of a store.

use std::path::{Path, PathBuf};

use sessions_disk::files;

use crate::{OpenError, RedbStore};

const CACHE: usize = 64 << 20;

/// The options of a [`RedbStore`].
///
/// ```
/// use sessions_redb::RedbBuilder;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("sessions.redb");
/// let store = RedbBuilder::new(&path).cache_size(16 << 20).max_bytes(1 << 30).open()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct RedbBuilder {
    pub(crate) path: PathBuf,
    pub(crate) cache_size: usize,
    pub(crate) has_quick_repair: bool,
    pub(crate) max_sessions: u64,
    pub(crate) max_bytes: u64,
}

impl RedbBuilder {
    /// Creates the default options for a file.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self {
            // The store reopens it after a disk failure, when the current folder may have changed.
            path: files::absolute(path.as_ref()),
            cache_size: CACHE,
            has_quick_repair: false,
            max_sessions: 10_000_000,
            max_bytes: 10 << 30,
        }
    }

    /// Sets the maximum number of sessions, 10,000,000 by default.
    ///
    /// With records of up to 340 bytes, this many fit into the default of
    /// [`max_bytes`](Self::max_bytes); larger ones reach that limit first.
    ///
    /// A full store evicts anonymous sessions for new ones, as
    /// [`DiskStore`](sessions_disk::DiskStore) describes.
    pub const fn max_sessions(mut self, sessions: u64) -> Self {
        self.max_sessions = sessions;
        self
    }

    /// Sets the maximum disk space of the file and its reserve, in bytes; 10 GiB by default.
    ///
    /// Without a limit, clients that begin sessions could fill the disk for the rest of the machine
    /// too. Set it to what the volume can spare.
    ///
    /// The reserve is a file of 2 MiB beside the store's, with `.reserve` appended to its name.
    ///
    /// The limit applies to an estimate: twice the bytes of the records plus 256 per session must
    /// fit into seven eighths of what the reserve leaves. Measured with records of 0.7 to 30 kB and
    /// 16 new sessions per transaction, the file never takes more than the limit. A larger
    /// transaction needs additional space, up to three times what it writes. The file's length may
    /// be twice the limit, since redb doubles it, but the unused part takes no disk space. Commits
    /// to existing sessions are not refused, and redb never returns disk space, so the file never
    /// shrinks.
    pub const fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets the size of redb's cache in bytes, 64 MiB by default.
    ///
    /// Loading a cached session takes no system call; others are read from the disk, or from the
    /// system's own cache. The default holds over 100,000 sessions of three small keys
    /// (`cargo xtask bench commits` prints the bytes of each). redb's default of 1 GiB is meant for
    /// a process that is a database and little else.
    pub const fn cache_size(mut self, bytes: usize) -> Self {
        self.cache_size = bytes;
        self
    }

    /// Sets whether each transaction records the free pages, which saves repairs after failures.
    ///
    /// Off by default. Without it, opening a file that was not closed reads all of it, which takes
    /// seconds per gigabyte. The store also opens its file again after each failed write, and reads
    /// fail meanwhile. With it, each transaction takes two `fsync`s instead of one and writes more
    /// pages, which about halves the write throughput. Both are equally durable. Turn it on for
    /// millions of sessions, where the repair takes long.
    pub const fn quick_repair(mut self, has_quick_repair: bool) -> Self {
        self.has_quick_repair = has_quick_repair;
        self
    }

    /// Opens the store, or creates it. The file's folder must exist.
    ///
    /// This blocks on the disk, and after a crash until the file is repaired.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be opened, and leaves it unchanged.
    pub fn open(self) -> Result<RedbStore, OpenError> {
        RedbStore::with_options(self)
    }
}

impl From<&Path> for RedbBuilder {
    fn from(path: &Path) -> Self {
        Self::new(path)
    }
}
