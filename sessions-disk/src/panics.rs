//! Engines may panic over damaged pages. Here a panic becomes an error.

use std::fmt;
use std::ops::{Bound, ControlFlow};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::{Duration, Instant};

use crate::engine::{Engine, EngineError, Reader, Table};
use crate::error::{OpenError, OpenErrorKind};

/// How long to retry opening a locked engine.
const LOCK_TIMEOUT: Duration = Duration::from_millis(250);
const LOCK_RETRY: Duration = Duration::from_millis(10);

/// A reader whose panics are errors.
pub(crate) struct CatchPanic<R>(R);

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

/// Turns a panic into [`EngineError::damaged`].
///
/// It does not matter what state the engine is in afterwards: it is reopened after a failed write,
/// and reads change nothing.
pub(crate) fn catch_panic<T>(work: impl FnOnce() -> Result<T, EngineError>) -> Result<T, EngineError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(EngineError::damaged(Panicked)))
}

/// Opens an engine, retrying for a moment while it is locked.
///
/// The lock may be released soon: it may belong to a process that is being replaced, or to a child
/// between fork and exec, which holds every file that its parent has open.
pub(crate) fn open_engine<E: Engine>(options: &E::Options) -> Result<E, OpenError> {
    let begun = Instant::now();
    loop {
        let opened = catch_unwind(AssertUnwindSafe(|| E::open(options)))
            .unwrap_or_else(|_| Err(OpenError::new(E::NAME, OpenErrorKind::Damaged).caused_by(Panicked)));
        match opened {
            Err(error) if error.kind() == OpenErrorKind::Locked && begun.elapsed() < LOCK_TIMEOUT => {
                thread::sleep(LOCK_RETRY);
            }
            opened => return opened,
        }
    }
}

/// Returns a reader of everything that an engine has written.
pub(crate) fn open_reader<E: Engine>(engine: &E) -> Result<CatchPanic<E::Reader>, EngineError> {
    catch_panic(|| engine.reader()).map(CatchPanic)
}

/// Drops an engine. If it panics meanwhile, it is closed anyway.
pub(crate) fn close_engine<T>(engine: T) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(engine)));
}

/// The cause of an error that was a panic. The panic hook has already reported the message.
#[derive(Debug)]
struct Panicked;

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the engine panicked")
    }
}

impl std::error::Error for Panicked {}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;
    use crate::engine::EngineErrorKind;

    #[test]
    fn a_panic_of_an_engine_is_damage() {
        let error = catch_panic::<()>(|| panic!("a damaged page")).unwrap_err();
        assert_eq!(error.kind(), EngineErrorKind::Damaged);
        assert_eq!(error.source().unwrap().to_string(), "the engine panicked");
    }

    #[test]
    fn an_engine_that_panics_while_it_is_dropped_is_closed() {
        struct Fragile;
        impl Drop for Fragile {
            fn drop(&mut self) {
                panic!("a damaged page");
            }
        }
        close_engine(Fragile);
    }
}
