//! Clocks and timestamps. Nothing else in this crate reads the system time.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A point in time, in whole milliseconds since the Unix epoch.
///
/// Arithmetic saturates at [`Timestamp::NEVER`], so a deadline cannot wrap around. It is serialized
/// as its milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// A deadline that is never reached.
    pub const NEVER: Self = Self(u64::MAX);

    /// Creates a timestamp from milliseconds since the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Returns the number of milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Returns the timestamp `duration` later, at most [`Timestamp::NEVER`].
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(whole_millis(duration)))
    }

    /// Returns the time elapsed since `earlier`, or zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// Converts to a [`SystemTime`].
    ///
    /// Returns `None` if `SystemTime` cannot represent the timestamp, and for
    /// [`Timestamp::NEVER`].
    #[must_use]
    pub fn to_system_time(self) -> Option<SystemTime> {
        if self == Self::NEVER { None } else { UNIX_EPOCH.checked_add(Duration::from_millis(self.0)) }
    }
}

impl From<SystemTime> for Timestamp {
    /// Converts a system time. Times before the Unix epoch become the epoch.
    fn from(time: SystemTime) -> Self {
        Self(whole_millis(time.duration_since(UNIX_EPOCH).unwrap_or_default()))
    }
}

/// The largest tolerated difference between the clocks of two machines.
pub(crate) const CLOCK_TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// Converts a duration to whole milliseconds, saturating at `u64::MAX`.
pub(crate) const fn whole_millis(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1000).saturating_add(duration.subsec_millis() as u64)
}

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
    let known = Timestamp(latest.load(Ordering::Relaxed));
    if known == now || (known > now && known <= now.after(CLOCK_TOLERANCE)) {
        return known;
    }
    latest.store(now.0, Ordering::Relaxed);
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
        let later = |now| Some(Timestamp(now).after(duration).0);
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
        Timestamp(self.0.load(Ordering::SeqCst))
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
    fn arithmetic_saturates() {
        assert_eq!(Timestamp::NEVER.after(Duration::MAX), Timestamp::NEVER);
        assert_eq!(Timestamp::from_millis(5).since(Timestamp::from_millis(9)), Duration::ZERO);
        assert_eq!(whole_millis(Duration::MAX), u64::MAX);
    }

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
            assert_eq!(advance_steadily(&latest, Timestamp(system)), Timestamp(expected));
        }
    }

    #[test]
    fn system_time_converts_both_ways() {
        let time = UNIX_EPOCH + Duration::from_millis(1_500);
        assert_eq!(Timestamp::from(time), Timestamp::from_millis(1_500));
        assert_eq!(Timestamp::from_millis(1_500).to_system_time(), Some(time));
    }

    #[test]
    fn never_has_no_system_time() {
        assert_eq!(Timestamp::NEVER.to_system_time(), None);
        assert_eq!(Timestamp::from(UNIX_EPOCH), Timestamp::from_millis(0));
    }
}
