//! Clocks. Nothing else in this crate reads the system time.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use sessions_store::{Record, Timestamp};

/// A source of the current time for a [`Sessions`](crate::Sessions).
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Returns the current time.
    fn now(&self) -> Timestamp;
}

/// The system's wall clock.
///
/// If the system clock is set back by up to five minutes, this clock stands still until the system
/// clock has caught up. It follows a larger correction, since the system clock was wrong before.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "constructed by its name")]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        static LATEST: AtomicU64 = AtomicU64::new(0);
        #[expect(clippy::disallowed_methods, reason = "the only place that reads the system time")]
        let now = SystemTime::now().into();
        advance_steadily(&LATEST, now)
    }
}

/// Returns the later of `now` and `latest`, or `now` after a large correction.
fn advance_steadily(latest: &AtomicU64, now: Timestamp) -> Timestamp {
    let known = Timestamp::from_millis(latest.load(Ordering::Relaxed));
    if known == now || (known > now && known <= now.after(Record::CLOCK_TOLERANCE)) {
        return known;
    }
    latest.store(now.as_millis(), Ordering::Relaxed);
    now
}

/// A clock for tests that moves only when it is set or advanced.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use sessions_core::Clock;
/// use sessions_core::testing::ManualClock;
///
/// let clock = Arc::new(ManualClock::default());
/// let before = clock.now();
/// clock.advance(Duration::from_secs(1));
/// assert_eq!(clock.now().since(before), Duration::from_secs(1));
/// ```
#[derive(Debug)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// Advances the clock, at most to [`Timestamp::NEVER`].
    pub fn advance(&self, duration: Duration) {
        let later = |now| Some(Timestamp::from_millis(now).after(duration).as_millis());
        self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, later).expect("`later` always returns a value");
    }

    /// Sets the clock to `now`, which may be earlier than its current time.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.as_millis(), Ordering::SeqCst);
    }
}

impl Default for ManualClock {
    /// Creates a clock that starts at 2001-09-09T01:46:40Z.
    fn default() -> Self {
        Self(AtomicU64::new(1_000_000_000_000))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

impl<C: Clock + ?Sized> Clock for std::sync::Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advancing_a_manual_clock_saturates() {
        let clock = ManualClock::default();
        for _ in 0..2 {
            clock.advance(Duration::MAX);
            assert_eq!(clock.now(), Timestamp::NEVER);
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the reference to compare with")]
    fn system_clock_returns_the_system_time() {
        let exact = Timestamp::from(SystemTime::now());
        let minute = Duration::from_secs(60);
        let now = SystemClock.now();
        assert!(now.after(minute) > exact && now < exact.after(minute), "{now:?} is not about {exact:?}");
    }

    #[test]
    fn small_corrections_stop_the_clock_large_ones_set_it() {
        let latest = AtomicU64::new(0);
        let minute = 60_000;
        for (system, expected) in [
            (100 * minute, 100 * minute),
            (99 * minute, 100 * minute),
            (95 * minute, 100 * minute),
            (101 * minute, 101 * minute),
            (96 * minute - 1, 96 * minute - 1),
            (97 * minute, 97 * minute),
        ] {
            assert_eq!(advance_steadily(&latest, Timestamp::from_millis(system)), Timestamp::from_millis(expected));
        }
    }
}
