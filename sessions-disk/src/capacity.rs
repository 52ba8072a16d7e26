//! How much a store holds, and how much it may.

use std::path::{Path, PathBuf};

/// What a record grows by when somebody signs in, at most.
const LITTLE: u64 = 512;

/// How much a store may hold, what that takes on the disk, and what is kept free for ending
/// sessions.
///
/// A store's files are larger than its records: pages are half full, and what was replaced is given
/// back later. So `max_bytes` is compared with an estimate of the files: a number of bytes for each
/// session, and a multiple of the bytes of its record. An engine states both, as it was measured.
#[derive(Clone, Debug)]
#[must_use]
pub struct Capacity {
    limits: Limits,
    reserve: Option<(PathBuf, u64)>,
}

/// The limits that a transaction keeps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) max_sessions: u64,
    /// What new sessions may make of the estimate.
    pub(crate) max_bytes: u64,
    /// What growing records may make of the estimate: those that grow a little, and the others.
    /// Unlimited unless the disk is full.
    pub(crate) max_growth: [u64; 2],
    per_session: u64,
    per_byte: u64,
}

/// How many records a store has, and how many bytes these have in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) sessions: u64,
    pub(crate) bytes: u64,
}

impl Capacity {
    /// Creates a capacity whose estimate is the bytes of the records and 160 for each session,
    /// without a reserve.
    pub const fn new(max_sessions: u64, max_bytes: u64) -> Self {
        let limits = Limits { max_sessions, max_bytes, max_growth: [u64::MAX; 2], per_session: 160, per_byte: 1 };
        Self { limits, reserve: None }
    }

    /// Creates a capacity without limits.
    pub const fn unlimited() -> Self {
        Self::new(u64::MAX, u64::MAX)
    }

    /// Sets the estimate: how many bytes each session takes, and by how much the bytes of its
    /// record are multiplied.
    pub const fn estimate(mut self, per_session: u64, per_byte: u64) -> Self {
        self.limits.per_session = per_session;
        self.limits.per_byte = per_byte;
        self
    }

    /// Sets the file that keeps room on the disk for ending sessions when nothing else has any, and
    /// how long it is.
    pub fn reserve(mut self, path: impl AsRef<Path>, bytes: u64) -> Self {
        self.reserve = Some((path.as_ref().to_owned(), bytes));
        self
    }

    pub(crate) const fn limits(&self) -> Limits {
        self.limits
    }

    pub(crate) fn reserve_file(&self) -> Option<(&Path, u64)> {
        self.reserve.as_ref().map(|(path, bytes)| (path.as_path(), *bytes))
    }
}

impl Limits {
    /// Estimates what the records take on the disk.
    pub(crate) const fn estimate(&self, usage: Usage) -> u64 {
        let sessions = usage.sessions.saturating_mul(self.per_session);
        usage.bytes.saturating_mul(self.per_byte).saturating_add(sessions)
    }

    /// Returns whether a new session may make this of the usage.
    pub(crate) const fn admit(&self, usage: Usage) -> bool {
        usage.sessions <= self.max_sessions && self.estimate(usage) <= self.max_bytes
    }

    /// Returns whether a record may grow by so many bytes.
    pub(crate) const fn admit_growth(&self, usage: Usage, bytes: u64) -> bool {
        let grown = Usage { bytes: usage.bytes.saturating_add(bytes), ..usage };
        let [little, much] = self.max_growth;
        self.estimate(grown) <= if bytes <= LITTLE { little } else { much }
    }
}

impl Usage {
    pub(crate) const fn with(self, bytes: u64) -> Self {
        Self { sessions: self.sessions.saturating_add(1), bytes: self.bytes.saturating_add(bytes) }
    }

    pub(crate) const fn without(self, bytes: u64) -> Self {
        Self { sessions: self.sessions.saturating_sub(1), bytes: self.bytes.saturating_sub(bytes) }
    }

    pub(crate) const fn resized(self, old: u64, new: u64) -> Self {
        Self { bytes: self.bytes.saturating_add(new).saturating_sub(old), ..self }
    }

    pub(crate) fn encode(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.sessions.to_le_bytes());
        bytes[8..].copy_from_slice(&self.bytes.to_le_bytes());
        bytes
    }

    /// Reads a usage; bytes that are none count as nothing.
    pub(crate) fn decode(bytes: &[u8]) -> Self {
        let number =
            |at: usize| bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u64::from_le_bytes(*bytes));
        Self { sessions: number(0), bytes: number(8) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usage_is_read_as_it_was_written() {
        let usage = Usage { sessions: 3, bytes: 1 << 40 };
        assert_eq!(Usage::decode(&usage.encode()), usage);
        assert_eq!(Usage::decode(b"short"), Usage::default());
    }

    #[test]
    fn sessions_come_and_go_and_change_their_size() {
        let usage = Usage::default().with(100).with(50).resized(100, 70).without(50);
        assert_eq!(usage, Usage { sessions: 1, bytes: 70 });
        assert_eq!(Usage::default().without(1), Usage::default());
    }

    #[test]
    fn limits_hold_for_the_estimate() {
        let limits = Capacity::new(2, 1000).estimate(100, 2).limits();
        let cases = [(1, 450, true), (1, 451, false), (2, 400, true), (2, 401, false), (3, 0, false)];
        for (sessions, bytes, is_admitted) in cases {
            assert_eq!(limits.admit(Usage { sessions, bytes }), is_admitted, "{sessions} {bytes}");
        }
        assert!(limits.admit_growth(Usage { sessions: 3, bytes: 1 << 40 }, 1 << 40));
    }

    #[test]
    fn a_full_disk_has_room_for_a_sign_in_and_not_for_a_cart() {
        let limits = Limits { max_growth: [1_100, 1_000], ..Capacity::new(2, 1_000).estimate(0, 1).limits() };
        let usage = Usage { sessions: 1, bytes: 590 };
        let cases = [(410, true), (510, true), (511, false), (513, false), (1_000, false)];
        for (bytes, is_admitted) in cases {
            assert_eq!(limits.admit_growth(usage, bytes), is_admitted, "{bytes}");
        }
    }
}
