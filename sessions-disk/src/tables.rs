//! The engine's tables, and what happens when the engine fails.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::backoff::Backoff;
use crate::batch::{Batch, KeyChange};
use crate::capacity::Usage;
use crate::disk_space::DiskSpace;
use crate::engine::{Engine, EngineError, Reader, Table, Write};
use crate::error::{NotOpen, OpenError, OpenErrorKind};
use crate::eviction::EvictionCursor;
use crate::keys;
use crate::operation::Operation;
use crate::panics::{CatchPanic, catch_panic, close_engine, open};
use crate::shared_reader::SharedReader;
use crate::writes::number;

/// Is the layout of the tables that this build knows.
const LAYOUT: u64 = 2;

pub(crate) type EngineReader<E> = CatchPanic<<E as Engine>::Reader>;
pub(crate) type BoxedOperation<E> = Box<dyn Operation<EngineReader<E>>>;

/// Owns the engine and all writing to it.
///
/// A write that failed may have come about all the same: the engine may have written everything and
/// then not heard from the disk. Whoever waits for it is told that it failed, so it must not turn
/// up later. Therefore the engine is opened again after each failure, and whatever of the batch is
/// found is undone before anybody can read it.
pub(crate) struct Tables<E: Engine> {
    options: E::Options,
    /// Is `None` while it cannot be opened.
    engine: Option<E>,
    shared: Arc<SharedReader<EngineReader<E>>>,
    disk_space: DiskSpace,
    /// What the files say of the ceiling.
    written_ceiling: Option<u64>,
    /// Where the next eviction begins.
    eviction_cursor: EvictionCursor,
    /// Holds what is being written, and after a failure what has to be undone.
    pending: Vec<KeyChange>,
    /// Refuses writes after failures, so that a full disk is not asked again for every batch.
    write_backoff: Backoff,
    /// Is what is refused with.
    error: Option<EngineError>,
    /// Keeps the engine from being opened all the time, where that does not help.
    reopen_backoff: Backoff,
}

impl<E: Engine> Tables<E> {
    pub(crate) fn open(options: E::Options) -> Result<Self, OpenError> {
        let path = E::path(&options).map(Path::to_owned);
        Self::open_at(options).map_err(|error| path.iter().fold(error, |error, path| error.at(path)))
    }

    fn open_at(options: E::Options) -> Result<Self, OpenError> {
        let mut engine = open::<E>(&options)?;
        check_layout(&mut engine)?;
        let engine_error = |error| OpenError::engine(E::NAME, error);
        let reader = CatchPanic(catch_panic(|| engine.reader()).map_err(engine_error)?);
        let usage = reader.get(Table::Meta, keys::USAGE, Usage::decode).map_err(engine_error)?.unwrap_or_default();
        let written_ceiling = reader.get(Table::Meta, keys::CEILING, number).map_err(engine_error)?;
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

    /// Returns whether the disk has no room, so that transactions have to be small.
    pub(crate) const fn is_disk_full(&self) -> bool {
        self.disk_space.is_disk_full()
    }

    /// Runs operations and makes what they changed durable, all of it or nothing. Walks among them
    /// have a share of the work each.
    pub(crate) fn transact(&mut self, operations: &mut [BoxedOperation<E>], share: usize) -> Result<(), EngineError> {
        if let Some(error) = self.error.as_ref().filter(|_| !self.write_backoff.left().is_zero()) {
            return Err(error.clone());
        }
        self.disk_space.restore();
        match self.persist(operations, share).map_err(EngineError::of_batch) {
            Ok(has_written) => {
                if has_written {
                    self.error = None;
                    self.write_backoff.reset();
                }
                Ok(())
            }
            // A full disk may have room for the next operation: it may end a session.
            Err(error) if self.is_disk_full() => Err(error),
            Err(error) => {
                self.error = Some(error.clone());
                self.write_backoff.extend();
                Err(error)
            }
        }
    }

    /// Attempts it, and once more where that may help.
    fn persist(&mut self, operations: &mut [BoxedOperation<E>], share: usize) -> Result<bool, EngineError> {
        let error = match self.attempt(operations, share) {
            Ok(has_written) => return Ok(has_written),
            Err(error) => error,
        };
        let has_narrowed = self.narrow(&error);
        // The failure may be over with the files opened anew: some engines write no more after one
        // failure in the background.
        if self.reopen().is_err() || !(has_narrowed || self.write_backoff.is_fresh()) {
            return Err(error);
        }
        let result = self.attempt(operations, share);
        if let Err(error) = &result {
            self.narrow(error);
            // Reading has to go on while writing fails. What cannot be opened is tried again by
            // `recover`.
            let _ = self.reopen();
        }
        result
    }

    /// Takes note of a disk that is full, and returns whether it is.
    fn narrow(&mut self, error: &EngineError) -> bool {
        let is_full = self.disk_space.is_out_of_space(error);
        if is_full && let Some(reader) = self.shared.reader() {
            let usage = reader.get(Table::Meta, keys::USAGE, Usage::decode).ok().flatten().unwrap_or_default();
            self.disk_space.narrow(usage);
        }
        is_full
    }

    /// Says whether anything had to be written: where nothing had, the disk may fail as before.
    fn attempt(&mut self, operations: &mut [BoxedOperation<E>], share: usize) -> Result<bool, EngineError> {
        let reader = self.shared.reader();
        let (Some(engine), Some(reader)) = (&mut self.engine, reader) else {
            return Err(EngineError::unavailable(NotOpen));
        };
        let mut batch = Batch::new(&*reader, share, self.disk_space.limits(), self.eviction_cursor.candidates());
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
        self.eviction_cursor.note(evicted_at);
        if self.engine.as_ref().is_some_and(Engine::wants_reopening) {
            // What cannot be opened is tried again by `recover`. What was written is durable.
            let _ = self.reopen();
        }
        Ok(true)
    }

    fn reopen(&mut self) -> Result<(), EngineError> {
        self.shared.begin_reopening();
        let opened = self.open_again();
        self.shared.end_reopening();
        opened
    }

    fn open_again(&mut self) -> Result<(), EngineError> {
        self.close();
        let mut engine = open::<E>(&self.options).map_err(EngineError::unavailable)?;
        self.undo(&mut engine)?;
        publish(&self.shared, &engine)?;
        self.engine = Some(engine);
        Ok(())
    }

    fn close(&mut self) {
        self.shared.withdraw();
        close_engine(self.engine.take());
    }

    fn undo(&mut self, engine: &mut E) -> Result<(), EngineError> {
        let reader = CatchPanic(catch_panic(|| engine.reader())?);
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

    /// Says how long [`recover`](Self::recover) is to wait, `None` if it has nothing to do.
    pub(crate) fn time_to_recover(&self) -> Option<Duration> {
        self.time_to_reopen().into_iter().chain(self.disk_space.time_to_restore()).min()
    }

    fn time_to_reopen(&self) -> Option<Duration> {
        let is_ill = self.engine.is_none() || self.shared.has_failed();
        is_ill.then(|| self.reopen_backoff.left())
    }

    /// Opens the engine again if readers have failed or it could not be opened before, but not all
    /// the time, and restores the reserve when the disk has room again.
    pub(crate) fn recover(&mut self) {
        if self.time_to_reopen() == Some(Duration::ZERO) {
            // If it fails, the engine stays closed until the next time.
            let _ = self.reopen();
            self.reopen_backoff.extend();
        }
        self.disk_space.restore();
    }
}

impl<E: Engine> Drop for Tables<E> {
    fn drop(&mut self) {
        self.close();
    }
}

/// Lets everybody read what the engine has by now.
fn publish<E: Engine>(shared: &SharedReader<EngineReader<E>>, engine: &E) -> Result<(), EngineError> {
    shared.publish(CatchPanic(catch_panic(|| engine.reader())?));
    Ok(())
}

/// Marks new files with the layout of the tables, and refuses a layout of a newer build.
fn check_layout<E: Engine>(engine: &mut E) -> Result<(), OpenError> {
    let engine_error = |error| OpenError::engine(E::NAME, error);
    let reader = CatchPanic(catch_panic(|| engine.reader()).map_err(engine_error)?);
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
