//! Warnings that a client can cause, which must not flood the log.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sessions_store::Timestamp;

/// The time of the last warning.
#[derive(Debug, Default)]
pub(crate) struct LastWarning(AtomicU64);

impl LastWarning {
    /// Returns whether to warn at `now`: at most once a minute.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        let last = self.0.load(Ordering::Relaxed);
        let last_time = Timestamp::from_millis(last);
        // A time in the future was read from a clock that was wrong.
        let is_due = now.since(last_time) >= Duration::from_secs(60) || now < last_time;
        is_due && self.0.compare_exchange(last, now.as_millis(), Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_due_once_a_minute() {
        let (last, start) = (LastWarning::default(), Timestamp::from_millis(1_000_000));
        for (millis, is_due) in
            [(1, true), (1, false), (60_000, false), (60_001, true), (60_002, false), (200_000, true), (0, true)]
        {
            assert_eq!(last.is_due(start.after(Duration::from_millis(millis))), is_due, "{millis}");
        }
    }
}
