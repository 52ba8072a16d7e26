//! The options of a store.

use std::path::{Path, PathBuf};

use sessions_disk::files;

use crate::{FjallStore, OpenError};

const CACHE: u64 = 32 << 20;

/// The options of a [`FjallStore`].
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
    /// Creates the default options for a folder.
    pub fn new(path: impl AsRef<Path>) -> Self {
        // The store reopens it after a disk failure, when the current folder may have changed.
        let path = files::absolute(path.as_ref());
        Self { path, cache_size: CACHE, max_sessions: 10_000_000, max_bytes: 10 << 30 }
    }

    /// Sets the maximum number of sessions, 10,000,000 by default.
    ///
    /// With records of up to 230 bytes, this many fit into the default of
    /// [`max_bytes`](Self::max_bytes); larger ones reach that limit first.
    ///
    /// A full store evicts anonymous sessions for new ones, as
    /// [`DiskStore`](sessions_disk::DiskStore) describes.
    pub const fn max_sessions(mut self, sessions: u64) -> Self {
        self.max_sessions = sessions;
        self
    }

    /// Sets the maximum disk space of the folder in bytes, 10 GiB by default. The volume limits it
    /// too.
    ///
    /// Without a limit, clients that begin sessions could fill the disk for the rest of the machine
    /// too.
    ///
    /// The limit applies to an estimate: twice the bytes of the records plus 600 per session, and
    /// twice that under 1 GiB, where journal, reserve and the copy of a compaction weigh more.
    /// Measured under a small limit with records of 0.7 to 30 kB, the folder never takes more than
    /// the limit. From 1 GiB on, it also takes up to 200 MiB of journals, the reserve of 64 MiB and
    /// the copy of a compaction. Under 1 GiB, the writer compacts whole tables by itself from time
    /// to time, and writes wait for that. Commits to existing sessions are not refused.
    ///
    /// Do not move the limit of an existing folder across 1 GiB: the settings that depend on it are
    /// fixed when the folder is created.
    pub const fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets the size of fjall's cache in bytes, 32 MiB by default, as in fjall itself.
    ///
    /// Loading a cached session reads nothing from the disk. The default holds over 100,000
    /// sessions of three small keys, which take 241 bytes each (`cargo xtask bench commits`).
    /// The latest writes are in memory as well, up to 16 MiB for each of the store's tables.
    pub const fn cache_size(mut self, bytes: u64) -> Self {
        self.cache_size = bytes;
        self
    }

    /// Opens the store, or creates it. The folder's parent must exist.
    ///
    /// This blocks on the disk, and reads the journals.
    ///
    /// # Errors
    ///
    /// Fails if the folder cannot be opened, and leaves it unchanged.
    pub fn open(self) -> Result<FjallStore, OpenError> {
        FjallStore::with_options(self)
    }
}

impl From<&Path> for FjallBuilder {
    fn from(path: &Path) -> Self {
        Self::new(path)
    }
}
