//! The engine's tables, and recovery from its failures.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::backoff::Backoff;
use crate::batch::{Batch, KeyChange};
use crate::capacity::Usage;
use crate::disk_space::DiskSpace;
use crate::engine::{Engine, EngineError, Reader, Table, Write};
use crate::error::{OpenError, OpenErrorKind};
use crate::eviction::EvictionCursor;
use crate::keys;
use crate::operation::Operation;
use crate::panics::{CatchPanic, catch_panic, close_engine, open_engine, open_reader};
use crate::reads;
use crate::shared_reader::SharedReader;

/// The layout of the tables that this build reads and writes.
const LAYOUT: u64 = 2;

pub(crate) type EngineReader<E> = CatchPanic<<E as Engine>::Reader>;
pub(crate) type BoxedOperation<E> = Box<dyn Operation<EngineReader<E>>>;

/// The engine, and everything that is written to it.
///
/// A write that failed may have taken effect anyway: the engine may have written everything
/// and only the disk's answer was lost. Its callers get an error, so the write must not show up
/// later. Therefore the engine is reopened after each failure, and whatever of the batch is in the
/// files is undone before anybody can read it.
pub(crate) struct Tables<E: Engine> {
    options: E::Options,
    /// `None` while it cannot be opened.
    engine: Option<E>,
    shared: Arc<SharedReader<EngineReader<E>>>,
    disk_space: DiskSpace,
    /// The ceiling as the files have it.
    written_ceiling: Option<u64>,
    eviction_cursor: EvictionCursor,
    /// The batch being written, which after a failure has to be undone.
    pending: Vec<KeyChange>,
    /// The pause after a failed write, in which writes fail without being tried.
    write_backoff: Backoff,
    /// The error of writes during that pause.
    error: Option<EngineError>,
    /// The pause between attempts to reopen the engine.
    reopen_backoff: Backoff,
}

/// Why the engine is reopened.
#[derive(Clone, Copy, PartialEq)]
enum Cause {
    Failure,
    /// The engine asked for it.
    Request,
}

impl<E: Engine> Tables<E> {
    pub(crate) fn open(options: E::Options) -> Result<Self, OpenError> {
        let path = E::path(&options).map(Path::to_owned);
        Self::open_at(options).map_err(|error| at(error, path.as_deref()))
    }

    fn open_at(options: E::Options) -> Result<Self, OpenError> {
        let mut engine = open_engine::<E>(&options)?;
        let (reader, usage, written_ceiling) = match read_state(&mut engine) {
            Ok(state) => state,
            Err(error) => {
                close_engine(engine);
                return Err(error);
            }
        };
        let disk_space = DiskSpace::open(&E::capacity(&options), usage, written_ceiling);
        let shared = SharedReader::new();
        shared.publish(reader);
        Ok(Self {
            options,
            engine: Some(engine),
            shared: Arc::new(shared),
            disk_space,
            written_ceiling,
            eviction_cursor: EvictionCursor::default(),
            pending: Vec::new(),
            write_backoff: Backoff::new(),
            error: None,
            reopen_backoff: Backoff::new(),
        })
    }

    pub(crate) const fn shared(&self) -> &Arc<SharedReader<EngineReader<E>>> {
        &self.shared
    }

    /// Returns whether the disk is full, so that transactions must be small.
    pub(crate) const fn is_disk_full(&self) -> bool {
        self.disk_space.is_disk_full()
    }

    /// Runs operations and makes their changes durable, all or none. Bulk operations among them
    /// visit up to `entries` entries each.
    pub(crate) fn transact(&mut self, operations: &mut [BoxedOperation<E>], entries: usize) -> Result<(), EngineError> {
        if let Some(error) = self.error.as_ref().filter(|_| !self.write_backoff.left().is_zero()) {
            return Err(error.clone());
        }
        self.disk_space.restore();
        match self.try_twice(operations, entries).map_err(EngineError::of_batch) {
            Ok(has_written) => {
                if has_written {
                    self.error = None;
                    self.write_backoff.reset();
                }
                Ok(())
            }
            // No pause: the next operation may end a session, for which a full disk has room.
            Err(error) if self.is_disk_full() => Err(error),
            Err(error) => {
                self.error = Some(error.clone());
                self.write_backoff.extend();
                Err(error)
            }
        }
    }

    /// Tries the transaction, and retries it once if that may help. Returns whether anything was
    /// written.
    fn try_twice(&mut self, operations: &mut [BoxedOperation<E>], entries: usize) -> Result<bool, EngineError> {
        let error = match self.try_once(operations, entries) {
            Ok(has_written) => return Ok(has_written),
            Err(error) => error,
        };
        // Reopening may be all it takes: some engines refuse every write after one failure in the
        // background.
        match self.reopen_after(&error) {
            Ok(is_disk_full) if is_disk_full || self.write_backoff.is_fresh() => {}
            Ok(_) | Err(_) => return Err(error),
        }
        let result = self.try_once(operations, entries);
        if let Err(error) = &result {
            // Reads must go on while writes fail. If reopening fails, `recover` tries again.
            let _ = self.reopen_after(error);
        }
        result
    }

    /// Reopens the engine after a failed write. Returns whether the disk is full, and lowers the
    /// ceiling if so.
    fn reopen_after(&mut self, error: &EngineError) -> Result<bool, EngineError> {
        let is_disk_full = self.disk_space.is_out_of_space(error);
        if is_disk_full {
            // Opening may need room too.
            self.disk_space.release();
        }
        let opened = self.reopen(Cause::Failure);
        if is_disk_full {
            // Read only now, since some engines refuse reads too until they are reopened.
            let usage = self.shared.reader().and_then(|reader| reads::usage(&*reader).ok());
            self.disk_space.lower_ceiling(usage);
        }
        opened.map(|()| is_disk_full)
    }

    /// Tries the transaction. Returns whether anything was written: success without a write does
    /// not show that the disk works again.
    fn try_once(&mut self, operations: &mut [BoxedOperation<E>], entries: usize) -> Result<bool, EngineError> {
        let reader = self.shared.reader();
        let (Some(engine), Some(reader)) = (&mut self.engine, reader) else {
            return Err(EngineError::unavailable(self.shared.not_open()));
        };
        let mut batch = Batch::new(&*reader, entries, self.disk_space.limits(), self.eviction_cursor.candidates());
        for operation in operations {
            operation.run(&mut batch)?;
        }
        let ceiling = self.disk_space.ceiling();
        if ceiling != self.written_ceiling && !batch.is_unchanged() {
            match ceiling {
                Some(ceiling) => batch.put(Table::Meta, keys::CEILING, &ceiling.to_le_bytes())?,
                None => batch.remove(Table::Meta, keys::CEILING)?,
            }
        }
        let evicted_at = batch.evicted_at.take();
        self.pending = batch.into_changes();
        drop(reader);
        if self.pending.is_empty() {
            return Ok(false);
        }
        let writes: Vec<Write<'_>> = self.pending.iter().map(KeyChange::write).collect();
        catch_panic(|| engine.write(&writes))?;
        publish(&self.shared, engine)?;
        self.pending.clear();
        self.written_ceiling = ceiling;
        self.eviction_cursor.advance(evicted_at);
        if self.engine.as_ref().is_some_and(Engine::wants_reopening) {
            // The write is durable. If reopening fails, `recover` tries again.
            let _ = self.reopen(Cause::Request);
        }
        Ok(true)
    }

    /// Closes the engine and opens it again. Readers wait meanwhile.
    fn reopen(&mut self, cause: Cause) -> Result<(), EngineError> {
        self.shared.begin_reopening();
        self.close();
        if cause == Cause::Failure {
            E::drop_cache(&self.options);
        }
        let opened = self.open_again();
        self.shared.end_reopening(opened.as_ref().err());
        opened
    }

    fn open_again(&mut self) -> Result<(), EngineError> {
        let opened = open_engine::<E>(&self.options).map_err(|error| at(error, E::path(&self.options)));
        let mut engine = opened.map_err(EngineError::unavailable)?;
        let published = self.undo(&mut engine).and_then(|()| publish(&self.shared, &engine));
        match published {
            Ok(()) => self.engine = Some(engine),
            Err(_) => close_engine(engine),
        }
        published
    }

    fn close(&mut self) {
        self.shared.withdraw();
        close_engine(self.engine.take());
    }

    /// Undoes whatever of a failed batch is in the files.
    fn undo(&mut self, engine: &mut E) -> Result<(), EngineError> {
        let reader = open_reader(engine)?;
        let mut writes = Vec::new();
        for changed in &self.pending {
            writes.extend(changed.undo(&reader)?);
        }
        drop(reader);
        if !writes.is_empty() {
            catch_panic(|| engine.write(&writes))?;
        }
        self.pending.clear();
        Ok(())
    }

    /// Returns how long [`recover`](Self::recover) must wait, `None` if there is nothing to do.
    pub(crate) fn time_to_recover(&self) -> Option<Duration> {
        self.time_to_reopen().into_iter().chain(self.disk_space.time_to_restore()).min()
    }

    fn time_to_reopen(&self) -> Option<Duration> {
        let is_ill = self.engine.is_none() || self.shared.has_failed();
        is_ill.then(|| self.reopen_backoff.left())
    }

    /// Reopens a failed engine, and restores the reserve, where an attempt is due.
    pub(crate) fn recover(&mut self) {
        if self.time_to_reopen() == Some(Duration::ZERO) {
            // If this fails, the engine stays closed until the next attempt.
            let _ = self.reopen(Cause::Failure);
            self.reopen_backoff.extend();
        }
        self.disk_space.restore();
    }
}

impl<E: Engine> Drop for Tables<E> {
    fn drop(&mut self) {
        self.close();
        // Nobody opens the files again, even if that was due after a failure.
        self.shared.end_reopening(None);
    }
}

/// Adds the path of the files to an error, if the engine names it.
fn at(error: OpenError, path: Option<&Path>) -> OpenError {
    match path {
        Some(path) => error.at(path),
        None => error,
    }
}

/// Publishes a reader of everything the engine has.
fn publish<E: Engine>(shared: &SharedReader<EngineReader<E>>, engine: &E) -> Result<(), EngineError> {
    shared.publish(open_reader(engine)?);
    Ok(())
}

/// Checks the layout, and returns a reader, what the store holds, and the ceiling as written.
fn read_state<E: Engine>(engine: &mut E) -> Result<(EngineReader<E>, Usage, Option<u64>), OpenError> {
    check_layout(engine)?;
    let engine_error = |error| OpenError::engine(E::NAME, error);
    let reader = open_reader(engine).map_err(engine_error)?;
    let usage = reads::usage(&reader).map_err(engine_error)?;
    let ceiling = reader.get(Table::Meta, keys::CEILING, number).map_err(engine_error)?;
    Ok((reader, usage, ceiling))
}

/// Writes the layout into new files, and refuses any other than this build's.
fn check_layout<E: Engine>(engine: &mut E) -> Result<(), OpenError> {
    let engine_error = |error| OpenError::engine(E::NAME, error);
    let reader = open_reader(engine).map_err(engine_error)?;
    let layout = reader.get(Table::Meta, keys::LAYOUT, number).map_err(engine_error)?;
    drop(reader);
    match layout {
        Some(LAYOUT) => Ok(()),
        Some(_) => Err(OpenError::new(E::NAME, OpenErrorKind::UnknownFormat)),
        None => {
            let layout = LAYOUT.to_le_bytes();
            let write = Write::new(Table::Meta, keys::LAYOUT, Some(&layout));
            catch_panic(|| engine.write(&[write])).map_err(engine_error)
        }
    }
}

/// Decodes a number of the table `meta`. Malformed bytes count as 0.
fn number(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_le_bytes)
}
