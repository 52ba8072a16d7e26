//! What a power failure leaves on a disk.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::calls::{Call, Calls, File, renamed};
use crate::testing::sample::Rng;

/// The files and folders on a disk.
#[derive(Debug, Default)]
pub(super) struct Image<'a> {
    folders: BTreeSet<PathBuf>,
    names: BTreeMap<PathBuf, File>,
    /// The changes of each file that are on the disk, each with the length of its data.
    changes: BTreeMap<File, Vec<(&'a Call, usize)>>,
}

impl Calls {
    /// Returns a disk on which only these calls were made when the power failed.
    ///
    /// Disk 0 has nothing that was not synced, disk 1 all of it, and others some.
    pub(super) fn image(&self, moment: usize, disk: u64, rng: &mut Rng) -> Image<'_> {
        let calls = &self.all()[..moment];
        let durable = durable_names(calls);
        let names_end = match disk {
            0 => durable,
            1 => moment,
            _ => durable + rng.below(moment - durable + 1),
        };
        let mut synced: BTreeMap<File, usize> = BTreeMap::new();
        for call in calls {
            if let Call::SyncFile(file, begun) = call {
                let end = synced.entry(*file).or_default();
                *end = (*end).max(*begun);
            }
        }
        let is_synced = |file: &File, number| synced.get(file).is_some_and(|end| number < *end);
        let mut image = Image::default();
        for (number, call) in calls.iter().enumerate() {
            match call {
                Call::Write(file, _, data) => {
                    let kept = match (is_synced(file, number), disk, rng.below(3)) {
                        (true, ..) | (_, 1, _) | (_, 2.., 0) => data.len(),
                        (_, 2.., 1) => data.len() / 2,
                        _ => continue,
                    };
                    image.changes.entry(*file).or_default().push((call, kept));
                }
                Call::Length(file, _) => {
                    let is_kept = is_synced(file, number) || disk == 1 || (disk > 1 && rng.below(2) == 0);
                    if is_kept {
                        image.changes.entry(*file).or_default().push((call, 0));
                    }
                }
                _ if number < names_end => image.change_names(call),
                _ => {}
            }
        }
        image
    }
}

/// Returns the number of calls whose changes of names are durable for certain.
///
/// A file system with a journal keeps the order of such changes, so those before a durable one are
/// durable too.
fn durable_names(calls: &[Call]) -> usize {
    let ends = calls.iter().filter_map(|sync| match sync {
        Call::SyncFile(_, begun) | Call::SyncFolder(_, begun) => {
            calls[..*begun].iter().rposition(|change| is_synced_by(change, sync)).map(|last| last + 1)
        }
        _ => None,
    });
    ends.max().unwrap_or(0)
}

/// Returns whether a sync of a file or a folder makes a change of names durable.
fn is_synced_by(change: &Call, sync: &Call) -> bool {
    match (change, sync) {
        (Call::Create(_, created), Call::SyncFile(file, _)) => created == file,
        (
            Call::Create(path, _) | Call::CreateFolder(path) | Call::Remove(path) | Call::Rename(_, path),
            Call::SyncFolder(folder, _),
        ) => path.parent() == Some(folder),
        _ => false,
    }
}

impl Image<'_> {
    fn change_names(&mut self, call: &Call) {
        match call {
            Call::Create(path, file) => drop(self.names.insert(path.clone(), *file)),
            Call::CreateFolder(path) => drop(self.folders.insert(path.clone())),
            Call::Remove(path) => {
                self.names.remove(path);
                self.folders.remove(path);
            }
            Call::Rename(from, to) => {
                self.names.remove(to);
                let (names, folders) = (std::mem::take(&mut self.names), std::mem::take(&mut self.folders));
                self.names = names.into_iter().map(|(path, file)| (renamed(path, from, to), file)).collect();
                self.folders = folders.into_iter().map(|path| renamed(path, from, to)).collect();
            }
            _ => {}
        }
    }

    /// Writes the files into a folder.
    pub(super) fn write(&self, root: &Path) {
        for folder in &self.folders {
            DirBuilder::new().mode(0o700).create(root.join(folder)).expect("its parent was created before");
        }
        for (path, file) in &self.names {
            let mut options = OpenOptions::new();
            let opened = options.write(true).create_new(true).mode(0o600).open(root.join(path));
            let opened = opened.expect("its folder was created");
            for (call, kept) in self.changes.get(file).into_iter().flatten() {
                match call {
                    Call::Write(_, at, data) => opened.write_all_at(&data[..*kept], *at),
                    Call::Length(_, length) => opened.set_len(*length),
                    _ => Ok(()),
                }
                .expect("the folder has room");
            }
        }
    }
}
