//! How many operations may wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Is how many operations may wait for the writer.
const MOST: usize = 4096;

/// Counts the operations that wait. Those of many transactions wait until they are done, wherever
/// the writer keeps them.
#[derive(Debug, Default)]
pub(crate) struct Permits {
    taken: Arc<AtomicUsize>,
}

/// Is the place of one operation, which is free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    taken: Arc<AtomicUsize>,
}

impl Permits {
    /// Takes a place, if one is free.
    pub(crate) fn try_acquire(&self) -> Option<Permit> {
        let taken = self.taken.fetch_add(1, Ordering::Relaxed);
        let place = Permit { taken: Arc::clone(&self.taken) };
        (taken < MOST).then_some(place)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.taken.fetch_sub(1, Ordering::Relaxed);
    }
}
