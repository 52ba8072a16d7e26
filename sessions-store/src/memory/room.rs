//! The limits of the store, and how much of them is in use.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::footprint::Footprint;

/// The limits of the store and the counts of its sessions and bytes.
///
/// A record is counted while holding its lock, so no session is counted twice and no count drops
/// below zero.
pub(super) struct Room {
    max_sessions: usize,
    max_bytes: usize,
    all: Counts,
    /// The sessions that may not be evicted.
    signed_in: Counts,
}

#[derive(Default)]
struct Counts {
    sessions: AtomicUsize,
    bytes: AtomicUsize,
}

impl Counts {
    fn change(&self, old: Option<&Footprint<'_>>, new: Option<&Footprint<'_>>) {
        adjust(&self.sessions, usize::from(old.is_some()), usize::from(new.is_some()));
        adjust(&self.bytes, old.map_or(0, |old| old.bytes), new.map_or(0, |new| new.bytes));
    }
}

/// Replaces what a record adds to a count.
pub(super) fn adjust(count: &AtomicUsize, old: usize, new: usize) {
    if old != new {
        // One wrapping addition, also to shrink: a reader never sees the sum of both.
        count.fetch_add(new.wrapping_sub(old), Relaxed);
    }
}

impl Room {
    pub(super) fn new(max_sessions: usize, max_bytes: usize) -> Self {
        Self { max_sessions, max_bytes, all: Counts::default(), signed_in: Counts::default() }
    }

    pub(super) fn sessions(&self) -> usize {
        self.all.sessions.load(Relaxed)
    }

    pub(super) fn bytes(&self) -> usize {
        self.all.bytes.load(Relaxed)
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let counts = [&self.all, &self.signed_in];
        counts.into_iter().all(|counts| counts.sessions.load(Relaxed) == 0 && counts.bytes.load(Relaxed) == 0)
    }

    /// Returns whether a new record fits once all evictable sessions are evicted.
    pub(super) fn admits(&self, new: &Footprint<'_>) -> bool {
        self.signed_in.sessions.load(Relaxed) < self.max_sessions
            && self.signed_in.bytes.load(Relaxed).saturating_add(new.bytes) <= self.max_bytes
    }

    /// Returns whether a new record fits into an empty store.
    pub(super) fn fits(&self, new: &Footprint<'_>) -> bool {
        self.max_sessions > 0 && new.bytes <= self.max_bytes
    }

    /// Returns whether a limit is exceeded, so that sessions must be evicted.
    pub(super) fn is_exceeded(&self) -> bool {
        self.sessions() > self.max_sessions || self.bytes() > self.max_bytes
    }

    /// Replaces the old record by the new one.
    #[inline]
    pub(super) fn change(&self, old: Option<&Footprint<'_>>, new: Option<&Footprint<'_>>) {
        self.all.change(old, new);
        let [old, new] = [old, new].map(|record| record.filter(|record| record.principal.is_some()));
        self.signed_in.change(old, new);
    }
}
