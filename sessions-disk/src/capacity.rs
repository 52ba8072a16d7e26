//! How much a store may hold.

use std::path::{Path, PathBuf};

use crate::bulk::SWEEP_SLICE;

/// Largest growth of a record at a login.
const SMALL_GROWTH: u64 = 512;
/// Maximum number of entries that a transaction visits to bring a store back within its limits.
/// Other operations wait for the transaction, so this is as many as in a slice of a sweep.
const MAX_SURPLUS: usize = SWEEP_SLICE;

/// The limits of a store, and its reserve of disk space.
///
/// A store's files are larger than its records: pages are half full, and replaced data is freed
/// later. So `max_bytes` is compared with an estimate of the files: a number of bytes per session,
/// plus a multiple of the bytes of its record. Each engine sets both as measured.
#[derive(Clone, Debug)]
#[must_use]
pub struct Capacity {
    limits: Limits,
    reserve: Option<(PathBuf, u64)>,
}

/// The limits of a transaction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) max_sessions: u64,
    /// Limit of the estimate for new sessions.
    pub(crate) max_bytes: u64,
    /// Limits of the estimate for growing records: those that grow a little, and the others.
    /// Unlimited unless the disk is full.
    pub(crate) max_growth: [u64; 2],
    /// Maximum number of entries that the new sessions visit together to bring a store back within
    /// its limits, after they have evicted what they take themselves.
    pub(crate) max_surplus: usize,
    per_session: u64,
    per_byte: u64,
}

/// The number of a store's records, and of their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) sessions: u64,
    pub(crate) bytes: u64,
}

impl Capacity {
    /// Creates a capacity without a reserve, of a number of sessions and of bytes on the disk.
    ///
    /// Until [`estimate`](Self::estimate) sets what an engine needs, each session counts as the
    /// bytes of its record plus 160 for its keys and indexes: too little for most engines, so
    /// measure.
    pub const fn new(max_sessions: u64, max_bytes: u64) -> Self {
        let limits = Limits {
            max_sessions,
            max_bytes,
            max_growth: [u64::MAX; 2],
            max_surplus: MAX_SURPLUS,
            per_session: 160,
            per_byte: 1,
        };
        Self { limits, reserve: None }
    }

    /// Creates a capacity without limits.
    pub const fn unlimited() -> Self {
        Self::new(u64::MAX, u64::MAX)
    }

    /// Sets the estimate: bytes per session, and the factor of its record's bytes.
    pub const fn estimate(mut self, per_session: u64, per_byte: u64) -> Self {
        self.limits.per_session = per_session;
        self.limits.per_byte = per_byte;
        self
    }

    /// Sets path and length of the reserve, a file that keeps disk space free for ending sessions.
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
    /// Estimates the disk space of the records.
    pub(crate) const fn estimate(&self, usage: Usage) -> u64 {
        let sessions = usage.sessions.saturating_mul(self.per_session);
        usage.bytes.saturating_mul(self.per_byte).saturating_add(sessions)
    }

    /// Returns whether the usage is allowed with a new session in it.
    pub(crate) const fn admit(&self, usage: Usage) -> bool {
        usage.sessions <= self.max_sessions && self.estimate(usage) <= self.max_bytes
    }

    /// Returns whether a usage takes no more room than another.
    pub(crate) const fn takes_no_more(&self, usage: Usage, than: Usage) -> bool {
        usage.sessions <= than.sessions && self.estimate(usage) <= self.estimate(than)
    }

    /// Returns whether a record may grow by `bytes` bytes.
    pub(crate) const fn admit_growth(&self, usage: Usage, bytes: u64) -> bool {
        let grown = Usage { bytes: usage.bytes.saturating_add(bytes), ..usage };
        let [small, large] = self.max_growth;
        self.estimate(grown) <= if bytes <= SMALL_GROWTH { small } else { large }
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

    /// Decodes a usage. Malformed bytes count as zero.
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
    fn a_usage_decodes_as_encoded() {
        let usage = Usage { sessions: 3, bytes: 1 << 40 };
        assert_eq!(Usage::decode(&usage.encode()), usage);
        assert_eq!(Usage::decode(b"short"), Usage::default());
    }

    #[test]
    fn usage_follows_creates_resizes_and_destroys() {
        let usage = Usage::default().with(100).with(50).resized(100, 70).without(50);
        assert_eq!(usage, Usage { sessions: 1, bytes: 70 });
        assert_eq!(Usage::default().without(1), Usage::default());
    }

    #[test]
    fn limits_apply_to_the_estimate() {
        let limits = Capacity::new(2, 1000).estimate(100, 2).limits();
        let cases = [(1, 450, true), (1, 451, false), (2, 400, true), (2, 401, false), (3, 0, false)];
        for (sessions, bytes, is_admitted) in cases {
            assert_eq!(limits.admit(Usage { sessions, bytes }), is_admitted, "{sessions} {bytes}");
        }
        assert!(limits.admit_growth(Usage { sessions: 3, bytes: 1 << 40 }, 1 << 40));
    }

    #[test]
    fn a_usage_takes_no_more_if_neither_sessions_nor_estimate_grow() {
        let limits = Capacity::new(2, 1000).estimate(100, 2).limits();
        let before = Usage { sessions: 4, bytes: 500 };
        for (sessions, bytes, takes_no_more) in [(4, 500, true), (3, 550, true), (3, 551, false), (5, 0, false)] {
            assert_eq!(limits.takes_no_more(Usage { sessions, bytes }, before), takes_no_more, "{sessions} {bytes}");
        }
    }

    #[test]
    fn a_full_disk_admits_a_login_but_no_cart() {
        let limits = Limits { max_growth: [1_100, 1_000], ..Capacity::new(2, 1_000).estimate(0, 1).limits() };
        let usage = Usage { sessions: 1, bytes: 590 };
        let cases = [(410, true), (510, true), (511, false), (513, false), (1_000, false)];
        for (bytes, is_admitted) in cases {
            assert_eq!(limits.admit_growth(usage, bytes), is_admitted, "{bytes}");
        }
    }
}
