//! The store's folder, with the engine's folder inside.
//!
//! ```text
//! lock               held while the store is open
//! reserve            room for ending sessions when the disk is full
//! sessions/          the engine's folder
//! sessions.new/      an engine's folder that is still being created
//! ```
//!
//! fjall cannot open a folder whose creation was interrupted, and takes one that lost its marker
//! for a new one. So a folder is created under another name and renamed once it is complete, and
//! an existing one is never created again.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use sessions_disk::{Engine, OpenError, OpenErrorKind, files};

use crate::engine::Fjall;
use crate::manifest;

const LOCK: &str = "lock";
const RESERVE: &str = "reserve";
const FINISHED: &str = "sessions";
const UNFINISHED: &str = "sessions.new";
/// The file that fjall writes last when it creates a folder.
const MARKER: &str = "version";

/// A locked folder, with the engine's folder inside.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// Unlocked on drop.
    _lock: File,
}

impl Folder {
    /// Locks a folder, or creates it.
    pub(crate) fn lock(path: &Path) -> Result<Self, OpenError> {
        files::open_private_folder(Fjall::NAME, path)?;
        let lock = files::open_private(Fjall::NAME, &path.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(OpenError::new(Fjall::NAME, OpenErrorKind::Locked)),
            Err(TryLockError::Error(error)) => Err(io_error(error)),
        }
    }

    /// Returns the path of a store's reserve.
    pub(crate) fn reserve(path: &Path) -> PathBuf {
        path.join(RESERVE)
    }

    /// Returns the path of the engine's folder, which `create` fills if there is none.
    pub(crate) fn engine(&self, create: impl FnOnce(&Path) -> Result<(), OpenError>) -> Result<PathBuf, OpenError> {
        let finished = self.path.join(FINISHED);
        // A dangling symbolic link counts as existing.
        let is_there = match fs::symlink_metadata(&finished) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            found => found.map(|_| true).map_err(io_error)?,
        };
        if !is_there {
            self.create(&finished, create)?;
        }
        files::open_private_folder(Fjall::NAME, &finished)?;
        let is_sound = finished.join(MARKER).is_file() && manifest::are_sound(&finished).map_err(io_error)?;
        if !is_sound {
            return Err(OpenError::new(Fjall::NAME, OpenErrorKind::Damaged));
        }
        files::make_private(&finished).map_err(io_error)?;
        Ok(finished)
    }

    fn create(&self, finished: &Path, create: impl FnOnce(&Path) -> Result<(), OpenError>) -> Result<(), OpenError> {
        let unfinished = self.path.join(UNFINISHED);
        if unfinished.try_exists().map_err(io_error)? {
            fs::remove_dir_all(&unfinished).map_err(io_error)?;
        }
        files::create_private_folder(&unfinished).map_err(io_error)?;
        create(&unfinished)?;
        fs::rename(&unfinished, finished).map_err(io_error)?;
        files::sync_parent(finished).map_err(io_error)
    }
}

fn io_error(error: io::Error) -> OpenError {
    OpenError::io(Fjall::NAME, error)
}
