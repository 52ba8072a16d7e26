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
    fn add(&self, bytes: usize) {
        self.sessions.fetch_add(1, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
    }

    fn subtract(&self, bytes: usize) {
        self.sessions.fetch_sub(1, Relaxed);
        self.bytes.fetch_sub(bytes, Relaxed);
    }

    fn resize(&self, old: usize, new: usize) {
        if old != new {
            // One wrapping addition, also to shrink: a reader never sees the sum of both sizes.
            self.bytes.fetch_add(new.wrapping_sub(old), Relaxed);
        }
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

    /// Returns whether a new record fits if every session that may be evicted is.
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

    pub(super) fn add(&self, new: &Footprint<'_>) {
        self.all.add(new.bytes);
        if new.principal.is_some() {
            self.signed_in.add(new.bytes);
        }
    }

    pub(super) fn remove(&self, old: &Footprint<'_>) {
        self.all.subtract(old.bytes);
        if old.principal.is_some() {
            self.signed_in.subtract(old.bytes);
        }
    }

    pub(super) fn replace(&self, old: &Footprint<'_>, new: &Footprint<'_>) {
        self.all.resize(old.bytes, new.bytes);
        match (old.principal, new.principal) {
            (None, None) => {}
            (None, Some(_)) => self.signed_in.add(new.bytes),
            (Some(_), None) => self.signed_in.subtract(old.bytes),
            (Some(_), Some(_)) => self.signed_in.resize(old.bytes, new.bytes),
        }
    }
}
