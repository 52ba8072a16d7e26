//! What the writer and those who read have in common.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

/// Is how long a reader that has been withdrawn is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
const STEP: Duration = Duration::from_millis(1);

/// Holds the reader of all that has been acknowledged. The lock is held only to fetch it, so that nobody waits for a long listing.
#[derive(Debug)]
pub(crate) struct Shared<R> {
    reader: RwLock<Option<Arc<R>>>,
    /// Says that a reader has failed, so that the engine has to be opened again.
    has_failed: AtomicBool,
}

impl<R> Shared<R> {
    pub(crate) const fn new() -> Self {
        Self { reader: RwLock::new(None), has_failed: AtomicBool::new(false) }
    }

    /// Returns the reader, `None` while the files are not open.
    pub(crate) fn reader(&self) -> Option<Arc<R>> {
        self.read().clone()
    }

    pub(crate) fn publish(&self, reader: R) {
        *self.write() = Some(Arc::new(reader));
    }

    /// Takes the reader away and waits until nobody uses it: an engine cannot be opened again while its files are in use.
    pub(crate) fn withdraw(&self) {
        let withdrawn = self.write().take();
        self.has_failed.store(false, Ordering::Release);
        let Some(mut reader) = withdrawn else {
            return;
        };
        let mut waited = Duration::ZERO;
        while let Err(used) = Arc::try_unwrap(reader) {
            if waited >= PATIENCE {
                return;
            }
            std::thread::sleep(STEP);
            waited += STEP;
            reader = used;
        }
    }

    /// Notes that a reader has failed, and says whether that is news.
    pub(crate) fn report_failure(&self) -> bool {
        !self.has_failed.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Acquire)
    }

    fn read(&self) -> RwLockReadGuard<'_, Option<Arc<R>>> {
        self.reader.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Option<Arc<R>>> {
        self.reader.write().unwrap_or_else(PoisonError::into_inner)
    }
}
