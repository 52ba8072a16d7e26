//! Whether the disk has room, and how much the store may hold while it has none.

use std::time::{Duration, Instant};

use crate::capacity::{Capacity, Limits, Usage};
use crate::engine::{EngineError, EngineErrorKind};
use crate::reserve::{Reserve, is_full};

/// While the disk is full, a part of what the store held when it filled up is given up each time
/// that this proves too much.
const STEP: u64 = 32;
/// How long to wait before a full disk is asked again for a reserve.
const PAUSE: Duration = Duration::from_millis(50);
/// The part of the reserve that may be taken up by sessions that grow a little, such as by being
/// signed in to.
const GROWTH: u64 = 4;

/// The limits of a store, which its disk may narrow.
///
/// A full disk is one that may hold no more than it held when it filled up: the *ceiling*. The
/// reserve is released, and with it there is room for whatever ends sessions. New ones have to make
/// room for themselves, until the disk has room for a reserve again.
#[derive(Debug)]
pub(crate) struct DiskSpace {
    limits: Limits,
    reserve: Option<Reserve>,
    ceiling: Option<u64>,
    /// When the disk was last asked for a reserve.
    asked: Instant,
}

impl DiskSpace {
    /// Looks for the reserve, or makes one. If there is no room for it, the store holds what it
    /// held when the disk filled up, or holds now.
    pub(crate) fn open(capacity: &Capacity, usage: Usage, ceiling: Option<u64>) -> Self {
        let limits = capacity.limits();
        let reserve = capacity.reserve_file().map(|(path, bytes)| Reserve::new(path, bytes));
        let mut room = Self { limits, reserve, ceiling: None, asked: Instant::now() };
        match room.reserve.as_ref().map_or(Ok(()), Reserve::allocate) {
            Ok(()) => {}
            Err(error) if is_full(&error) => room.ceiling = Some(ceiling.unwrap_or_else(|| limits.estimate(usage))),
            // No file can be made beside the store's own. That must not make the store useless.
            Err(_) => room.reserve = None,
        }
        room
    }

    pub(crate) const fn ceiling(&self) -> Option<u64> {
        self.ceiling
    }

    pub(crate) const fn is_disk_full(&self) -> bool {
        self.ceiling.is_some()
    }

    /// Returns the limits that hold now.
    pub(crate) fn limits(&self) -> Limits {
        let mut limits = self.limits;
        if let Some(ceiling) = self.ceiling {
            let margin = self.reserve.as_ref().map_or(0, Reserve::bytes) / GROWTH;
            limits.max_bytes = limits.max_bytes.min(ceiling);
            limits.max_growth = [ceiling.saturating_add(margin), ceiling];
        }
        limits
    }

    /// Returns whether a write failed because the disk is full. Some engines do not say why one
    /// failed that they do in the background.
    pub(crate) fn is_out_of_space(&self, error: &EngineError) -> bool {
        match error.kind() {
            EngineErrorKind::Full => true,
            EngineErrorKind::Unavailable => self.reserve.as_ref().is_some_and(Reserve::is_disk_full),
            EngineErrorKind::Damaged => false,
        }
    }

    /// Releases the reserve, and lets the store hold no more than it does.
    pub(crate) fn narrow(&mut self, usage: Usage) {
        let Some(reserve) = &self.reserve else {
            return;
        };
        reserve.release();
        let held = self.limits.estimate(usage);
        self.ceiling = Some(match self.ceiling {
            Some(ceiling) if ceiling <= held => ceiling.min(held) - held.min(ceiling) / STEP,
            _ => held,
        });
        self.asked = Instant::now();
    }

    /// Returns when to ask for a reserve again, `None` if there is one.
    pub(crate) fn time_to_restore(&self) -> Option<Duration> {
        self.is_disk_full().then(|| PAUSE.saturating_sub(self.asked.elapsed()))
    }

    /// Makes a reserve again, if it is time to ask and the disk has room for one.
    pub(crate) fn restore(&mut self) {
        if self.time_to_restore() != Some(Duration::ZERO) {
            return;
        }
        self.asked = Instant::now();
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

    fn room(reserve: &std::path::Path, bytes: u64) -> DiskSpace {
        DiskSpace::open(&Capacity::new(100, 10_000).estimate(0, 2).reserve(reserve, bytes), USAGE, None)
    }

    #[test]
    fn a_full_disk_narrows_the_limits_until_there_is_a_reserve_again() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = folder.path().join("reserve");
        let mut room = room(&reserve, 4_000);
        assert!(!room.is_disk_full() && reserve.exists());
        room.narrow(USAGE);
        assert!(room.is_disk_full() && !reserve.exists());
        let limits = room.limits();
        assert_eq!((limits.max_sessions, limits.max_bytes, limits.max_growth), (100, 2_000, [3_000, 2_000]));
        // What proved too much is narrowed further, and what did not is not.
        room.narrow(USAGE);
        assert_eq!(room.ceiling(), Some(2_000 - 62));
        room.narrow(USAGE.without(500));
        assert_eq!(room.ceiling(), Some(1_000));
        room.asked -= PAUSE;
        room.restore();
        assert!(!room.is_disk_full() && reserve.exists());
        assert_eq!(room.limits().max_bytes, 10_000);
    }

    #[test]
    fn a_disk_without_room_for_the_reserve_is_full_from_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = folder.path().join("reserve");
        // More than any file system has.
        let mut room = room(&reserve, 1 << 60);
        assert_eq!(room.ceiling(), Some(2_000));
        assert!(room.is_out_of_space(&EngineError::unavailable(io::Error::other("of no stated reason"))));
        room.asked -= PAUSE;
        room.restore();
        assert!(room.is_disk_full() && !reserve.exists());
    }

    #[test]
    fn a_store_where_no_reserve_can_be_made_works_without_one() {
        let folder = tempfile::tempdir().unwrap();
        let mut room = room(&folder.path().join("missing").join("reserve"), 4_000);
        room.narrow(USAGE);
        assert!(!room.is_disk_full());
        assert_eq!(room.limits().max_bytes, 10_000);
    }

    #[test]
    fn only_what_the_disk_explains_is_taken_for_a_full_disk() {
        let folder = tempfile::tempdir().unwrap();
        let room = room(&folder.path().join("reserve"), 4_000);
        assert!(room.is_out_of_space(&EngineError::io(io::ErrorKind::StorageFull.into())));
        assert!(!room.is_out_of_space(&EngineError::io(io::ErrorKind::PermissionDenied.into())));
        assert!(!room.is_out_of_space(&EngineError::damaged(io::Error::from(io::ErrorKind::StorageFull))));
    }
}
