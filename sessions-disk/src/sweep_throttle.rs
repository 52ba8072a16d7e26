//! How much of its time the writer gives to sweeping.

use std::time::{Duration, Instant};

/// Is what sweeping may take of a busy writer's time: one part in so many.
const PARTS: u32 = 40;
/// Is how long nobody must have asked for anything before sweeping need not hold back.
const QUIET: Duration = Duration::from_millis(20);
/// Is how long sweeping holds back at most, so that one hiccup of the disk does not end it for
/// minutes.
const LONGEST: Duration = Duration::from_secs(10);

/// Says when the next slice of a sweep may begin. Nobody waits for a sweep, and others are not to
/// notice it; but it has to get on, however busy the writer is.
#[derive(Clone, Debug)]
pub(crate) struct SweepThrottle {
    /// Is when the last slice has been made up for.
    settled: Instant,
    /// Is when the last operation that somebody waited for was done.
    busy: Instant,
}

impl SweepThrottle {
    pub(crate) const fn new(now: Instant) -> Self {
        Self { settled: now, busy: now }
    }

    /// Notes a slice of a sweep.
    pub(crate) fn swept(&mut self, begun: Instant, ended: Instant) {
        let pause = ended.saturating_duration_since(begun) * (PARTS - 1);
        self.settled = ended + pause.min(LONGEST);
    }

    /// Notes that operations which somebody waited for have just been done.
    pub(crate) const fn worked(&mut self, now: Instant) {
        self.busy = now;
    }

    /// Returns how long the next slice has to wait, if nobody asks for anything until then.
    pub(crate) fn left(&self, now: Instant) -> Duration {
        self.settled.min(self.busy + QUIET).saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    #[test]
    fn the_first_slice_need_not_wait() {
        let now = Instant::now();
        assert_eq!(SweepThrottle::new(now).left(now), Duration::ZERO);
    }

    #[test]
    fn a_slice_waits_until_the_last_is_made_up_for_or_nobody_asks() {
        // How long the last slice took, for how long since somebody has been answered and a slice
        // has ended, and what is left.
        let table = [
            (1, 0, 0, 20),
            (1, 0, 10, 20),
            (1, 0, 38, 1),
            (1, 0, 39, 0),
            (1, 5, 10, 15),
            (1, 19, 19, 1),
            (1, 20, 20, 0),
            (2, 0, 77, 1),
            (2, 0, 78, 0),
            (100, 0, 3899, 1),
            (100, 0, 3900, 0),
            (100, 7, 1000, 13),
            (0, 0, 0, 0),
            // A hiccup of the disk.
            (60_000, 0, 9_999, 1),
            (60_000, 0, 10_000, 0),
        ];
        let begun = Instant::now();
        for (took, idle, since, left) in table {
            let ended = begun + took * MILLISECOND;
            let now = ended + since * MILLISECOND;
            let mut pace = SweepThrottle::new(begun);
            pace.swept(begun, ended);
            pace.worked(now - idle * MILLISECOND);
            assert_eq!(pace.left(now), left * MILLISECOND, "{took} {idle} {since}");
        }
    }

    #[test]
    fn a_busy_writer_sweeps_for_its_share_of_the_time_and_no_more() {
        let begun = Instant::now();
        let end = begun + Duration::from_secs(120);
        let (mut pace, mut now, mut swept) = (SweepThrottle::new(begun), begun, Duration::ZERO);
        while now < end {
            if pace.left(now).is_zero() {
                let slice = 3 * MILLISECOND;
                pace.swept(now, now + slice);
                (now, swept) = (now + slice, swept + slice);
            } else {
                now += MILLISECOND;
                pace.worked(now);
            }
        }
        assert_eq!(swept.as_secs(), 120 / u64::from(PARTS));
    }

    #[test]
    fn a_writer_of_whom_nobody_asks_anything_sweeps_all_the_time() {
        let begun = Instant::now();
        let (mut pace, mut now) = (SweepThrottle::new(begun), begun + QUIET);
        for _ in 0..1000 {
            assert!(pace.left(now).is_zero());
            pace.swept(now, now + MILLISECOND);
            now += MILLISECOND;
        }
    }
}
