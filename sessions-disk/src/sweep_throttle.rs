//! How much of the writer's time sweeps may take.

use std::time::{Duration, Instant};

/// Divisor of a busy writer's time: sweeps take one part in 40.
const PARTS: u32 = 40;
/// Idle time after which sweeps are no longer throttled.
const QUIET: Duration = Duration::from_millis(20);
/// Longest pause between slices. One stall of the disk must not stop sweeping for minutes.
const MAX_PAUSE: Duration = Duration::from_secs(10);

/// The schedule of sweep slices. No caller waits for a sweep, so it must not slow down those who
/// wait for something else; but it must make progress however busy the writer is.
#[derive(Clone, Debug)]
pub(crate) struct SweepThrottle {
    /// The end of the pause that pays for the last slice.
    pause_end: Instant,
    /// The end of the last operation that a caller waited for.
    last_work: Instant,
}

impl SweepThrottle {
    pub(crate) const fn new(now: Instant) -> Self {
        Self { pause_end: now, last_work: now }
    }

    /// Records a slice of a sweep.
    pub(crate) fn record_slice(&mut self, begun: Instant, ended: Instant) {
        let pause = ended.saturating_duration_since(begun) * (PARTS - 1);
        self.pause_end = ended + pause.min(MAX_PAUSE);
    }

    /// Records the end of operations that callers waited for.
    pub(crate) const fn record_work(&mut self, now: Instant) {
        self.last_work = now;
    }

    /// Returns how long the next slice must wait if no other operation arrives.
    pub(crate) fn delay(&self, now: Instant) -> Duration {
        self.pause_end.min(self.last_work + QUIET).saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    #[test]
    fn the_first_slice_is_due_at_once() {
        let now = Instant::now();
        assert_eq!(SweepThrottle::new(now).delay(now), Duration::ZERO);
    }

    #[test]
    fn a_slice_waits_for_its_pause_or_for_quiet() {
        // Milliseconds: length of the last slice, time since the last answer, time since the slice
        // ended, expected delay.
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
            // A stalled disk.
            (60_000, 0, 9_999, 1),
            (60_000, 0, 10_000, 0),
        ];
        let begun = Instant::now();
        for (took, idle, since, left) in table {
            let ended = begun + took * MILLISECOND;
            let now = ended + since * MILLISECOND;
            let mut throttle = SweepThrottle::new(begun);
            throttle.record_slice(begun, ended);
            throttle.record_work(now - idle * MILLISECOND);
            assert_eq!(throttle.delay(now), left * MILLISECOND, "{took} {idle} {since}");
        }
    }

    #[test]
    fn a_busy_writer_sweeps_a_fortieth_of_the_time() {
        let begun = Instant::now();
        let end = begun + Duration::from_secs(120);
        let (mut throttle, mut now, mut swept) = (SweepThrottle::new(begun), begun, Duration::ZERO);
        while now < end {
            if throttle.delay(now).is_zero() {
                let slice = 3 * MILLISECOND;
                throttle.record_slice(now, now + slice);
                (now, swept) = (now + slice, swept + slice);
            } else {
                now += MILLISECOND;
                throttle.record_work(now);
            }
        }
        assert_eq!(swept.as_secs(), 120 / u64::from(PARTS));
    }

    #[test]
    fn an_idle_writer_sweeps_without_pauses() {
        let begun = Instant::now();
        let (mut throttle, mut now) = (SweepThrottle::new(begun), begun + QUIET);
        for _ in 0..1000 {
            assert!(throttle.delay(now).is_zero());
            throttle.record_slice(now, now + MILLISECOND);
            now += MILLISECOND;
        }
    }
}
