//! What the writer and those who read have in common.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

/// Is how long a reader that has been withdrawn is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
const STEP: Duration = Duration::from_millis(1);
/// How long a read waits for an engine that is being opened again, which takes a few milliseconds
/// where nothing is wrong.
const PAUSE: Duration = Duration::from_millis(250);

/// Holds the reader of all that has been acknowledged. The lock is held only to fetch it, so that
/// nobody waits for a long listing.
#[derive(Debug)]
pub(crate) struct SharedReader<R> {
    reader: RwLock<Option<Arc<R>>>,
    /// Says that a reader has failed, so that the engine has to be opened again.
    has_failed: AtomicBool,
    is_reopening: Mutex<bool>,
    reopened: Condvar,
}

impl<R> SharedReader<R> {
    pub(crate) const fn new() -> Self {
        Self {
            reader: RwLock::new(None),
            has_failed: AtomicBool::new(false),
            is_reopening: Mutex::new(false),
            reopened: Condvar::new(),
        }
    }

    /// Returns the reader, `None` while the files are not open. If they are just being opened
    /// again, it waits for a moment.
    pub(crate) fn reader(&self) -> Option<Arc<R>> {
        let reader = self.read().clone();
        reader.or_else(|| {
            drop(self.reopened.wait_timeout_while(self.is_reopening(), PAUSE, |is_reopening| *is_reopening));
            self.read().clone()
        })
    }

    /// Has readers wait until [`end_reopening`](Self::end_reopening) says that the files are open,
    /// or cannot be opened.
    pub(crate) fn begin_reopening(&self) {
        *self.is_reopening() = true;
    }

    pub(crate) fn end_reopening(&self) {
        *self.is_reopening() = false;
        self.reopened.notify_all();
    }

    fn is_reopening(&self) -> MutexGuard<'_, bool> {
        self.is_reopening.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn publish(&self, reader: R) {
        *self.write() = Some(Arc::new(reader));
    }

    /// Takes the reader away and waits until nobody uses it: an engine cannot be opened again while
    /// its files are in use.
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
