//! Eviction from a full store.

use std::sync::atomic::Ordering::Relaxed;

use super::MemoryStore;
use super::slices::COUNT;
use crate::id::SessionId;
use crate::record::Record;
use crate::timestamp::Timestamp;

/// Number of sessions to examine for candidates.
const SAMPLE: usize = 1024;

/// One in this many candidates is evicted, and at least one for each [`SAMPLE`] sessions examined.
///
/// An eviction that examines more sessions evicts more, so the cost to each new session does not
/// grow with the store.
const ONE_IN: usize = 16;

/// A session that may be evicted, ranked with expired sessions first, then least recently seen.
struct Candidate {
    rank: (bool, Timestamp),
    id: SessionId,
}

impl MemoryStore {
    /// Evicts sessions until the limits hold again, but never `newcomer`, which is already stored.
    pub(super) fn make_room(&self, newcomer: SessionId, now: Timestamp, evicted: &mut Vec<SessionId>) {
        let is_evictable =
            |record: &Record| record.id() != newcomer && (record.principal().is_none() || record.has_expired(now));
        while self.room.is_exceeded() {
            let (candidates, examined) = self.candidates(1, now, is_evictable);
            if candidates.is_empty() {
                // All other sessions have signed in since the new one was admitted, so nothing is
                // evicted.
                return;
            }
            self.evict(candidates, examined, is_evictable, evicted);
        }
    }

    /// Evicts expired sessions, if it finds any.
    pub(super) fn evict_expired(&self, now: Timestamp) -> Vec<SessionId> {
        let is_evictable = |record: &Record| record.has_expired(now);
        let (candidates, examined) = self.candidates(0, now, is_evictable);
        let mut evicted = Vec::new();
        self.evict(candidates, examined, is_evictable, &mut evicted);
        evicted
    }

    /// Finds candidates among [`SAMPLE`] sessions. Returns them and the number examined.
    ///
    /// If there are fewer than `at_least`, continues with the slices that have anonymous sessions.
    fn candidates(
        &self,
        at_least: usize,
        now: Timestamp,
        is_evictable: impl Fn(&Record) -> bool,
    ) -> (Vec<Candidate>, usize) {
        let (mut candidates, mut examined) = (Vec::new(), 0);
        let start = self.evict_from.fetch_add(1, Relaxed);
        for slice in (0..COUNT).map(|step| self.slices.nth(start.wrapping_add(step))) {
            if examined >= SAMPLE {
                if candidates.len() >= at_least {
                    break;
                }
                if !slice.has_anonymous() {
                    continue;
                }
            }
            for record in slice.records.iter() {
                examined += 1;
                if is_evictable(&record) {
                    let rank = (!record.has_expired(now), record.last_seen());
                    candidates.push(Candidate { rank, id: record.id() });
                }
            }
        }
        (candidates, examined)
    }

    /// Evicts the first candidates, except those that were seen or signed in since.
    fn evict(
        &self,
        mut candidates: Vec<Candidate>,
        examined: usize,
        is_evictable: impl Fn(&Record) -> bool,
        evicted: &mut Vec<SessionId>,
    ) {
        let batch = (candidates.len() / ONE_IN).max(examined / SAMPLE).max(1);
        if batch < candidates.len() {
            candidates.select_nth_unstable_by_key(batch, |candidate| candidate.rank);
            candidates.truncate(batch);
        }
        let gone = candidates.into_iter().filter(|candidate| {
            self.remove_if(candidate.id, |record| record.last_seen() == candidate.rank.1 && is_evictable(record))
        });
        evicted.extend(gone.map(|candidate| candidate.id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Changes;
    use crate::record::SecretHash;

    const SECRET: SecretHash = SecretHash::from_bytes([7; 32]);
    const NOW: Timestamp = Timestamp::from_millis(1000);

    #[test]
    fn a_session_seen_or_signed_in_meanwhile_stays() {
        let seen = || Changes::new(Timestamp::from_millis(2000), SECRET);
        let signed_in = || Changes::new(NOW, SECRET).bind("ann");
        for (changes, goes) in [(None, true), (Some(seen()), false), (Some(signed_in()), false)] {
            let store = MemoryStore::default();
            let record = Record::builder(SessionId::from_bytes([1; 16]), SECRET, NOW).build().unwrap();
            store.insert(&record);
            let may_go = |record: &Record| record.principal().is_none();
            let (candidates, seen) = store.candidates(1, NOW, may_go);
            if let Some(changes) = changes {
                store.replace(record.id(), |record| record.apply(&changes)).unwrap();
            }
            let mut evicted = Vec::new();
            store.evict(candidates, seen, may_go, &mut evicted);
            assert_eq!((evicted.contains(&record.id()), store.find(record.id()).is_none()), (goes, goes));
        }
    }
}
