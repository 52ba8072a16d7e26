//! Points in time.

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

/// Converts a duration to whole milliseconds, saturating at `u64::MAX`.
pub(crate) const fn whole_millis(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1000).saturating_add(duration.subsec_millis() as u64)
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
