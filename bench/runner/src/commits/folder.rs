//! Where stores keep their files.

use std::cell::Cell;
use std::path::PathBuf;
use std::{env, fs, process};

use crate::Outcome;

/// Is a folder on the disk that the programs are built on, which may be another kind than that of
/// temporary files. Removed when this is dropped.
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

    /// Returns a path inside at which there is nothing.
    pub(crate) fn fresh(&self) -> String {
        self.given.set(self.given.get() + 1);
        format!("{}/{}", self.path(), self.given.get())
    }

    /// Removes everything inside.
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
