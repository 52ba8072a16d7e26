//! The directory for the files of stores.

use std::cell::Cell;
use std::path::PathBuf;
use std::{env, fs, process};

use crate::Outcome;

/// A directory on the disk of the built programs, removed on drop.
///
/// Temporary files may be on another kind of disk.
pub(crate) struct Folder {
    path: PathBuf,
    given: Cell<u32>,
}

impl Folder {
    pub(crate) fn make() -> Outcome<Self> {
        let path = env::current_exe()?.with_file_name(format!("stores-{}", process::id()));
        fs::create_dir(&path)?;
        Ok(Self { path, given: Cell::new(0) })
    }

    pub(crate) fn path(&self) -> &str {
        self.path.to_str().unwrap_or_default()
    }

    /// Returns an unused path in the directory.
    pub(crate) fn fresh(&self) -> String {
        self.given.set(self.given.get() + 1);
        format!("{}/{}", self.path(), self.given.get())
    }

    /// Removes the contents.
    pub(crate) fn clear(&self) -> Outcome {
        fs::remove_dir_all(&self.path)?;
        Ok(fs::create_dir(&self.path)?)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}
