//! Bytes per session.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use sessions_core::Sessions;

use crate::clients::sign_in;
use crate::{open, runtime};

/// Creates sessions, and prints their size on disk after the store was closed.
pub(crate) fn run(store: &str, place: &str, count: usize) {
    runtime().block_on(async {
        let sessions = Sessions::builder().store(open::store(store, place)).build().expect("the defaults are sound");
        drop(sign_in(&sessions, count).await);
    });
    if let Some(bytes) = bytes_on_disk(Path::new(place)) {
        println!("{}", bytes / count as u64);
    }
}

/// Returns the size of all files below a path on disk, or `None` if there are none.
///
/// The reserve of a store does not count, since it does not grow with the sessions.
fn bytes_on_disk(path: &Path) -> Option<u64> {
    let metadata = fs::symlink_metadata(path).ok()?;
    if !metadata.is_dir() {
        return Some(metadata.blocks() * 512);
    }
    let entries = fs::read_dir(path).ok()?.flatten().filter(|entry| entry.file_name() != "reserve");
    Some(entries.filter_map(|entry| bytes_on_disk(&entry.path())).sum())
}
