//! A disk that is soon full.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::sample::folder;

/// Is a file system of 16 MiB in memory, gone when it is dropped.
#[derive(Debug)]
pub struct SmallDisk(TempDir);

impl SmallDisk {
    /// Mounts one, which takes Linux and root. Where it cannot, it says so on the terminal.
    #[must_use]
    pub fn mount() -> Option<Self> {
        let folder = folder();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=16m,mode=0700", "tmpfs"]).arg(folder.path());
        let is_mounted = cfg!(target_os = "linux") && mount.output().is_ok_and(|output| output.status.success());
        if !is_mounted {
            say_skipped();
        }
        is_mounted.then(|| Self(folder))
    }

    /// Returns the folder that it is mounted at.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Fills what room there is, and returns the file that fills it.
    ///
    /// # Panics
    ///
    /// Panics if no file can be created.
    #[must_use]
    pub fn fill(&self) -> PathBuf {
        let path = self.path().join("ballast");
        let mut file = File::create(&path).expect("a file can be created");
        while file.write_all(&[0; 4096]).is_ok() {}
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // `--lazy` lets it go though a failed check has left files open.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

/// Says it past the capture of a test's output, so that it is seen though the test passes.
fn say_skipped() {
    let message = "SKIPPED: a full disk. Mounting a file system in memory takes Linux and root.\n";
    let _ = std::io::stderr().write_all(message.as_bytes());
}
