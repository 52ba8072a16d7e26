//! The engine on fjall.

use std::io::{self, ErrorKind};
use std::ops::{Bound, ControlFlow};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use fjall::compaction::Leveled;
use fjall::config::CompressionPolicy;
use fjall::{CompressionType, Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use sessions_disk::{Capacity, Engine, EngineError, OpenError, OpenErrorKind, Reader, Table, Write};

use crate::builder::FjallBuilder;
use crate::folder::Folder;
use crate::journal;
use crate::sizes::Sizes;

/// Bytes of journals after which rarely written tables are flushed too. Opening reads all of them.
const JOURNALS: u64 = 64 << 20;
/// Bytes of each table kept in memory before they are flushed. Opening reads them from the journal.
const MEMTABLE: u64 = 16 << 20;

/// Longest wait for a journal's tables to be flushed.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait of a batch for fjall's threads, which may have fallen far behind.
const MERGE_TIMEOUT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(1);
/// Number of polls in a row without a compaction after which fjall is considered idle.
const MAX_IDLE_POLLS: usize = 100;

/// Number of unsorted tables at which a batch is not written. At 30 fjall would wait for them to be
/// merged, even where that has failed for good.
const MAX_UNSORTED: usize = 24;
/// Number of memtables waiting to be flushed at which a batch is not written. At 4 fjall would
/// wait in the same way.
const MAX_SEALED: usize = 3;

/// An open fjall folder.
pub struct Fjall {
    path: PathBuf,
    /// `None` while the folder is being closed.
    open: Option<Open>,
    sizes: Sizes,
    /// The length of the journal.
    journal: u64,
    /// Whether everything in the journal is in tables too. Closing the folder then empties it.
    /// Reset by every write: the store may go on writing without reopening the folder.
    is_journal_done: bool,
    /// The last field, so that it is unlocked after everything else is closed.
    _folder: Folder,
}

/// A folder that fjall has opened.
struct Open {
    database: Database,
    reader: FjallReader,
}

/// A reader of everything written so far.
#[derive(Clone)]
pub struct FjallReader {
    keyspaces: Vec<Keyspace>,
}

impl std::fmt::Debug for Fjall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fjall").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for FjallReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FjallReader").finish_non_exhaustive()
    }
}

impl Engine for Fjall {
    const NAME: &'static str = "fjall";
    type Options = FjallBuilder;
    type Reader = FjallReader;

    fn capacity(options: &FjallBuilder) -> Capacity {
        Sizes::of(options).capacity(options.max_sessions, &Folder::reserve(&options.path))
    }

    fn path(options: &FjallBuilder) -> Option<&Path> {
        Some(&options.path)
    }

    fn open(options: &FjallBuilder) -> Result<Self, OpenError> {
        let folder = Folder::lock(&options.path)?;
        let sizes = Sizes::of(options);
        let path = folder.engine(|path| open_database(path, options, sizes).map(drop))?;
        let open = open_database(&path, options, sizes)?;
        let journal = journal::length(&path).map_err(io_error)?;
        Ok(Self { path, open: Some(open), sizes, journal, is_journal_done: false, _folder: folder })
    }

    fn reader(&self) -> Result<FjallReader, EngineError> {
        self.open.as_ref().map(|open| open.reader.clone()).ok_or_else(closed)
    }

    fn wants_reopening(&self) -> bool {
        self.is_journal_done
    }

    fn write(&mut self, writes: &[Write<'_>]) -> Result<(), EngineError> {
        self.is_journal_done = false;
        let open = self.open.as_ref().ok_or_else(closed)?;
        open.make_room(self.sizes)?;
        let mut batch = open.database.batch().durability(Some(PersistMode::SyncData));
        for write in writes {
            let keyspace = &open.reader.keyspaces[write.table.index()];
            match write.value {
                Some(value) => batch.insert(keyspace, write.key, value),
                None => batch.remove(keyspace, write.key),
            }
        }
        batch.commit().map_err(write_error)?;
        self.journal += journal::length_of(writes);
        if self.journal > self.sizes.journal() {
            self.journal = 0;
            // The batch is durable even if this fails. fjall then refuses the next batch.
            self.is_journal_done = open.finish_journal(self.sizes).is_ok();
        }
        Ok(())
    }
}

impl Open {
    /// Flushes everything in the journal to tables, and compacts the tables if there are many.
    fn finish_journal(&self, sizes: Sizes) -> Result<(), EngineError> {
        let keyspaces = &self.reader.keyspaces;
        for keyspace in keyspaces {
            keyspace.rotate_memtable().map_err(write_error)?;
        }
        self.wait(FLUSH_TIMEOUT, || Ok(keyspaces.iter().all(|keyspace| keyspace.sealed_memtable_count() == 0)))?;
        for keyspace in keyspaces.iter().filter(|keyspace| keyspace.l0_table_count() >= sizes.unsorted_tables()) {
            // On a full disk this fails. By the next time more may have been removed.
            let _ = keyspace.major_compact();
        }
        Ok(())
    }

    /// Makes sure that fjall writes the next batch without waiting for its threads.
    fn make_room(&self, sizes: Sizes) -> Result<(), EngineError> {
        let keyspaces = &self.reader.keyspaces;
        let is_full = |keyspace: &&Keyspace| keyspace.l0_table_count() >= MAX_UNSORTED;
        let mut idle_polls = 0;
        self.wait(MERGE_TIMEOUT, || {
            if keyspaces.iter().any(|keyspace| is_full(&keyspace)) {
                // fjall counts a compaction before it chooses whether to do anything, and one large
                // merge follows another. So a single reading is not enough.
                idle_polls = if self.database.active_compactions() == 0 { idle_polls + 1 } else { 0 };
                // fjall merges no tables of a small store, or of one that was small when it was
                // created: it keeps the options of its creation.
                if sizes.are_small() || idle_polls >= MAX_IDLE_POLLS {
                    keyspaces.iter().filter(is_full).try_for_each(Keyspace::major_compact).map_err(write_error)?;
                }
            }
            let has_room = |keyspace| !is_full(&keyspace) && keyspace.sealed_memtable_count() < MAX_SEALED;
            Ok(keyspaces.iter().all(has_room))
        })
    }

    /// Waits for fjall's threads until a condition holds.
    fn wait(
        &self,
        longest: Duration,
        mut is_done: impl FnMut() -> Result<bool, EngineError>,
    ) -> Result<(), EngineError> {
        let begun = Instant::now();
        while !is_done()? {
            // When fjall's thread fails it ends, and only calls on the database report it.
            self.database.persist(PersistMode::Buffer).map_err(write_error)?;
            if begun.elapsed() > longest {
                return Err(EngineError::unavailable(io::Error::from(ErrorKind::TimedOut)));
            }
            thread::sleep(POLL);
        }
        Ok(())
    }
}

impl Drop for Fjall {
    fn drop(&mut self) {
        drop(self.open.take());
        if self.is_journal_done {
            // If this fails, the journal is read again, which changes nothing.
            let _ = journal::empty(&self.path);
        }
    }
}

impl Reader for FjallReader {
    fn get<T>(&self, table: Table, key: &[u8], read: impl FnOnce(&[u8]) -> T) -> Result<Option<T>, EngineError> {
        let value = self.keyspaces[table.index()].get(key).map_err(read_error)?;
        Ok(value.map(|value| read(&value)))
    }

    fn range(
        &self,
        table: Table,
        from: Bound<&[u8]>,
        mut visit: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), EngineError> {
        let range = (from, Bound::Unbounded);
        for entry in self.keyspaces[table.index()].range::<&[u8], _>(range) {
            let (key, value) = entry.into_inner().map_err(read_error)?;
            if visit(&key, &value).is_break() {
                break;
            }
        }
        Ok(())
    }
}

fn open_database(path: &Path, options: &FjallBuilder, sizes: Sizes) -> Result<Open, OpenError> {
    let open = || {
        Database::builder(path)
            .cache_size(options.cache_size)
            .max_journaling_size(JOURNALS)
            .journal_compression(CompressionType::None)
            .open()
    };
    let database = match open() {
        Err(fjall::Error::JournalRecovery(_)) if journal::discard_torn_batch(path).map_err(io_error)? => open(),
        opened => opened,
    };
    let database = database.map_err(open_error)?;
    let keyspaces = Table::ALL.map(|table| database.keyspace(table.name(), || keyspace_options(sizes)));
    let keyspaces = keyspaces.into_iter().collect::<Result<_, _>>().map_err(open_error)?;
    Ok(Open { database, reader: FjallReader { keyspaces } })
}

/// Returns the options of a table.
///
/// Everything is uncompressed, here and in the journal: the files must not depend on features of
/// fjall that another crate turns on.
fn keyspace_options(sizes: Sizes) -> KeyspaceCreateOptions {
    let options = KeyspaceCreateOptions::default();
    let options = if sizes.are_small() {
        // On a full disk fjall's compaction thread ends, and writes then block forever.
        options.compaction_strategy(Arc::new(Leveled::default().with_l0_threshold(u8::MAX)))
    } else {
        options
    };
    options
        .max_memtable_size(MEMTABLE)
        .data_block_compression_policy(CompressionPolicy::disabled())
        .index_block_compression_policy(CompressionPolicy::disabled())
}

fn closed() -> EngineError {
    EngineError::unavailable(io::Error::from(ErrorKind::NotConnected))
}

/// Names the remedy where fjall cannot go on although the disk works and has room.
fn write_error(error: fjall::Error) -> EngineError {
    disk_error(error).unwrap_or_else(|error| EngineError::unavailable(NotMerged(error)))
}

/// Distinguishes damage in one place from a failing disk, and from a process without file
/// descriptors: fjall opens a table's file when it first reads from it.
fn read_error(error: fjall::Error) -> EngineError {
    disk_error(error).unwrap_or_else(EngineError::damaged)
}

/// Returns the error of a file operation, or what else has failed.
fn disk_error(error: fjall::Error) -> Result<EngineError, fjall::Error> {
    match error {
        fjall::Error::Io(cause) | fjall::Error::Storage(fjall::LsmError::Io(cause)) if !is_damage(&cause) => {
            Ok(EngineError::io(cause))
        }
        error => Err(error),
    }
}

/// The cause of an error while fjall cannot flush or merge its tables.
#[derive(Debug)]
struct NotMerged(fjall::Error);

impl std::fmt::Display for NotMerged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(
            "fjall cannot flush or merge its tables: if the disk has room and this goes on, one of them may be damaged; \
             restore a backup or use another folder",
        )
    }
}

impl std::error::Error for NotMerged {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

fn io_error(error: io::Error) -> OpenError {
    OpenError::io(Fjall::NAME, error)
}

fn open_error(error: fjall::Error) -> OpenError {
    let kind = match &error {
        fjall::Error::Locked => OpenErrorKind::Locked,
        fjall::Error::InvalidVersion(Some(_)) => OpenErrorKind::UnknownFormat,
        fjall::Error::Io(cause) | fjall::Error::Storage(fjall::LsmError::Io(cause)) if !is_damage(cause) => {
            OpenErrorKind::Unavailable
        }
        _ => OpenErrorKind::Damaged,
    };
    OpenError::new(Fjall::NAME, kind).caused_by(error)
}

/// Returns whether a file is missing or has the wrong content.
fn is_damage(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof | ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Regression: they grew in number until no write was possible.
    #[test]
    fn tables_of_a_store_that_was_small_are_merged() {
        let folder = tempfile::tempdir().unwrap();
        drop(Fjall::open(&FjallBuilder::new(folder.path()).max_bytes(8 << 20)).unwrap());
        let mut engine = Fjall::open(&FjallBuilder::new(folder.path())).unwrap();
        let mut write = || {
            engine.write(&[Write::new(Table::Records, b"key", Some(b"value"))]).unwrap();
            engine.open.as_ref().unwrap().reader.keyspaces[Table::Records.index()].clone()
        };
        for _ in 0..=MAX_UNSORTED {
            write().rotate_memtable_and_wait().unwrap();
        }
        assert!(write().l0_table_count() < MAX_UNSORTED);
    }
}
