//! What outlives a connection: its socket and the handle of its coroutine.
//!
//! In may 0.3.51, a coroutine that waits is handed over by the thread that it leaves, which then
//! uses the socket (`RawIoBlock::subscribe`, and the same in may's own reads and writes) or the
//! coroutine's `Cancel` (`Park::subscribe` and `Sleep::subscribe`) once more. Meanwhile another
//! thread may run the coroutine to its end. If that freed them, the first thread would use freed
//! memory, and under load processes have crashed.
//!
//! Nothing reports when the thread is done, so both are kept for a second, which is far more than
//! it needs even on a busy machine.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// How long a connection is kept, in milliseconds.
pub(super) const KEPT: u64 = 1000;

/// Maximum number of connections kept, so that many short ones do not exhaust the descriptors. Each
/// has one, or three if it has given way to others.
const MOST: usize = 256;

/// Values with the times when they were added, in milliseconds.
pub(super) struct Retired<T> {
    values: Mutex<VecDeque<(u64, T)>>,
}

impl<T> Retired<T> {
    pub(super) fn new() -> Self {
        Self { values: Mutex::default() }
    }

    /// Adds a value; drops the oldest one if there are too many.
    pub(super) fn add(&self, now: u64, value: T) {
        let dropped = self.change(|values| {
            values.push_back((now, value));
            if values.len() > MOST { values.pop_front() } else { None }
        });
        drop(dropped);
    }

    /// Drops the values that have been kept for long enough.
    pub(super) fn tick(&self, now: u64) {
        let dropped = self.change(|values| {
            let count = values.iter().take_while(|(added, _)| added.saturating_add(KEPT) <= now).count();
            values.drain(..count).collect::<Vec<_>>()
        });
        drop(dropped);
    }

    /// Changes the values. Returns those to drop, since closing a socket under the lock would delay
    /// other connections.
    fn change<R>(&self, change: impl FnOnce(&mut VecDeque<(u64, T)>) -> R) -> R {
        change(&mut self.values.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn value_is_kept_for_a_second() {
        let retired = Retired::new();
        let values = [Arc::new(()), Arc::new(())];
        retired.add(500, Arc::clone(&values[0]));
        retired.add(700, Arc::clone(&values[1]));
        for (now, counts) in [(500, [2, 2]), (1499, [2, 2]), (1500, [1, 2]), (1699, [1, 2]), (1700, [1, 1])] {
            retired.tick(now);
            assert_eq!(values.each_ref().map(Arc::strong_count), counts, "{now}");
        }
    }

    #[test]
    fn oldest_value_makes_room() {
        let retired = Retired::new();
        let values: Vec<_> = (0..MOST + 3).map(Arc::new).collect();
        values.iter().for_each(|value| retired.add(0, Arc::clone(value)));
        let kept: Vec<_> = values.iter().filter(|value| Arc::strong_count(value) == 2).map(|value| **value).collect();
        assert_eq!(kept, (3..MOST + 3).collect::<Vec<_>>());
    }
}
