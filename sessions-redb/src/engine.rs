//! The engine on redb.

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

/// Bytes per session besides its record: entries of three tables, in pages that are two thirds
/// full.
const PER_SESSION: u64 = 256;
/// Size of the file relative to its records. A record of 2,000 bytes has a page of 4,096 to itself.
const PER_BYTE: u64 = 2;
/// Bytes kept free for ending sessions.
///
/// A transaction of 16 destroys copies some 50 pages, and those of the two transactions before are
/// not free yet. The full-disk checks pass with half of this.
const RESERVE: u64 = 2 << 20;

/// An open redb file.
#[derive(Debug)]
pub struct Redb {
    database: Database,
    has_quick_repair: bool,
}

/// A reader of the state after one transaction.
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
        // An eighth is left for the pages that transactions copy.
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
            // redb locks the file itself, which might fail beside this lock.
            lock.unlock().map_err(io_error)?;
        }
        let redb = Self::with_backend(backend, options)?;
        // Before this point the file might have been somebody else's.
        files::make_private(&options.path).map_err(io_error)?;
        // redb syncs the content of a new file, but not its name.
        files::sync_parent(&options.path).map_err(io_error)?;
        Ok(redb)
    }

    fn reader(&self) -> Result<RedbReader, EngineError> {
        let transaction = self.database.begin_read().map_err(engine_error)?;
        let tables = Table::ALL.map(|table| transaction.open_table(definition(table)));
        let tables = tables.into_iter().collect::<Result<_, _>>().map_err(engine_error)?;
        Ok(RedbReader { tables })
    }

    fn write(&mut self, writes: &[Write<'_>]) -> Result<(), EngineError> {
        // By default redb makes every commit durable.
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

/// Creates missing tables in one transaction.
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

/// Empties a file whose creation was interrupted.
///
/// redb writes its magic number last, and refuses a file without it. Such a file has nothing after
/// its header, so no data is lost.
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
        // redb's errors return no source.
        DatabaseError::Storage(StorageError::Io(cause)) => opening.caused_by(cause),
        error => opening.caused_by(error),
    }
}

/// Classifies an error by its remedy. Except for damage redb must be reopened, because it refuses
/// every call after the first I/O error.
fn engine_error(error: impl Into<redb::Error>) -> EngineError {
    match error.into() {
        error @ (redb::Error::Corrupted(_)
        | redb::Error::TableDoesNotExist(_)
        | redb::Error::TableTypeMismatch { .. }) => EngineError::damaged(error),
        redb::Error::Io(error) => EngineError::io(error),
        error => EngineError::unavailable(error),
    }
}
