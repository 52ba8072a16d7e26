//! Disk space kept free for ending sessions.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::files;

/// A file that occupies disk space. Removing it leaves room for ending sessions on a full disk.
///
/// A file system that compresses, such as ZFS, may give it no space, and then has none to release.
///
/// [`DiskStore`](crate::DiskStore) has one of its own, see [`Capacity`](crate::Capacity).
#[derive(Debug)]
pub struct Reserve {
    path: PathBuf,
    bytes: u64,
}

impl Reserve {
    /// Describes a reserve of `bytes` bytes. Nothing is allocated yet.
    #[must_use]
    pub fn new(path: &Path, bytes: u64) -> Self {
        Self { path: path.to_owned(), bytes }
    }

    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Creates the file unless it exists, replacing one of another length.
    ///
    /// Fails if the disk has too little room, and then leaves no file.
    pub(crate) fn allocate(&self) -> io::Result<()> {
        match fs::symlink_metadata(&self.path) {
            Ok(found) if found.is_file() && found.len() == self.bytes => return Ok(()),
            Ok(_) => fs::remove_file(&self.path)?,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        if files::free_space(&self.path).is_some_and(|free| free < self.bytes) {
            return Err(ErrorKind::StorageFull.into());
        }
        let allocated = files::create_private(&self.path).and_then(|file| allocate_blocks(file, self.bytes));
        allocated.inspect_err(|_| self.release())
    }

    /// Returns whether there is a file, which is not looked at.
    #[must_use]
    pub fn exists(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok()
    }

    /// Creates the file unless it exists. Returns `false` if the disk is too full for it.
    ///
    /// Where no file can be created for another reason, the store has to do without one, and this
    /// returns `true`.
    #[must_use]
    pub fn try_allocate(&self) -> bool {
        !self.allocate().is_err_and(|error| is_full(&error))
    }

    /// Removes the file. Nothing can be done about a failure.
    pub fn release(&self) {
        let _ = fs::remove_file(&self.path);
    }

    /// Returns whether the disk has no room for a second file of this length.
    pub(crate) fn is_disk_full(&self) -> bool {
        let probe = Self { path: self.path.with_extension("probe"), bytes: self.bytes };
        let is_full = probe.allocate().is_err_and(|error| is_full(&error));
        probe.release();
        is_full
    }
}

/// Returns whether an error means that the disk is full.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
}

fn allocate_blocks(file: File, bytes: u64) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    match rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes) {
        Ok(()) => return Ok(()),
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {}
        Err(error) => return Err(error.into()),
    }
    write_zeros(file, bytes)
}

fn write_zeros(mut file: File, bytes: u64) -> io::Result<()> {
    // Not on the stack, which may be that of a coroutine.
    let zeros = vec![0; 1 << 16];
    let mut left = bytes;
    while left > 0 {
        let length = left.min(zeros.len() as u64);
        file.write_all(&zeros[..length as usize])?;
        left -= length;
    }
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_occupies_its_space_until_released() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = Reserve::new(&folder.path().join("reserve"), 100_000);
        for _ in 0..2 {
            reserve.allocate().unwrap();
            assert_eq!(fs::metadata(&reserve.path).unwrap().len(), 100_000);
        }
        fs::write(&reserve.path, [1; 100_000]).unwrap();
        reserve.allocate().unwrap();
        assert!(fs::read(&reserve.path).unwrap() == [1; 100_000], "it is not made again");
        assert!(!reserve.is_disk_full());
        assert!(reserve.exists());
        reserve.release();
        assert!(!reserve.exists());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        // Larger than any disk; and where there is no folder, which is no matter of room.
        assert!(!Reserve::new(&reserve.path, 1 << 60).try_allocate());
        assert!(Reserve::new(&folder.path().join("missing").join("reserve"), 1).try_allocate());
    }

    #[test]
    fn a_short_reserve_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = Reserve::new(&folder.path().join("reserve"), 100_000);
        fs::write(&reserve.path, "cut short").unwrap();
        reserve.allocate().unwrap();
        assert_eq!(fs::metadata(&reserve.path).unwrap().len(), 100_000);
    }

    #[test]
    fn write_zeros_writes_the_length_asked_for() {
        let file = tempfile::NamedTempFile::new().unwrap();
        write_zeros(file.reopen().unwrap(), 100_000).unwrap();
        assert_eq!(fs::metadata(file.path()).unwrap().len(), 100_000);
    }
}
