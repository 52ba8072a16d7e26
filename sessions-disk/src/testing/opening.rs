//! Files that are open, missing or untrusted.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

use pollster::block_on;
use sessions_store::{Created, Store};

use super::sample;
use super::small_disk::{SmallDisk, fill};
use crate::engine::Engine;
use crate::error::OpenErrorKind;
use crate::store::DiskStore;

/// Checks that open files cannot be opened again until they are closed.
///
/// # Panics
///
/// Panics if the check fails.
pub fn opens_once<E: Engine>() {
    let folder = sample::folder();
    let path = folder.path().join("store");
    let store = DiskStore::<E>::open(&path).expect("a new store is opened");
    let error = DiskStore::<E>::open(&path).expect_err("an open store was opened");
    assert_eq!(error.kind(), OpenErrorKind::Locked);
    assert!(
        error.to_string().ends_with(": this process or another already has it open; close it there first"),
        "{error}"
    );
    store.close().expect("a store is closed");
    DiskStore::<E>::open(&path).expect("a closed store is opened");
}

/// Checks that a store with a relative path stays where it is if the process changes its folder.
///
/// A full disk makes it open its files again. The folder is that of the whole process, so this runs
/// `test`, which makes this call, in one of its own. The disk requires Linux and root. Elsewhere it
/// prints that it was skipped.
///
/// # Panics
///
/// Panics if the check fails.
pub fn stays_in_its_folder<E: Engine>(test: &str) {
    const CHILD: &str = "SESSIONS_OTHER_FOLDER";
    if let Some(other) = env::var_os(CHILD) {
        let disk = env::current_dir().expect("a process has a folder");
        return leaves_for::<E>(Path::new(&other), &disk);
    }
    let Some(disk) = SmallDisk::mount() else { return };
    let other = sample::folder();
    let mut child = Command::new(env::current_exe().expect("a process knows its program"));
    child.args([test, "--exact"]).env(CHILD, other.path()).current_dir(disk.path());
    let output = child.output().expect("the program can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(disk.path().join("store").exists(), "the child has opened the store");
    let is_empty = fs::read_dir(other.path()).expect("a folder can be read").next().is_none();
    assert!(is_empty, "the store was opened in the other folder");
}

fn leaves_for<E: Engine>(other: &Path, disk: &Path) {
    let store = DiskStore::<E>::open(Path::new("store")).expect("a new store is opened");
    sample::fill(&store, 0..100);
    env::set_current_dir(other).expect("the folder can be changed");
    fill(disk);
    let is_full = |number| !matches!(block_on(store.create(&sample::record(number))), Ok(Created::Stored { .. }));
    assert!((100..100_000).any(is_full), "the disk is full");
    for number in 0..100 {
        let ended = block_on(store.destroy(sample::id(number))).expect("the reserve has room to end sessions");
        assert!(ended, "session {number} was still there");
    }
}

/// Checks that untrusted paths are refused with an error that names the path, and left unchanged.
///
/// These are a missing folder, a symbolic link, and a path that another user owns or may write to.
///
/// # Panics
///
/// Panics if the check fails.
pub fn refuses_untrusted_paths<E: Engine>() {
    let folder = sample::folder();
    let path = folder.path().join("store");
    refuses::<E>(&folder.path().join("missing").join("store"), OpenErrorKind::Missing);
    drop(DiskStore::<E>::open(&path).expect("a new store is opened"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::{PermissionsExt, chown, symlink};
        let link = folder.path().join("link");
        symlink(&path, &link).expect("a link can be made");
        refuses::<E>(&link, OpenErrorKind::Symlink);

        let mode = fs::metadata(&path).expect("it exists").permissions();
        fs::set_permissions(&path, PermissionsExt::from_mode(mode.mode() | 0o066)).expect("a mode can be set");
        refuses::<E>(&path, OpenErrorKind::Exposed);
        fs::set_permissions(&path, mode).expect("a mode can be set");

        // Only root can give files away.
        if chown(&path, Some(12_345), None).is_ok() {
            refuses::<E>(&path, OpenErrorKind::ForeignOwner);
            chown(&path, Some(rustix::process::geteuid().as_raw()), None).expect("root can take files back");
        }
    }
    DiskStore::<E>::open(&path).expect("it can be opened as it was");
}

fn refuses<E: Engine>(path: &Path, kind: OpenErrorKind) {
    let error = DiskStore::<E>::open(path).expect_err("it should not be opened");
    assert_eq!(error.kind(), kind, "{error}");
    assert_eq!(error.path(), Some(path));
    let message = format!("cannot open {}: ", path.display());
    assert!(error.to_string().starts_with(&message), "{error}");
}

/// Checks that only the owner can read a store's files and folders, whatever the umask is.
///
/// Without Unix permissions there is nothing to check.
///
/// # Panics
///
/// Panics if others can read them.
pub fn creates_private_files<E: Engine>() {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let folder = sample::folder();
        let path = folder.path().join("store");
        drop(DiskStore::<E>::open(&path).expect("a new store is opened"));
        for entry in fs::read_dir(folder.path()).expect("a folder can be read") {
            let entry = entry.expect("a folder can be read");
            let mode = entry.metadata().expect("it exists").permissions().mode() & 0o077;
            assert_eq!(mode, 0, "others may use {}", entry.path().display());
        }
    }
}
