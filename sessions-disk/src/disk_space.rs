//! The limits of a store on a full disk.

use std::time::{Duration, Instant};

use crate::capacity::{Capacity, Limits, Usage};
use crate::engine::{EngineError, EngineErrorKind};
use crate::reserve::{Reserve, is_full};

/// Divisor of the ceiling: when a store that is down to the ceiling still has no room, the ceiling
/// drops by this part.
const CEILING_STEP: u64 = 32;
/// Number of entries that a transaction visits to bring the store below the ceiling. A full disk
/// has room for small transactions only, and it may have room for all sessions again at once.
const MAX_SURPLUS: usize = 16;
/// Pause between attempts to restore the reserve.
const RESTORE_INTERVAL: Duration = Duration::from_millis(50);
/// Divisor of the reserve: the part left for small growth, such as that of a login.
const SMALL_GROWTH_PART: u64 = 4;

/// The limits of a store, which a full disk lowers.
///
/// When the disk is full, the store may hold no more than it held at that moment: the *ceiling*.
/// The reserve is released, which leaves room for ending sessions. New sessions have to evict
/// others, until the disk has room for the reserve again.
#[derive(Debug)]
pub(crate) struct DiskSpace {
    limits: Limits,
    reserve: Option<Reserve>,
    ceiling: Option<u64>,
    /// The last attempt to restore the reserve.
    last_attempt: Instant,
}

impl DiskSpace {
    /// Finds or creates the reserve. If the disk has no room for it, the ceiling is the one from
    /// before, or what the store holds now.
    pub(crate) fn open(capacity: &Capacity, usage: Usage, ceiling: Option<u64>) -> Self {
        let limits = capacity.limits();
        let reserve = capacity.reserve_file().map(|(path, bytes)| Reserve::new(path, bytes));
        let mut space = Self { limits, reserve, ceiling: None, last_attempt: Instant::now() };
        match space.reserve.as_ref().map_or(Ok(()), Reserve::allocate) {
            Ok(()) => {}
            Err(error) if is_full(&error) => space.ceiling = Some(ceiling.unwrap_or_else(|| limits.estimate(usage))),
            // No file can be created beside the store. It must work anyway.
            Err(_) => space.reserve = None,
        }
        space
    }

    pub(crate) const fn ceiling(&self) -> Option<u64> {
        self.ceiling
    }

    pub(crate) const fn is_disk_full(&self) -> bool {
        self.ceiling.is_some()
    }

    /// Returns the current limits.
    pub(crate) fn limits(&self) -> Limits {
        let mut limits = self.limits;
        if let Some(ceiling) = self.ceiling {
            let margin = self.reserve.as_ref().map_or(0, Reserve::bytes) / SMALL_GROWTH_PART;
            limits.max_bytes = limits.max_bytes.min(ceiling);
            limits.max_growth = [ceiling.saturating_add(margin), ceiling];
            limits.max_surplus = limits.max_surplus.min(MAX_SURPLUS);
        }
        limits
    }

    /// Returns whether a write failed because the disk is full. Some engines do not report why a
    /// background write failed, so the disk is probed.
    pub(crate) fn is_out_of_space(&self, error: &EngineError) -> bool {
        match error.kind() {
            EngineErrorKind::Full => true,
            EngineErrorKind::Unavailable => self.reserve.as_ref().is_some_and(Reserve::is_disk_full),
            EngineErrorKind::Damaged => false,
        }
    }

    /// Removes the reserve, until the disk has room for it again.
    pub(crate) fn release(&self) {
        self.reserve.iter().for_each(Reserve::release);
    }

    /// Limits the store to what it holds, or to less if it has failed at that size.
    ///
    /// Without its usage, the store keeps its limit until the next failure.
    pub(crate) fn lower_ceiling(&mut self, usage: Option<Usage>) {
        if self.reserve.is_none() {
            return;
        }
        let held = usage.map_or(u64::MAX, |usage| self.limits.estimate(usage));
        self.ceiling = Some(match self.ceiling {
            // The last step has not taken effect yet: the store evicts as fast as it may. Further
            // steps would not make room sooner, only evict more in the end.
            Some(ceiling) if ceiling < held => ceiling,
            Some(ceiling) if ceiling == held => held - held / CEILING_STEP,
            Some(_) | None => held,
        });
        self.last_attempt = Instant::now();
    }

    /// Returns the time until the next attempt to restore the reserve, `None` if there is one.
    pub(crate) fn time_to_restore(&self) -> Option<Duration> {
        self.is_disk_full().then(|| RESTORE_INTERVAL.saturating_sub(self.last_attempt.elapsed()))
    }

    /// Restores the reserve, if an attempt is due and the disk has room.
    pub(crate) fn restore(&mut self) {
        if self.time_to_restore() != Some(Duration::ZERO) {
            return;
        }
        self.last_attempt = Instant::now();
        if self.reserve.as_ref().is_none_or(|reserve| reserve.allocate().is_ok()) {
            self.ceiling = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    const USAGE: Usage = Usage { sessions: 10, bytes: 1_000 };

    fn disk_space(reserve: &std::path::Path, bytes: u64) -> DiskSpace {
        DiskSpace::open(&Capacity::new(100, 10_000).estimate(0, 2).reserve(reserve, bytes), USAGE, None)
    }

    #[test]
    fn a_full_disk_lowers_the_limits_until_the_reserve_is_back() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = folder.path().join("reserve");
        let mut space = disk_space(&reserve, 4_000);
        assert!(!space.is_disk_full() && reserve.exists());
        assert_eq!(space.time_to_restore(), None);
        space.release();
        space.lower_ceiling(None);
        assert!(space.is_disk_full() && !reserve.exists());
        assert_eq!(space.limits().max_bytes, 10_000, "what the store holds is not known");
        space.lower_ceiling(Some(USAGE));
        space.last_attempt += RESTORE_INTERVAL;
        space.restore();
        assert!(space.is_disk_full(), "each attempt costs a file");
        let limits = space.limits();
        assert_eq!((limits.max_sessions, limits.max_bytes, limits.max_growth), (100, 2_000, [3_000, 2_000]));
        assert_eq!(limits.max_surplus, MAX_SURPLUS);
        // Only a ceiling that proved too high is lowered further, and once only.
        for _ in 0..3 {
            space.lower_ceiling(Some(USAGE));
            assert_eq!(space.ceiling(), Some(2_000 - 62));
        }
        space.lower_ceiling(None);
        assert_eq!(space.ceiling(), Some(2_000 - 62));
        space.lower_ceiling(Some(USAGE.without(500)));
        assert_eq!(space.ceiling(), Some(1_000));
        space.last_attempt -= RESTORE_INTERVAL;
        space.restore();
        assert!(!space.is_disk_full() && reserve.exists());
        assert_eq!(space.limits().max_bytes, 10_000);
    }

    #[test]
    fn a_disk_without_room_for_the_reserve_is_full() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = folder.path().join("reserve");
        // Larger than any disk.
        let mut space = disk_space(&reserve, 1 << 60);
        assert_eq!(space.ceiling(), Some(2_000));
        assert!(space.is_out_of_space(&EngineError::unavailable(io::Error::other("no reason given"))));
        space.last_attempt -= RESTORE_INTERVAL;
        space.restore();
        assert!(space.is_disk_full() && !reserve.exists());
    }

    #[test]
    fn a_store_works_without_a_reserve() {
        let folder = tempfile::tempdir().unwrap();
        let mut space = disk_space(&folder.path().join("missing").join("reserve"), 4_000);
        space.release();
        space.lower_ceiling(Some(USAGE));
        assert!(!space.is_disk_full());
        assert_eq!(space.limits().max_bytes, 10_000);
    }

    #[test]
    fn other_errors_are_not_taken_for_a_full_disk() {
        let folder = tempfile::tempdir().unwrap();
        let space = disk_space(&folder.path().join("reserve"), 4_000);
        assert!(space.is_out_of_space(&EngineError::io(io::ErrorKind::StorageFull.into())));
        assert!(!space.is_out_of_space(&EngineError::io(io::ErrorKind::PermissionDenied.into())));
        assert!(!space.is_out_of_space(&EngineError::damaged(io::Error::from(io::ErrorKind::StorageFull))));
    }
}
