//! The engine's tables, and what happens when the engine fails.

use std::sync::Arc;
use std::time::Duration;

use crate::backoff::Backoff;
use crate::batch::{Batch, Changed};
use crate::engine::{Engine, EngineError, Reader, Table, Write};
use crate::error::{NotOpen, OpenError, OpenErrorKind};
use crate::guard::{Guarded, dispose, guarded, open};
use crate::keys;
use crate::operation::Operation;
use crate::records::number;
use crate::shared::Shared;

/// Is the layout of the tables that this build knows.
const LAYOUT: u64 = 1;

pub(crate) type SharedReader<E> = Shared<Guarded<<E as Engine>::Reader>>;
pub(crate) type BoxedOperation<E> = Box<dyn Operation<Guarded<<E as Engine>::Reader>>>;

/// Owns the engine and all writing to it.
///
/// A write that failed may have come about all the same: the engine may have written everything and then not heard from the disk.
/// Whoever waits for it is told that it failed, so it must not turn up later. Therefore the engine is opened again after each failure,
/// and whatever of the batch is found is undone before anybody can read it.
pub(crate) struct Tables<E: Engine> {
    options: E::Options,
    /// Is `None` while it cannot be opened.
    engine: Option<E>,
    shared: Arc<SharedReader<E>>,
    /// Holds what is being written, and after a failure what has to be undone.
    pending: Vec<Changed>,
    /// Refuses writes after failures, so that a full disk is not asked again for every batch.
    refusal: Backoff,
    /// Is what is refused with.
    error: Option<EngineError>,
    /// Keeps the engine from being opened all the time, where that does not help.
    healing: Backoff,
}

impl<E: Engine> Tables<E> {
    pub(crate) fn open(options: E::Options) -> Result<Self, OpenError> {
        let mut engine = open::<E>(&options)?;
        check_layout(&mut engine)?;
        let shared = Shared::new();
        publish(&shared, &engine).map_err(|error| OpenError::engine(E::NAME, error))?;
        Ok(Self {
            options,
            engine: Some(engine),
            shared: Arc::new(shared),
            pending: Vec::new(),
            refusal: Backoff::new(),
            error: None,
            healing: Backoff::new(),
        })
    }

    pub(crate) const fn shared(&self) -> &Arc<SharedReader<E>> {
        &self.shared
    }

    /// Runs operations and makes what they changed durable, all of it or nothing. Walks among them have a share of the work each.
    pub(crate) fn transact(&mut self, operations: &mut [BoxedOperation<E>], share: usize) -> Result<(), EngineError> {
        if let Some(error) = self.error.as_ref().filter(|_| !self.refusal.left().is_zero()) {
            return Err(error.clone());
        }
        let mut result = self.attempt(operations, share);
        if result.is_err() && self.reopen().is_ok() && self.refusal.is_fresh() {
            // The failure may be over with the files opened anew: some engines write no more after one failure in the background.
            result = self.attempt(operations, share);
            if result.is_err() {
                // Reading has to go on while writing fails. What cannot be opened is tried again by `heal`.
                let _ = self.reopen();
            }
        }
        match result.map_err(EngineError::of_batch) {
            Ok(has_written) => {
                if has_written {
                    self.error = None;
                    self.refusal.reset();
                }
                Ok(())
            }
            Err(error) => {
                self.error = Some(error.clone());
                self.refusal.extend();
                Err(error)
            }
        }
    }

    /// Says whether anything had to be written: where nothing had, the disk may fail as before.
    fn attempt(&mut self, operations: &mut [BoxedOperation<E>], share: usize) -> Result<bool, EngineError> {
        let reader = self.shared.reader();
        let (Some(engine), Some(reader)) = (&mut self.engine, reader) else {
            return Err(EngineError::unavailable(NotOpen));
        };
        let mut batch = Batch::new(&*reader, share);
        for operation in operations {
            operation.run(&mut batch)?;
        }
        self.pending = batch.into_changes();
        drop(reader);
        if self.pending.is_empty() {
            return Ok(false);
        }
        let writes: Vec<Write<'_>> = self.pending.iter().map(Changed::write).collect();
        guarded(|| engine.write(&writes))?;
        publish(&self.shared, engine)?;
        self.pending.clear();
        Ok(true)
    }

    fn reopen(&mut self) -> Result<(), EngineError> {
        self.close();
        let mut engine = open::<E>(&self.options).map_err(EngineError::unavailable)?;
        self.undo(&mut engine)?;
        publish(&self.shared, &engine)?;
        self.engine = Some(engine);
        Ok(())
    }

    fn close(&mut self) {
        self.shared.withdraw();
        dispose(self.engine.take());
    }

    fn undo(&mut self, engine: &mut E) -> Result<(), EngineError> {
        let reader = Guarded(guarded(|| engine.reader())?);
        let mut writes = Vec::new();
        for changed in &self.pending {
            writes.extend(changed.undo(&reader)?);
        }
        drop(reader);
        if !writes.is_empty() {
            guarded(|| engine.write(&writes))?;
        }
        self.pending.clear();
        Ok(())
    }

    /// Says how long [`heal`](Self::heal) is to wait, `None` if it has nothing to do.
    pub(crate) fn time_to_healing(&self) -> Option<Duration> {
        let is_ill = self.engine.is_none() || self.shared.has_failed();
        is_ill.then(|| self.healing.left())
    }

    /// Opens the engine again if readers have failed or it could not be opened before, but not all the time.
    pub(crate) fn heal(&mut self) {
        if self.time_to_healing() == Some(Duration::ZERO) {
            // If it fails, the engine stays closed until the next time.
            let _ = self.reopen();
            self.healing.extend();
        }
    }
}

impl<E: Engine> Drop for Tables<E> {
    fn drop(&mut self) {
        self.close();
    }
}

/// Lets everybody read what the engine has by now.
fn publish<E: Engine>(shared: &SharedReader<E>, engine: &E) -> Result<(), EngineError> {
    shared.publish(Guarded(guarded(|| engine.reader())?));
    Ok(())
}

/// Marks new files with the layout of the tables, and refuses a layout of a newer build.
fn check_layout<E: Engine>(engine: &mut E) -> Result<(), OpenError> {
    let engine_error = |error| OpenError::engine(E::NAME, error);
    let reader = Guarded(guarded(|| engine.reader()).map_err(engine_error)?);
    let layout = reader.get(Table::Meta, keys::LAYOUT, number).map_err(engine_error)?;
    drop(reader);
    match layout {
        Some(LAYOUT) => Ok(()),
        Some(_) => Err(OpenError::new(E::NAME, OpenErrorKind::UnknownFormat)),
        None => {
            let layout = LAYOUT.to_le_bytes();
            let write = Write::new(Table::Meta, keys::LAYOUT, Some(&layout));
            guarded(|| engine.write(&[write])).map_err(engine_error)
        }
    }
}
