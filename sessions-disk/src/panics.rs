//! Keeps an engine's panics from whoever asks it: engines may panic over damaged pages.

use std::fmt;
use std::ops::{Bound, ControlFlow};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::{Duration, Instant};

use crate::engine::{Engine, EngineError, Reader, Table};
use crate::error::{OpenError, OpenErrorKind};

/// Is how long a locked engine is waited for.
const PATIENCE: Duration = Duration::from_millis(250);
const STEP: Duration = Duration::from_millis(10);

/// Reads through a reader that may panic.
pub(crate) struct CatchPanic<R>(pub(crate) R);

impl<R: Reader> Reader for CatchPanic<R> {
    fn get<T>(&self, table: Table, key: &[u8], read: impl FnOnce(&[u8]) -> T) -> Result<Option<T>, EngineError> {
        catch_panic(|| self.0.get(table, key, read))
    }

    fn range(
        &self,
        table: Table,
        from: Bound<&[u8]>,
        visit: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), EngineError> {
        catch_panic(|| self.0.range(table, from, visit))
    }
}

/// Takes a panic for damage.
///
/// What the engine left half-done in memory is no concern: it is asked nothing more that it does
/// not survive, and opened again after a failed write.
pub(crate) fn catch_panic<T>(work: impl FnOnce() -> Result<T, EngineError>) -> Result<T, EngineError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(EngineError::damaged(Panicked)))
}

/// Opens an engine, with some patience for a lock that is about to go: of a process that is being
/// replaced, or of a child between its fork and its start, which holds everything that its parent
/// had open.
pub(crate) fn open<E: Engine>(options: &E::Options) -> Result<E, OpenError> {
    let begun = Instant::now();
    loop {
        let opened = catch_unwind(AssertUnwindSafe(|| E::open(options)))
            .unwrap_or_else(|_| Err(OpenError::new(E::NAME, OpenErrorKind::Damaged).caused_by(Panicked)));
        match opened {
            Err(error) if error.kind() == OpenErrorKind::Locked && begun.elapsed() < PATIENCE => thread::sleep(STEP),
            opened => return opened,
        }
    }
}

pub(crate) fn close_engine<T>(engine: T) {
    // An engine that panics while it is closed is closed.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(engine)));
}

/// Says that an engine panicked. The panic's own message went where the process sends them.
#[derive(Debug)]
struct Panicked;

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the engine panicked")
    }
}

impl std::error::Error for Panicked {}
