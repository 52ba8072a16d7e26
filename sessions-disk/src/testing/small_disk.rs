//! A disk that fills up soon.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::sample::folder;

/// A file system of 16 MiB in memory, unmounted on drop.
#[derive(Debug)]
pub struct SmallDisk(TempDir);

impl SmallDisk {
    /// Mounts a small disk, or prints that it cannot. This requires Linux and root.
    #[must_use]
    pub fn mount() -> Option<Self> {
        let folder = folder();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=16m,mode=0700", "tmpfs"]).arg(folder.path());
        let is_mounted = cfg!(target_os = "linux") && mount.output().is_ok_and(|output| output.status.success());
        if !is_mounted {
            report_skipped();
        }
        is_mounted.then(|| Self(folder))
    }

    /// Returns the mount point.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Fills the disk, and returns the file that fills it.
    ///
    /// # Panics
    ///
    /// Panics if no file can be created.
    #[must_use]
    pub fn fill(&self) -> PathBuf {
        fill(self.path())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // `--lazy` unmounts even if a failed check has left files open.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

/// Fills the disk of a folder, and returns the file that fills it.
pub(super) fn fill(folder: &Path) -> PathBuf {
    let path = folder.join("ballast");
    let mut file = File::create(&path).expect("a file can be created");
    while file.write_all(&[0; 4096]).is_ok() {}
    path
}

/// Prints directly to standard error, since the harness hides the output of a test that passes.
fn report_skipped() {
    let message = "SKIPPED: a full disk: mounting a file system in memory requires Linux and root\n";
    let _ = std::io::stderr().write_all(message.as_bytes());
}
