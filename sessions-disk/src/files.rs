//! Private files and folders for engines.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::error::{OpenError, OpenErrorKind};

/// Returns the path from the root, which stays the same if the process changes its folder.
#[must_use]
pub fn absolute(path: &Path) -> PathBuf {
    // Fails for an empty path, and where there is no current folder: both lead to no file.
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Opens a store's file for reading and writing, or creates it for its owner only.
///
/// An existing file is not truncated. A file that somebody else may have put there or written to is
/// refused: a symbolic link, a file of another user, or one that other users may write to. On
/// systems without Unix permissions, a new file inherits those of its folder.
///
/// # Errors
///
/// Fails if the file cannot be opened or created, or must not be trusted. The error names it.
pub fn open_private(store: &'static str, path: &Path) -> Result<File, OpenError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // Without NONBLOCK, opening a pipe would block.
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.mode(0o600).custom_flags(flags.bits().cast_signed());
    }
    let error = |error| io_error(store, path, error);
    let file = options.open(path).map_err(error)?;
    let found = file.metadata().map_err(error)?;
    check_trusted(&found, found.is_file()).map_err(|kind| OpenError::new(store, kind).at(path))?;
    Ok(file)
}

/// Checks a store's file, or creates an empty one for its owner only.
///
/// A file that somebody else may have put there or written to is refused, as by [`open_private`].
/// This is for an engine that opens the file by its path. One that is there already is not opened
/// here: closing it would drop the locks that this process holds on it.
///
/// # Errors
///
/// Fails if the file cannot be created, or must not be trusted. The error names it.
pub fn prepare_private(store: &'static str, path: &Path) -> Result<(), OpenError> {
    match create_private(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => check_private(store, path),
        created => created.map(drop).map_err(|error| io_error(store, path, error)),
    }
}

/// Checks a file, which may be missing.
///
/// One that somebody else may have put there or written to is refused, as by [`open_private`].
///
/// # Errors
///
/// Fails if the file must not be trusted. The error names it.
pub fn check_private(store: &'static str, path: &Path) -> Result<(), OpenError> {
    match fs::symlink_metadata(path) {
        Ok(found) => check_trusted(&found, found.is_file()).map_err(|kind| OpenError::new(store, kind).at(path)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(io_error(store, path, error)),
    }
}

/// Checks a store's folder, or creates it for its owner only. Its parent must exist.
///
/// A folder that somebody else may have put there or written to is refused, as by [`open_private`].
///
/// # Errors
///
/// Fails if the folder cannot be created, or must not be trusted. The error names it.
pub fn open_private_folder(store: &'static str, path: &Path) -> Result<(), OpenError> {
    let error = |error| io_error(store, path, error);
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(missing) if missing.kind() == ErrorKind::NotFound => {
            create_private_folder(path).map_err(error)?;
            sync_parent(path).map_err(error)?;
            fs::symlink_metadata(path).map_err(error)?
        }
        Err(other) => return Err(error(other)),
    };
    check_trusted(&found, found.is_dir()).map_err(|kind| OpenError::new(store, kind).at(path))
}

/// Fails if somebody else may have put a file or folder there, or written to it.
fn check_trusted(found: &fs::Metadata, has_right_type: bool) -> Result<(), OpenErrorKind> {
    if found.is_symlink() {
        return Err(OpenErrorKind::Symlink);
    }
    if !has_right_type {
        return Err(OpenErrorKind::WrongType);
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        if found.uid() != rustix::process::geteuid().as_raw() {
            return Err(OpenErrorKind::ForeignOwner);
        }
        if found.mode() & 0o022 != 0 {
            return Err(OpenErrorKind::Exposed);
        }
    }
    Ok(())
}

fn io_error(store: &'static str, path: &Path, error: io::Error) -> OpenError {
    let kind = match error.kind() {
        ErrorKind::NotFound => OpenErrorKind::Missing,
        ErrorKind::IsADirectory | ErrorKind::NotADirectory => OpenErrorKind::WrongType,
        // `ErrorKind::FilesystemLoop` is not stable yet.
        _ if is_link_error(&error) => OpenErrorKind::Symlink,
        _ => OpenErrorKind::Unavailable,
    };
    OpenError::new(store, kind).at(path).caused_by(error)
}

#[cfg(unix)]
fn is_link_error(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}

#[cfg(not(unix))]
const fn is_link_error(_error: &io::Error) -> bool {
    false
}

/// Creates a new file for its owner only.
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

/// Creates a folder for its owner only, unless it exists. Its parent must exist.
///
/// # Errors
///
/// Fails if the folder cannot be created.
pub fn create_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        result => result,
    }
}

/// Removes all permissions of a file or folder except its owner's.
///
/// # Errors
///
/// Fails if the permissions cannot be read or changed.
#[cfg_attr(not(unix), expect(unused_variables, reason = "there are no permissions to remove"))]
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

/// Returns the size of a path's volume, if the system reports it. The path need not exist yet.
#[must_use]
pub fn volume_size(path: &Path) -> Option<u64> {
    volume(path).map(|volume| volume.size)
}

/// Returns the free space on a path's volume, if the system reports it. The path need not exist
/// yet.
#[must_use]
pub fn free_space(path: &Path) -> Option<u64> {
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

/// Returns a path's parent folder, which for a bare file name is the current folder.
#[cfg(unix)]
fn parent(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes the name of a new file or folder durable. Only then does it survive a power failure.
///
/// # Errors
///
/// Fails if the parent folder cannot be opened or the disk fails.
#[cfg_attr(not(unix), expect(unused_variables, reason = "folders cannot be synced"))]
pub fn sync_parent(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(parent(path))?.sync_all()?;
    Ok(())
}

/// Drops what the system has cached of a file, or of the files in a folder, as far as it can.
///
/// Pages that are still to be written stay cached.
#[cfg_attr(
    not(target_os = "linux"),
    expect(unused_variables, reason = "only Linux forgets what a sync could not write")
)]
pub(crate) fn drop_cache(path: &Path) {
    #[cfg(target_os = "linux")]
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        drop_cache(&entry.path());
    }
    #[cfg(target_os = "linux")]
    if let Ok(file) = File::open(path) {
        let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed);
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("it is there").permissions().mode() & 0o777
    }

    fn kind(opened: Result<impl Sized, OpenError>) -> OpenErrorKind {
        opened.map(drop).expect_err("it is refused").kind()
    }

    #[test]
    fn new_and_existing_paths_become_private() {
        let folder = tempfile::tempdir().unwrap();
        let (file, inner) = (folder.path().join("file"), folder.path().join("inner"));
        open_private("test", &file).unwrap();
        open_private_folder("test", &inner).unwrap();
        assert_eq!((mode(&file), mode(&inner)), (0o600, 0o700));

        fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
        fs::set_permissions(&inner, PermissionsExt::from_mode(0o755)).unwrap();
        open_private("test", &file).unwrap();
        open_private_folder("test", &inner).unwrap();
        make_private(&file).unwrap();
        make_private(&inner).unwrap();
        assert_eq!((mode(&file), mode(&inner)), (0o600, 0o700));
    }

    #[test]
    fn an_existing_file_keeps_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "kept").unwrap();
        open_private("test", &file).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"kept");
    }

    #[test]
    fn a_symbolic_link_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert_eq!(kind(open_private("test", &link)), OpenErrorKind::Symlink);
        assert!(!target.exists(), "nor is anything created behind it");
        fs::create_dir(&target).unwrap();
        assert_eq!(kind(open_private_folder("test", &link)), OpenErrorKind::Symlink);
    }

    #[test]
    fn what_others_may_write_to_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (file, inner) = (folder.path().join("file"), folder.path().join("inner"));
        fs::write(&file, "").unwrap();
        fs::create_dir(&inner).unwrap();
        for exposed in [0o666, 0o620, 0o602] {
            fs::set_permissions(&file, PermissionsExt::from_mode(exposed)).unwrap();
            fs::set_permissions(&inner, PermissionsExt::from_mode(exposed | 0o100)).unwrap();
            assert_eq!(kind(open_private("test", &file)), OpenErrorKind::Exposed);
            assert_eq!(kind(open_private_folder("test", &inner)), OpenErrorKind::Exposed);
            assert_eq!(mode(&file), exposed);
        }
    }

    #[test]
    fn what_another_user_owns_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (file, inner) = (folder.path().join("file"), folder.path().join("inner"));
        fs::write(&file, "").unwrap();
        fs::create_dir(&inner).unwrap();
        // Only root can give a file away.
        if std::os::unix::fs::chown(&file, Some(12_345), None).is_ok() {
            std::os::unix::fs::chown(&inner, Some(12_345), None).unwrap();
            assert_eq!(kind(open_private("test", &file)), OpenErrorKind::ForeignOwner);
            assert_eq!(kind(open_private_folder("test", &inner)), OpenErrorKind::ForeignOwner);
        }
    }

    #[test]
    fn wrong_types_and_missing_folders_are_reported() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        assert_eq!(kind(open_private_folder("test", &file)), OpenErrorKind::WrongType);
        assert_eq!(kind(open_private("test", folder.path())), OpenErrorKind::WrongType);
        assert_eq!(kind(open_private("test", &file.join("inner"))), OpenErrorKind::WrongType);
        assert_eq!(kind(open_private("test", Path::new("/dev/null"))), OpenErrorKind::WrongType);
        let nowhere = folder.path().join("missing").join("file");
        assert_eq!(kind(open_private("test", &nowhere)), OpenErrorKind::Missing);
        assert_eq!(kind(open_private_folder("test", &nowhere)), OpenErrorKind::Missing);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn dropped_files_are_read_from_the_disk() {
        use rustix::io::{Errno, ReadWriteFlags, preadv2};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, [1; 4096]).unwrap();
        let file = File::open(&path).unwrap();
        file.sync_all().unwrap();
        let read_cached = || {
            let mut bytes = [0; 4096];
            preadv2(&file, &mut [io::IoSliceMut::new(&mut bytes)], 0, ReadWriteFlags::NOWAIT)
        };
        let cached = read_cached();
        if cached == Err(Errno::OPNOTSUPP) {
            eprintln!("skipped: the file system, such as overlayfs, does not tell what is cached");
            return;
        }
        assert_eq!(cached, Ok(4096));
        drop_cache(folder.path());
        const TMPFS: u64 = 0x0102_1994;
        // Files of a file system in memory are nowhere else.
        let is_on_disk = rustix::fs::fstatfs(&file).unwrap().f_type as u64 != TMPFS;
        assert_eq!(read_cached(), if is_on_disk { Err(Errno::AGAIN) } else { Ok(4096) });
        assert_eq!(fs::read(path).unwrap(), [1; 4096]);
    }

    #[test]
    fn only_a_link_is_reported_as_a_link() {
        let error = |number| io_error("test", Path::new("/data"), io::Error::from_raw_os_error(number)).kind();
        assert_eq!(error(rustix::io::Errno::LOOP.raw_os_error()), OpenErrorKind::Symlink);
        assert_eq!(error(rustix::io::Errno::ACCESS.raw_os_error()), OpenErrorKind::Unavailable);
        assert_eq!(error(rustix::io::Errno::NOSPC.raw_os_error()), OpenErrorKind::Unavailable);
    }

    #[test]
    fn a_folder_is_created_unless_it_exists() {
        let folder = tempfile::tempdir().unwrap();
        let (file, inner) = (folder.path().join("file"), folder.path().join("inner"));
        fs::write(&file, "").unwrap();
        for _ in 0..2 {
            create_private_folder(&inner).unwrap();
        }
        assert_eq!(mode(&inner), 0o700);
        assert_eq!(create_private_folder(&file).unwrap_err().kind(), ErrorKind::AlreadyExists);
        let nowhere = folder.path().join("missing").join("inner");
        assert_eq!(create_private_folder(&nowhere).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(sync_parent(&nowhere).unwrap_err().kind(), ErrorKind::NotFound);
        sync_parent(&inner).unwrap();
    }

    #[test]
    fn a_volume_has_a_size_before_the_path_exists() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path(), &folder.path().join("new"), Path::new("a-bare-name")] {
            let (size, free) = (volume_size(path).unwrap(), free_space(path).unwrap());
            assert!(size > 1 << 20 && free <= size, "{free} of {size} at {}", path.display());
        }
        assert_eq!(volume_size(&folder.path().join("missing").join("new")), None);
        assert_eq!(parent(Path::new("/data/s")), Path::new("/data"));
        assert_eq!(parent(Path::new("a-bare-name")), Path::new("."));
    }
}
