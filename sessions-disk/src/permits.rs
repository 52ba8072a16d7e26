//! The limit on operations that wait for the writer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Maximum number of operations that may wait for the writer.
pub(crate) const MAX_WAITING: usize = 4096;

/// The number of waiting operations. A bulk operation counts until it has finished.
#[derive(Debug, Default)]
pub(crate) struct Permits {
    taken: Arc<AtomicUsize>,
}

/// One operation's right to wait, given back on drop.
#[derive(Debug)]
pub(crate) struct Permit {
    taken: Arc<AtomicUsize>,
}

impl Permits {
    /// Returns a permit, or `None` if too many operations wait.
    pub(crate) fn try_acquire(&self) -> Option<Permit> {
        let taken = self.taken.fetch_add(1, Ordering::Relaxed);
        let permit = Permit { taken: Arc::clone(&self.taken) };
        (taken < MAX_WAITING).then_some(permit)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.taken.fetch_sub(1, Ordering::Relaxed);
    }
}
