//! How the file is opened.

use std::path::{Path, PathBuf};

use crate::{OpenError, RedbStore};

const CACHE: usize = 64 << 20;

/// Opens a [`RedbStore`] with options.
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
    /// Begins with the defaults.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self {
            path: path.as_ref().to_owned(),
            cache_size: CACHE,
            has_quick_repair: false,
            max_sessions: 10_000_000,
            max_bytes: 10 << 30,
        }
    }

    /// Sets how many sessions the store holds at most, 10,000,000 by default.
    ///
    /// When it is full, anonymous sessions make room for new ones:
    /// [`DiskStore`](sessions_disk::DiskStore) describes which.
    pub const fn max_sessions(mut self, sessions: u64) -> Self {
        self.max_sessions = sessions;
        self
    }

    /// Sets how much room on the disk the store takes at most, 10 GiB by default: the file and its
    /// reserve of 2 MiB, which lies beside it under the same name with `.reserve` behind it.
    ///
    /// What is compared with it is an estimate: twice the bytes of the records and 256 for each
    /// session, in seven eighths of what the reserve leaves. As measured with records of 0.7 to 30
    /// kB and 16 new sessions in each transaction, that is no less than what the file takes; larger
    /// transactions take three times what they write on top of it. Its length may be up to twice as
    /// much, since redb doubles it, but the rest of it takes no room. What sessions that exist
    /// write is not refused, and redb never gives room back to the disk, so the file remains as
    /// large as it was at its largest.
    pub const fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets how many bytes of the file are kept in memory, 64 MiB by default.
    ///
    /// Sessions that are in there are loaded without asking the system for the file.
    pub const fn cache_size(mut self, bytes: usize) -> Self {
        self.cache_size = bytes;
        self
    }

    /// Has each transaction write down which pages are free, so that the file needs no repair after
    /// a crash. Off by default.
    ///
    /// Without it a file that was not closed is read from end to end when it is opened. With it a
    /// transaction takes two `fsync`s in place of one and writes more pages, which about halves
    /// what the store can write, at all times, to save that moment once after each crash. Both are
    /// equally durable. It is worth turning on for millions of sessions, where the moment gets
    /// long.
    pub const fn quick_repair(mut self, has_quick_repair: bool) -> Self {
        self.has_quick_repair = has_quick_repair;
        self
    }

    /// Opens the store, and creates it if there is none. The file's folder must exist.
    ///
    /// It waits for the disk, and after a crash until the file is repaired.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the file; it is left as it was.
    pub fn open(self) -> Result<RedbStore, OpenError> {
        RedbStore::with_options(self)
    }
}

impl From<&Path> for RedbBuilder {
    fn from(path: &Path) -> Self {
        Self::new(path)
    }
}
