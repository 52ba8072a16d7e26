//! fjall's journal, which it reads when it opens a folder.
//!
//! It consists of batches, which zeros may follow. Numbers are little-endian:
//!
//! ```text
//! start   1   u32 number of items   u64 sequence number
//! item    2   u8 type   u8 compression   u64 keyspace   u16 length of the key
//!             u32 length of the value   u32 its length in the journal   key   value
//! end     3   u64 xxh3 of the items   "FJL\x03"
//! ```

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use sessions_disk::Write;
use xxhash_rust::xxh3::xxh3_64;

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

/// Discards the last batch of a closed folder if its content is torn. Returns whether it was.
///
/// fjall writes a batch of more than 8 KiB in several system calls before one sync. A power failure
/// may keep only the later ones. fjall discards a batch without an end, but refuses to open a
/// journal in which the checksum of the last batch is wrong. Damage to the last batch looks like a
/// power failure, and that batch is discarded too.
pub(crate) fn discard_torn_batch(engine: &Path) -> io::Result<bool> {
    let number = |path: &PathBuf| path.file_stem()?.to_str()?.parse::<u64>().ok();
    let Some(newest) = files(engine)?.into_iter().max_by_key(number) else {
        return Ok(false);
    };
    let Some(at) = find_torn_batch(&fs::read(&newest)?) else {
        return Ok(false);
    };
    let file = OpenOptions::new().write(true).open(newest)?;
    file.set_len(at as u64)?;
    file.sync_all()?;
    Ok(true)
}

/// Returns where the first batch with a wrong checksum begins, if nothing follows it.
fn find_torn_batch(journal: &[u8]) -> Option<usize> {
    let mut rest = journal;
    loop {
        let at = journal.len() - rest.len();
        if !read_batch(&mut rest)? {
            return rest.iter().all(|byte| *byte == 0).then_some(at);
        }
    }
}

/// Reads a batch, and returns whether its checksum is right. Anything else is left to fjall.
fn read_batch(rest: &mut &[u8]) -> Option<bool> {
    let [1] = take(rest)? else { return None };
    let count = u32::from_le_bytes(take(rest)?);
    let _sequence_number: [u8; 8] = take(rest)?;
    let items = *rest;
    for _ in 0..count {
        let [2, _type, 0] = take(rest)? else { return None };
        let _keyspace: [u8; 8] = take(rest)?;
        let key = u16::from_le_bytes(take(rest)?);
        let _value: [u8; 4] = take(rest)?;
        let value = u32::from_le_bytes(take(rest)?);
        rest.split_off(..usize::from(key))?;
        rest.split_off(..value as usize)?;
    }
    let items = &items[..items.len() - rest.len()];
    let [3] = take(rest)? else { return None };
    let checksum = u64::from_le_bytes(take(rest)?);
    let [b'F', b'J', b'L', 3] = take(rest)? else { return None };
    Some(xxh3_64(items) == checksum)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    rest.split_off(..N)?.first_chunk().copied()
}

fn files(engine: &Path) -> io::Result<Vec<PathBuf>> {
    let paths = fs::read_dir(engine)?.map(|entry| Ok(entry?.path()));
    paths.filter(|path| path.as_ref().map_or(true, |path| path.extension().is_some_and(|it| it == "jnl"))).collect()
}
