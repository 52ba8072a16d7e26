//! What redb does for the store.

use std::io::{self, ErrorKind};
use std::ops::{Bound, ControlFlow};
use std::path::Path;

use redb::backends::FileBackend;
use redb::{
    Database, DatabaseError, ReadOnlyTable, ReadableDatabase, ReadableTable, StorageBackend, StorageError,
    TableDefinition, TableError,
};
use sessions_disk::{Capacity, Engine, EngineError, OpenError, OpenErrorKind, Reader, Table, Write, files};

use crate::builder::RedbBuilder;

/// What a session takes besides its record: entries of three tables, in pages that are two thirds
/// full.
const PER_SESSION: u64 = 256;
/// How much larger the file is than the records in it. A record of 2,000 bytes has a page of 4,096
/// to itself.
const PER_BYTE: u64 = 2;
/// What is kept free for ending sessions: a transaction of 16 of them copies some 50 pages, and the
/// pages of the two before it are not free yet. Half of this is the least with which the checks of
/// a full disk pass.
const RESERVE: u64 = 2 << 20;

/// Is an open file.
#[derive(Debug)]
pub struct Redb {
    database: Database,
    has_quick_repair: bool,
}

/// Reads the state of the file after one transaction.
pub struct RedbReader {
    tables: Vec<ReadOnlyTable<&'static [u8], &'static [u8]>>,
}

impl std::fmt::Debug for RedbReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedbReader").finish_non_exhaustive()
    }
}

const fn definition(table: Table) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
    TableDefinition::new(table.name())
}

impl Engine for Redb {
    const NAME: &'static str = "redb";
    type Options = RedbBuilder;
    type Reader = RedbReader;

    fn capacity(options: &RedbBuilder) -> Capacity {
        let mut reserve = options.path.clone().into_os_string();
        reserve.push(".reserve");
        // Transactions copy what they change, so an eighth is left to them.
        let file = options.max_bytes.saturating_sub(RESERVE) / 8 * 7;
        Capacity::new(options.max_sessions, file).estimate(PER_SESSION, PER_BYTE).reserve(reserve, RESERVE)
    }

    fn path(options: &RedbBuilder) -> Option<&Path> {
        Some(&options.path)
    }

    fn open(options: &RedbBuilder) -> Result<Self, OpenError> {
        let io_error = |error| OpenError::io(Self::NAME, error);
        let file = files::open_private(Self::NAME, &options.path)?;
        let lock = file.try_clone().map_err(io_error)?;
        let backend = FileBackend::new(file).map_err(open_error)?;
        if lock.try_lock().is_ok() {
            discard_unfinished(&backend).map_err(io_error)?;
            // redb has a lock of its own, and it might not get it beside this one.
            lock.unlock().map_err(io_error)?;
        }
        let redb = Self::with_backend(backend, options)?;
        // Only now is it certain that the file is one of ours to change.
        files::make_private(&options.path).map_err(io_error)?;
        sync_parent(&options.path).map_err(io_error)?;
        Ok(redb)
    }

    fn reader(&self) -> Result<RedbReader, EngineError> {
        let transaction = self.database.begin_read().map_err(engine_error)?;
        let tables = Table::ALL.map(|table| transaction.open_table(definition(table)));
        let tables = tables.into_iter().collect::<Result<_, _>>().map_err(engine_error)?;
        Ok(RedbReader { tables })
    }

    fn write(&mut self, writes: &[Write<'_>]) -> Result<(), EngineError> {
        // redb waits for the disk on every commit unless it is told otherwise.
        let mut transaction = self.database.begin_write().map_err(engine_error)?;
        transaction.set_quick_repair(self.has_quick_repair);
        for writes in writes.chunk_by(|one, other| one.table == other.table) {
            let mut table = transaction.open_table(definition(writes[0].table)).map_err(engine_error)?;
            for write in writes {
                match write.value {
                    Some(value) => table.insert(write.key, value),
                    None => table.remove(write.key),
                }
                .map_err(engine_error)?;
            }
        }
        transaction.commit().map_err(engine_error)
    }
}

impl Redb {
    pub(crate) fn with_backend(backend: impl StorageBackend, options: &RedbBuilder) -> Result<Self, OpenError> {
        let database =
            Database::builder().set_cache_size(options.cache_size).create_with_backend(backend).map_err(open_error)?;
        create_tables(&database).map_err(|error| {
            let kind = match error {
                redb::Error::Io(_) => OpenErrorKind::Unavailable,
                _ => OpenErrorKind::Damaged,
            };
            OpenError::new(Self::NAME, kind).caused_by(error)
        })?;
        Ok(Self { database, has_quick_repair: options.has_quick_repair })
    }
}

impl Reader for RedbReader {
    fn get<T>(&self, table: Table, key: &[u8], read: impl FnOnce(&[u8]) -> T) -> Result<Option<T>, EngineError> {
        let value = self.tables[table.index()].get(key).map_err(engine_error)?;
        Ok(value.map(|value| read(value.value())))
    }

    fn range(
        &self,
        table: Table,
        from: Bound<&[u8]>,
        mut visit: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), EngineError> {
        let table = &self.tables[table.index()];
        for entry in ReadableTable::range::<&[u8]>(table, (from, Bound::Unbounded)).map_err(engine_error)? {
            let (key, value) = entry.map_err(engine_error)?;
            if visit(key.value(), value.value()).is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// Creates the tables where they are missing, all in one transaction.
fn create_tables(database: &Database) -> Result<(), redb::Error> {
    let opened = database.begin_read()?.open_table(definition(Table::Records));
    match opened {
        Ok(_) => Ok(()),
        Err(TableError::TableDoesNotExist(_)) => {
            let transaction = database.begin_write()?;
            for table in Table::ALL {
                transaction.open_table(definition(table))?;
            }
            Ok(transaction.commit()?)
        }
        Err(error) => Err(error.into()),
    }
}

/// Empties a file whose creation was interrupted. redb writes its magic number last, and takes a
/// file without it for somebody else's.
///
/// Such a file has nothing behind its header, so nothing is lost that anybody wrote.
pub(crate) fn discard_unfinished(backend: &impl StorageBackend) -> io::Result<()> {
    const MAGIC: usize = 9;
    const HEADER: usize = 512;
    const LONGEST: u64 = 2 << 20;
    let length = backend.len()?;
    if length > LONGEST {
        return Ok(());
    }
    let mut bytes = vec![0; length as usize];
    backend.read(0, &mut bytes)?;
    let is_zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    if is_zero(bytes.get(..MAGIC).unwrap_or(&bytes)) && is_zero(bytes.get(HEADER..).unwrap_or(&[])) {
        backend.set_len(0)?;
    }
    Ok(())
}

/// Makes a new file's name durable. redb sees to what is in it.
fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), files::sync_folder)
}

fn open_error(error: DatabaseError) -> OpenError {
    let kind = match &error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => OpenErrorKind::Locked,
        DatabaseError::UpgradeRequired(_) => OpenErrorKind::UnknownFormat,
        DatabaseError::Storage(StorageError::Corrupted(_)) | DatabaseError::RepairAborted => OpenErrorKind::Damaged,
        DatabaseError::Storage(StorageError::Io(cause))
            if matches!(cause.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) =>
        {
            OpenErrorKind::Damaged
        }
        _ => OpenErrorKind::Unavailable,
    };
    let opening = OpenError::new(Redb::NAME, kind);
    match error {
        // redb's errors name no source.
        DatabaseError::Storage(StorageError::Io(cause)) => opening.caused_by(cause),
        error => opening.caused_by(error),
    }
}

/// Sorts an error by what has to be done about it. After any error but of one damaged place redb
/// has to be opened again: it refuses everything once the file has failed it.
fn engine_error(error: impl Into<redb::Error>) -> EngineError {
    match error.into() {
        error @ (redb::Error::Corrupted(_)
        | redb::Error::TableDoesNotExist(_)
        | redb::Error::TableTypeMismatch { .. }) => EngineError::damaged(error),
        redb::Error::Io(error) => EngineError::io(error),
        error => EngineError::unavailable(error),
    }
}
