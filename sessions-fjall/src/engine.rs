//! What fjall does for the store.

use std::io::ErrorKind;
use std::ops::{Bound, ControlFlow};
use std::path::Path;

use fjall::config::CompressionPolicy;
use fjall::{CompressionType, Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use sessions_embedded::{Engine, EngineError, OpenError, OpenErrorKind, Reader, Table, Write};

use crate::builder::FjallBuilder;
use crate::folder::Folder;

/// Is how much journal may lie on the disk before tables that are seldom written have to be finished too. Opening reads all of it.
const JOURNALS: u64 = 64 << 20;
/// Is how much of each table is kept in memory before it is written to a file of its own. Opening reads it from the journal.
const MEMTABLE: u64 = 16 << 20;

/// Is an open folder.
pub struct Fjall {
    database: Database,
    reader: FjallReader,
    /// Comes last, so that it is let go when everything else is closed.
    _folder: Folder,
}

/// Reads all that was written so far.
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

    fn open(options: &FjallBuilder) -> Result<Self, OpenError> {
        let folder = Folder::lock(&options.path)?;
        let path = folder.engine(|path| open_database(path, options).map(drop))?;
        let (database, reader) = open_database(&path, options)?;
        Ok(Self { database, reader, _folder: folder })
    }

    fn reader(&self) -> Result<FjallReader, EngineError> {
        Ok(self.reader.clone())
    }

    fn write(&mut self, writes: &[Write<'_>]) -> Result<(), EngineError> {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        for write in writes {
            let keyspace = &self.reader.keyspaces[write.table.index()];
            match write.value {
                Some(value) => batch.insert(keyspace, write.key, value),
                None => batch.remove(keyspace, write.key),
            }
        }
        batch.commit().map_err(EngineError::unavailable)
    }
}

impl Reader for FjallReader {
    fn get<T>(&self, table: Table, key: &[u8], read: impl FnOnce(&[u8]) -> T) -> Result<Option<T>, EngineError> {
        let value = self.keyspaces[table.index()].get(key).map_err(EngineError::damaged)?;
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
            let (key, value) = entry.into_inner().map_err(EngineError::damaged)?;
            if visit(&key, &value).is_break() {
                break;
            }
        }
        Ok(())
    }
}

fn open_database(path: &Path, options: &FjallBuilder) -> Result<(Database, FjallReader), OpenError> {
    let database = Database::builder(path)
        .cache_size(options.cache_size)
        .max_journaling_size(JOURNALS)
        .journal_compression(CompressionType::None)
        .open()
        .map_err(open_error)?;
    let keyspaces = Table::ALL.map(|table| database.keyspace(table.name(), keyspace_options));
    let keyspaces = keyspaces.into_iter().collect::<Result<_, _>>().map_err(open_error)?;
    Ok((database, FjallReader { keyspaces }))
}

/// Leaves everything uncompressed, here and in the journal: what is on the disk must not depend on which features of fjall some other
/// crate turns on.
fn keyspace_options() -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        .max_memtable_size(MEMTABLE)
        .data_block_compression_policy(CompressionPolicy::disabled())
        .index_block_compression_policy(CompressionPolicy::disabled())
}

fn open_error(error: fjall::Error) -> OpenError {
    let kind = match &error {
        fjall::Error::Locked => OpenErrorKind::Locked,
        fjall::Error::InvalidVersion(Some(_)) => OpenErrorKind::UnknownFormat,
        fjall::Error::Io(cause) | fjall::Error::Storage(fjall::LsmError::Io(cause))
            if !matches!(cause.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof | ErrorKind::NotFound) =>
        {
            OpenErrorKind::Unavailable
        }
        _ => OpenErrorKind::Damaged,
    };
    OpenError::new(Fjall::NAME, kind).caused_by(error)
}
