//! fjall's journal, which it reads when it opens a folder.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use sessions_disk::Write;

/// Approximate bytes that fjall writes besides a key and its value.
const ENTRY: u64 = 24;
/// Approximate bytes that fjall writes per batch.
const BATCH: u64 = 32;

/// Returns the approximate length of a batch in the journal.
pub(crate) fn length_of(writes: &[Write<'_>]) -> u64 {
    let lengths = writes.iter().map(|write| write.key.len() + write.value.map_or(0, <[u8]>::len));
    lengths.map(|length| length as u64 + ENTRY).sum::<u64>() + BATCH
}

/// Returns the bytes in the journals of a folder that was just opened. A new journal is empty,
/// although its file has a length.
pub(crate) fn length(engine: &Path) -> io::Result<u64> {
    const UNUSED: u64 = 64 << 20;
    let lengths = files(engine)?.into_iter().map(|path| Ok(fs::metadata(path)?.len()));
    lengths.filter(|length| !matches!(length, Ok(UNUSED))).sum()
}

/// Empties the journals of a closed folder.
pub(crate) fn empty(engine: &Path) -> io::Result<()> {
    for path in files(engine)? {
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(0)?;
        file.sync_all()?;
    }
    Ok(())
}

fn files(engine: &Path) -> io::Result<Vec<PathBuf>> {
    let paths = fs::read_dir(engine)?.map(|entry| Ok(entry?.path()));
    paths.filter(|path| path.as_ref().map_or(true, |path| path.extension().is_some_and(|it| it == "jnl"))).collect()
}
