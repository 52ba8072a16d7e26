//! How the folder is opened.

use std::path::{Path, PathBuf};

use crate::{FjallStore, OpenError};

const CACHE: u64 = 32 << 20;

/// Opens a [`FjallStore`] with options.
///
/// ```
/// use sessions_fjall::FjallBuilder;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("sessions");
/// let store = FjallBuilder::new(&path).cache_size(128 << 20).open()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct FjallBuilder {
    pub(crate) path: PathBuf,
    pub(crate) cache_size: u64,
    pub(crate) max_sessions: u64,
    pub(crate) max_bytes: u64,
}

impl FjallBuilder {
    /// Begins with the defaults.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_owned(), cache_size: CACHE, max_sessions: 10_000_000, max_bytes: 10 << 30 }
    }

    /// Sets how many sessions the store holds at most, 10,000,000 by default.
    ///
    /// When it is full, anonymous sessions make room for new ones:
    /// [`DiskStore`](sessions_disk::DiskStore) describes which.
    pub const fn max_sessions(mut self, sessions: u64) -> Self {
        self.max_sessions = sessions;
        self
    }

    /// Sets how much room on the disk the folder takes at most, 10 GiB by default, and never more
    /// than the volume has.
    ///
    /// What is compared with it is an estimate: twice the bytes of the records and 600 for each
    /// session, and twice that under 1 GiB, where journal, reserve and the copy that a compaction
    /// makes weigh more. As measured under a small limit, with records of 0.7 to 30 kB, that is no
    /// less than what the folder takes. From 1 GiB on, up to 200 MiB of journals and the reserve of
    /// 64 MiB come on top, and what a compaction is just copying. What sessions that exist write is
    /// not refused.
    ///
    /// Whether a folder is a small one is decided when it is created, and is best not changed
    /// later.
    pub const fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets how many bytes of the tables on disk are kept in memory, 32 MiB by default.
    ///
    /// What was written last is in memory besides, up to 16 MiB for each of the store's tables.
    pub const fn cache_size(mut self, bytes: u64) -> Self {
        self.cache_size = bytes;
        self
    }

    /// Opens the store, and creates it if there is none. The folder that the store's own is in must
    /// exist.
    ///
    /// It waits for the disk, and reads what was written since the last tables were finished.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the files; they are left as they were.
    pub fn open(self) -> Result<FjallStore, OpenError> {
        FjallStore::with_options(self)
    }
}

impl From<&Path> for FjallBuilder {
    fn from(path: &Path) -> Self {
        Self::new(path)
    }
}
