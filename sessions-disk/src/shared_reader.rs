//! The reader that the writer publishes to all callers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread;
use std::time::Duration;

use crate::engine::EngineError;
use crate::error::NotOpen;

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
    reopening: Mutex<Reopening>,
    reopened: Condvar,
}

/// How far reopening the engine is.
#[derive(Debug)]
struct Reopening {
    is_under_way: bool,
    /// Why it failed the last time.
    failure: Option<EngineError>,
}

impl<R> SharedReader<R> {
    pub(crate) const fn new() -> Self {
        Self {
            reader: RwLock::new(None),
            has_failed: AtomicBool::new(false),
            reopening: Mutex::new(Reopening { is_under_way: false, failure: None }),
            reopened: Condvar::new(),
        }
    }

    /// Returns the reader, or `None` while the files are not open. Waits a moment for files that
    /// are being reopened.
    pub(crate) fn reader(&self) -> Option<Arc<R>> {
        let reader = self.read().clone();
        reader.or_else(|| {
            drop(self.reopened.wait_timeout_while(self.reopening(), REOPEN_WAIT, |reopening| reopening.is_under_way));
            self.read().clone()
        })
    }

    /// Makes readers wait until [`end_reopening`](Self::end_reopening).
    pub(crate) fn begin_reopening(&self) {
        self.reopening().is_under_way = true;
    }

    /// Wakes the waiting readers, whether or not the files could be opened.
    pub(crate) fn end_reopening(&self, failure: Option<&EngineError>) {
        *self.reopening() = Reopening { is_under_way: false, failure: failure.cloned() };
        self.reopened.notify_all();
    }

    /// Returns the cause of an error while there is no reader.
    pub(crate) fn not_open(&self) -> NotOpen {
        match &*self.reopening() {
            Reopening { is_under_way: false, failure: None } => NotOpen::Closed,
            Reopening { failure, .. } => NotOpen::Reopening(failure.clone()),
        }
    }

    fn reopening(&self) -> MutexGuard<'_, Reopening> {
        self.reopening.lock().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_withdrawal_waits_for_those_who_read() {
        let shared = Arc::new(SharedReader::new());
        shared.publish(7);
        let reader = shared.reader().unwrap();
        let is_dropped = Arc::new(AtomicBool::new(false));
        let withdrawing = thread::spawn({
            let (shared, is_dropped) = (Arc::clone(&shared), Arc::clone(&is_dropped));
            move || {
                shared.withdraw();
                assert!(is_dropped.load(Ordering::SeqCst));
            }
        });
        while shared.read().is_some() {
            thread::yield_now();
        }
        (0..1000).for_each(|_| thread::yield_now());
        assert_eq!(*reader, 7);
        is_dropped.store(true, Ordering::SeqCst);
        drop(reader);
        withdrawing.join().unwrap();
        assert!(shared.reader().is_none());
    }

    #[test]
    fn readers_wait_for_files_that_are_being_reopened() {
        let shared = SharedReader::<u8>::new();
        shared.begin_reopening();
        let begun = Instant::now();
        assert!(shared.reader().is_none());
        assert!(begun.elapsed() >= REOPEN_WAIT);
        shared.end_reopening(None);
        assert!(!shared.reopening().is_under_way, "nobody waits any more");
    }

    #[test]
    fn only_the_first_failure_wakes_the_writer() {
        let shared = SharedReader::<u8>::new();
        for _ in 0..2 {
            assert!(!shared.has_failed());
            assert_eq!([shared.report_failure(), shared.report_failure()], [true, false]);
            assert!(shared.has_failed());
            shared.withdraw();
        }
    }
}
