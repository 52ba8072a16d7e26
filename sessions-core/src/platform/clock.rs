//! Where the time comes from. Nothing else in this crate asks the system for it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Is a moment, in whole milliseconds since the Unix epoch.
///
/// Arithmetic saturates, so that no deadline can wrap around. [`Timestamp::NEVER`] is the end of
/// time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// Is a deadline that no clock reaches.
    pub const NEVER: Self = Self(u64::MAX);

    /// Makes a timestamp from milliseconds since the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Returns the milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Returns the moment `duration` later, at most [`Timestamp::NEVER`].
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(whole_millis(duration)))
    }

    /// Returns the time from `earlier` to this moment, zero if it is not earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// Returns this moment as a [`SystemTime`], `None` for one that it cannot express, such as
    /// [`Timestamp::NEVER`].
    #[must_use]
    pub fn to_system_time(self) -> Option<SystemTime> {
        if self == Self::NEVER { None } else { UNIX_EPOCH.checked_add(Duration::from_millis(self.0)) }
    }
}

impl From<SystemTime> for Timestamp {
    /// Moments before the Unix epoch become the epoch.
    fn from(time: SystemTime) -> Self {
        Self(whole_millis(time.duration_since(UNIX_EPOCH).unwrap_or_default()))
    }
}

/// How far the clocks of two machines may differ.
pub(crate) const CLOCK_TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// Converts a duration to whole milliseconds, saturating.
pub(crate) const fn whole_millis(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1000).saturating_add(duration.subsec_millis() as u64)
}

/// Tells the time to a [`Sessions`](crate::Sessions).
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Returns the present moment.
    fn now(&self) -> Timestamp;
}

/// The system's wall clock.
///
/// Within a process it does not run backwards by a correction of up to five minutes, but stands
/// still until the system's clock has caught up. It follows a larger one, since then it was wrong
/// before.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "made by writing its name")]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        static LATEST: AtomicU64 = AtomicU64::new(0);
        #[expect(clippy::disallowed_methods, reason = "the one place that asks the system for the time")]
        let now = SystemTime::now().into();
        advance_steadily(&LATEST, now)
    }
}

/// Returns the later of `now` and the `latest` moment so far, unless they are too far apart for a
/// correction of the clock.
fn advance_steadily(latest: &AtomicU64, now: Timestamp) -> Timestamp {
    let known = Timestamp(latest.load(Ordering::Relaxed));
    if known == now || (known > now && known <= now.after(CLOCK_TOLERANCE)) {
        return known;
    }
    latest.store(now.0, Ordering::Relaxed);
    now
}

/// Is a clock that moves only when told to, for tests.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use sessions_core::{Clock, ManualClock};
///
/// let clock = Arc::new(ManualClock::default());
/// let before = clock.now();
/// clock.advance(Duration::from_secs(1));
/// assert_eq!(clock.now().since(before), Duration::from_secs(1));
/// ```
#[derive(Debug)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// Moves the clock forward, at most to [`Timestamp::NEVER`].
    pub fn advance(&self, duration: Duration) {
        let later = |now| Some(Timestamp(now).after(duration).0);
        self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, later).expect("`later` always answers");
    }

    /// Moves the clock to `now`, which may lie in its past.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.as_millis(), Ordering::SeqCst);
    }
}

impl Default for ManualClock {
    /// Starts at 2001-09-09T01:46:40Z.
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
    fn a_manual_clock_that_is_advanced_never_goes_back() {
        let clock = ManualClock::default();
        for _ in 0..2 {
            clock.advance(Duration::MAX);
            assert_eq!(clock.now(), Timestamp::NEVER);
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "what the clock is compared with")]
    fn the_system_clock_tells_the_time_of_the_system() {
        let exact = Timestamp::from(SystemTime::now());
        let minute = Duration::from_secs(60);
        let now = SystemClock.now();
        assert!(now.after(minute) > exact && now < exact.after(minute), "{now:?} is not about {exact:?}");
    }

    #[test]
    fn small_corrections_stop_the_clock_and_large_ones_set_it() {
        let latest = AtomicU64::new(0);
        let minute = 60_000;
        for (system, told) in [
            (100 * minute, 100 * minute),
            (99 * minute, 100 * minute),
            (95 * minute, 100 * minute),
            (101 * minute, 101 * minute),
            (96 * minute - 1, 96 * minute - 1),
            (97 * minute, 97 * minute),
        ] {
            assert_eq!(advance_steadily(&latest, Timestamp(system)), Timestamp(told));
        }
    }

    #[test]
    fn never_is_no_system_time() {
        assert_eq!(Timestamp::NEVER.to_system_time(), None);
        assert_eq!(Timestamp::from(UNIX_EPOCH), Timestamp::from_millis(0));
    }
}
