//! The reader that the writer publishes to all callers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread;
use std::time::Duration;

/// Longest wait for callers to drop a withdrawn reader.
const WITHDRAW_TIMEOUT: Duration = Duration::from_secs(10);
const WITHDRAW_POLL: Duration = Duration::from_millis(1);
/// Longest wait of a read for an engine that is being reopened. Where nothing is wrong, that takes
/// a few milliseconds.
const REOPEN_WAIT: Duration = Duration::from_millis(250);

/// The reader of everything acknowledged. The lock is held only while it is fetched, so a long
/// listing blocks nobody.
#[derive(Debug)]
pub(crate) struct SharedReader<R> {
    reader: RwLock<Option<Arc<R>>>,
    /// Whether a read has failed, so that the engine must be reopened.
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

    /// Returns the reader, or `None` while the files are not open. Waits a moment for files that
    /// are being reopened.
    pub(crate) fn reader(&self) -> Option<Arc<R>> {
        let reader = self.read().clone();
        reader.or_else(|| {
            drop(self.reopened.wait_timeout_while(self.is_reopening(), REOPEN_WAIT, |is_reopening| *is_reopening));
            self.read().clone()
        })
    }

    /// Makes readers wait until [`end_reopening`](Self::end_reopening).
    pub(crate) fn begin_reopening(&self) {
        *self.is_reopening() = true;
    }

    /// Wakes the waiting readers, whether or not the files could be opened.
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

    /// Withdraws the reader, and waits until no caller uses it.
    ///
    /// An engine cannot be reopened while its files are in use.
    pub(crate) fn withdraw(&self) {
        let withdrawn = self.write().take();
        self.has_failed.store(false, Ordering::Release);
        let Some(mut reader) = withdrawn else {
            return;
        };
        let mut waited = Duration::ZERO;
        while let Err(used) = Arc::try_unwrap(reader) {
            if waited >= WITHDRAW_TIMEOUT {
                return;
            }
            thread::sleep(WITHDRAW_POLL);
            waited += WITHDRAW_POLL;
            reader = used;
        }
    }

    /// Records that a read has failed. Returns whether it is the first since the last withdrawal.
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
