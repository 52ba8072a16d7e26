//! Initialized data directories, kept in the target directory: initializing one takes seconds.

use std::fs::{self, DirBuilder};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;

use crate::account::Account;
use crate::daemon::Daemon;
use crate::programs::target;

/// Copies a data directory of this kind to a server; `initialize` makes the first one.
///
/// The kind is the version of the program and the options of the initialization.
pub(crate) fn fill(daemon: &Daemon, kind: &[&str], initialize: impl FnOnce()) {
    // Other processes may initialize at the same time. The first to finish wins.
    static INITIALIZING: Mutex<()> = Mutex::new(());
    let lock = INITIALIZING.lock().unwrap_or_else(PoisonError::into_inner);
    let template = target().join("tmp").join(format!("data-folder-{:016x}", hash(kind)));
    let data = daemon.folder().join("data");
    if template.is_dir() {
        drop(lock);
        copy(&template, &data, daemon.account).expect("a data directory can be copied");
    } else {
        initialize();
        save(&data, &template).expect("the target directory is writable");
    }
}

fn hash(kind: &[&str]) -> u64 {
    let mut hasher = DefaultHasher::new();
    kind.hash(&mut hasher);
    hasher.finish()
}

fn save(data: &Path, template: &Path) -> io::Result<()> {
    let parent = template.parent().unwrap_or(template);
    fs::create_dir_all(parent)?;
    let unfinished = TempDir::new_in(parent)?;
    let copied = unfinished.path().join("data");
    copy(data, &copied, None)?;
    match fs::rename(&copied, template) {
        Err(error) if !template.is_dir() => Err(error),
        _ => Ok(()),
    }
}

fn copy(from: &Path, to: &Path, owner: Option<Account>) -> io::Result<()> {
    // Postgres refuses a directory that others can read.
    DirBuilder::new().mode(0o700).create(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target, owner)?;
        } else {
            fs::copy(entry.path(), &target)?;
            owner.map_or(Ok(()), |owner| owner.own(&target))?;
        }
    }
    owner.map_or(Ok(()), |owner| owner.own(to))
}
