//! Who goes when the store is full.

use std::sync::atomic::Ordering::Relaxed;

use super::MemoryStore;
use super::slices::COUNT;
use crate::id::SessionId;
use crate::platform::Timestamp;
use crate::record::Record;

/// Is how many sessions are looked at for those that may go, if there are as many.
const ENOUGH: usize = 1024;

/// Of those that may go, one in so many goes, and never less than one for each [`ENOUGH`] looked
/// at: the more had to be looked at, the more go, so what a new session pays for others to go does
/// not grow with the store.
const ONE_IN: usize = 16;

/// Is a session that may go. Expired ones go before the living, and those not seen for longest
/// before the others.
struct Candidate {
    rank: (bool, Timestamp),
    id: SessionId,
}

impl MemoryStore {
    /// Evicts until the limits hold again, but not `newcomer`, which is in the store already.
    pub(super) fn make_room(&self, newcomer: SessionId, now: Timestamp, evicted: &mut Vec<SessionId>) {
        let may_go =
            |record: &Record| record.id() != newcomer && (record.principal().is_none() || record.has_expired(now));
        while self.room.is_exceeded() {
            let (candidates, seen) = self.candidates(1, now, may_go);
            if candidates.is_empty() {
                // All others have signed in since the newcomer was let in. They stay, and so does
                // it.
                return;
            }
            self.evict(candidates, seen, may_go, evicted);
        }
    }

    /// Evicts some that have expired, if there are any where it looks.
    pub(super) fn evict_expired(&self, now: Timestamp) -> Vec<SessionId> {
        let may_go = |record: &Record| record.has_expired(now);
        let (candidates, seen) = self.candidates(0, now, may_go);
        let mut evicted = Vec::new();
        self.evict(candidates, seen, may_go, &mut evicted);
        evicted
    }

    /// Finds some that may go among [`ENOUGH`] sessions, and goes on for `at_least` as many where
    /// there are anonymous ones. Returns how many it looked at, too.
    fn candidates(&self, at_least: usize, now: Timestamp, may_go: impl Fn(&Record) -> bool) -> (Vec<Candidate>, usize) {
        let (mut candidates, mut seen) = (Vec::new(), 0);
        let start = self.evict_from.fetch_add(1, Relaxed);
        for slice in (0..COUNT).map(|step| self.slices.nth(start.wrapping_add(step))) {
            if seen >= ENOUGH {
                if candidates.len() >= at_least {
                    break;
                }
                if !slice.has_anonymous() {
                    continue;
                }
            }
            for record in slice.records.iter() {
                seen += 1;
                if may_go(&record) {
                    let rank = (!record.has_expired(now), record.last_seen());
                    candidates.push(Candidate { rank, id: record.id() });
                }
            }
        }
        (candidates, seen)
    }

    /// Evicts the first of those that may go, unless they were seen or signed in meanwhile.
    fn evict(
        &self,
        mut candidates: Vec<Candidate>,
        seen: usize,
        may_go: impl Fn(&Record) -> bool,
        evicted: &mut Vec<SessionId>,
    ) {
        let batch = (candidates.len() / ONE_IN).max(seen / ENOUGH).max(1);
        if batch < candidates.len() {
            candidates.select_nth_unstable_by_key(batch, |candidate| candidate.rank);
            candidates.truncate(batch);
        }
        let gone = candidates.into_iter().filter(|candidate| {
            self.remove_if(candidate.id, |record| record.last_seen() == candidate.rank.1 && may_go(record))
        });
        evicted.extend(gone.map(|candidate| candidate.id));
    }
}
