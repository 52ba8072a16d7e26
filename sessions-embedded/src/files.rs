//! Files and folders that only their owner can read, for engines to create theirs with.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

/// Opens a file for reading and writing, and creates it if there is none, for its owner only. An existing file is not truncated.
///
/// On systems without Unix permissions the file gets those of its folder.
///
/// # Errors
///
/// Fails if the file cannot be opened or created.
pub fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Creates a file for its owner only. There must be none.
///
/// # Errors
///
/// Fails if the file cannot be created.
pub fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Creates a folder for its owner only, unless there is one. Its parent must exist.
///
/// # Errors
///
/// Fails if the folder cannot be created.
pub fn create_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        result => result,
    }
}

/// Takes all permissions to a file or folder from everybody but its owner.
///
/// # Errors
///
/// Fails if the permissions cannot be read or changed.
#[cfg_attr(not(unix), expect(unused_variables, reason = "there is nothing to take"))]
pub fn make_private(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mut permissions = fs::metadata(path)?.permissions();
        if permissions.mode() & 0o077 != 0 {
            permissions.set_mode(permissions.mode() & 0o700);
            fs::set_permissions(path, permissions)?;
        }
    }
    Ok(())
}

/// Returns how large the volume is that a path is on, where the system can be asked. There may be nothing at the path yet.
#[must_use]
pub fn volume_size(path: &Path) -> Option<u64> {
    volume(path).map(|volume| volume.size)
}

/// Returns how much room the volume has that a path is on, where the system can be asked.
pub(crate) fn free_space(path: &Path) -> Option<u64> {
    volume(path).map(|volume| volume.free)
}

struct Volume {
    size: u64,
    free: u64,
}

#[cfg(unix)]
fn volume(path: &Path) -> Option<Volume> {
    let stat = rustix::fs::statvfs(path).or_else(|_| rustix::fs::statvfs(parent(path))).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
    Some(Volume { size: bytes(stat.f_blocks), free: bytes(stat.f_bavail) })
}

#[cfg(not(unix))]
const fn volume(_path: &Path) -> Option<Volume> {
    None
}

/// Returns the folder that a path is in. The parent of a bare file name is empty, and means the current folder.
fn parent(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes durable which files a folder has: a new file outlives a loss of power only after this.
///
/// # Errors
///
/// Fails if the folder cannot be opened or the disk fails.
#[cfg_attr(not(unix), expect(unused_variables, reason = "folders cannot be opened"))]
pub fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        // The parent of a bare file name is empty, and means the current folder.
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        File::open(path)?.sync_all()?;
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("it is there").permissions().mode() & 0o777
    }

    #[test]
    fn what_is_created_is_private_and_what_is_there_becomes_so() {
        let folder = tempfile::tempdir().unwrap();
        let (file, inner) = (folder.path().join("file"), folder.path().join("inner"));
        open_private(&file).unwrap();
        create_private_folder(&inner).unwrap();
        assert_eq!((mode(&file), mode(&inner)), (0o600, 0o700));

        fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
        fs::set_permissions(&inner, PermissionsExt::from_mode(0o755)).unwrap();
        make_private(&file).unwrap();
        make_private(&inner).unwrap();
        assert_eq!((mode(&file), mode(&inner)), (0o600, 0o700));
    }

    #[test]
    fn an_existing_file_keeps_what_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "kept").unwrap();
        open_private(&file).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"kept");
    }

    #[test]
    fn a_folder_is_not_created_over_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        create_private_folder(&file).unwrap_err();
        create_private_folder(folder.path()).unwrap();
    }
}
