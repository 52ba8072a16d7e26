//! The index of principals.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};

use parking_lot::{Mutex, MutexGuard};

use super::footprint::Footprint;
use crate::id::SessionId;

/// The ids of each principal's sessions. Anonymous sessions are not in it.
///
/// Callers hold the record's lock to change the index, and no lock to read it. An id may therefore
/// be outdated when it is used, and the caller verifies it with the record. This is why a hash of
/// the principal suffices as the key: a collision only costs a check of another principal's
/// records.
pub(super) struct Index {
    // Randomly keyed, since users choose their principals.
    hash: RandomState,
    parts: [Mutex<Part>; PARTS],
}

/// Ids, sorted by the hash of their principal. Unlike a hash table, a tree never grows in one step,
/// during which a sign-in would hold a record's lock, and frees memory that it no longer needs.
type Part = BTreeSet<(u64, SessionId)>;

/// Number of locks.
const PARTS: usize = 128;

impl Default for Index {
    fn default() -> Self {
        Self { hash: RandomState::new(), parts: std::array::from_fn(|_| Mutex::default()) }
    }
}

impl Index {
    /// Replaces the old record by the new one.
    #[inline]
    pub(super) fn change(&self, old: Option<&Footprint<'_>>, new: Option<&Footprint<'_>>) {
        let [old, new] = [old, new].map(|record| record.and_then(|record| Some((record.principal?, record.id))));
        if old == new {
            return;
        }
        if let Some((principal, id)) = old {
            let (key, mut part) = self.part_of(principal);
            part.remove(&(key, id));
        }
        if let Some((principal, id)) = new {
            let (key, mut part) = self.part_of(principal);
            part.insert((key, id));
        }
    }

    /// Returns the ids of a principal's sessions, possibly with others. Verify each record.
    pub(super) fn ids(&self, principal: &str) -> Vec<SessionId> {
        let (key, part) = self.part_of(principal);
        of_key(&part, key).collect()
    }

    /// Returns the number of a principal's sessions, possibly with others.
    pub(super) fn count(&self, principal: &str) -> usize {
        let (key, part) = self.part_of(principal);
        of_key(&part, key).count()
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.parts.iter().all(|part| part.lock().is_empty())
    }

    fn part_of(&self, principal: &str) -> (u64, MutexGuard<'_, Part>) {
        let key = self.hash.hash_one(principal);
        (key, self.parts[key as usize % PARTS].lock())
    }
}

fn of_key(part: &Part, key: u64) -> impl Iterator<Item = SessionId> {
    let [first, last] = [0, 0xff].map(|byte| SessionId::from_bytes([byte; 16]));
    part.range((key, first)..=(key, last)).map(|(_, id)| *id)
}
