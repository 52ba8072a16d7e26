//! The index of principals.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use dashmap::{DashMap, Entry};

use super::footprint::Footprint;
use super::slices::trim;
use crate::id::{IdHash, SessionId};

/// A map from principals to the ids of their sessions. Anonymous sessions are not in it.
///
/// Callers hold the record's lock to change the index, and no lock to read it. An id may therefore
/// be outdated when it is used, and the caller verifies it with the record. This is why a hash of
/// the principal suffices as the key: a collision only costs a look at another principal's records.
pub(super) struct Index {
    // Randomly keyed, since users choose their principals.
    hash: RandomState,
    ids: DashMap<u64, Ids, IdHash>,
}

/// Number of locks. The map under one lock grows in one step, during which a sign-in holds a
/// record's lock.
const SHARDS: usize = 128;

/// The ids of one principal's sessions: usually one, sometimes a hundred thousand.
enum Ids {
    One(SessionId),
    #[expect(clippy::box_collection, reason = "rare, and unboxed it would make every entry a third larger")]
    Many(Box<HashSet<SessionId, IdHash>>),
}

impl Default for Index {
    fn default() -> Self {
        Self { hash: RandomState::new(), ids: DashMap::with_hasher_and_shard_amount(IdHash::new(), SHARDS) }
    }
}

impl Index {
    pub(super) fn add(&self, new: &Footprint<'_>) {
        if let Some(principal) = new.principal {
            let insert = |ids: &mut Ids| ids.insert(new.id);
            self.ids.entry(self.key(principal)).and_modify(insert).or_insert(Ids::One(new.id));
        }
    }

    pub(super) fn remove(&self, old: &Footprint<'_>) {
        if let Some(principal) = old.principal
            && let Entry::Occupied(mut ids) = self.ids.entry(self.key(principal))
        {
            let is_last = ids.get_mut().remove(old.id);
            if is_last {
                ids.remove();
            }
        }
    }

    pub(super) fn replace(&self, old: &Footprint<'_>, new: &Footprint<'_>) {
        if old.principal != new.principal {
            self.remove(old);
            self.add(new);
        }
    }

    /// Returns the ids of a principal's sessions, possibly with others. Verify each record.
    pub(super) fn ids(&self, principal: &str) -> Vec<SessionId> {
        self.ids.get(&self.key(principal)).map_or_else(Vec::new, |ids| ids.to_vec())
    }

    /// Returns the number of a principal's sessions, possibly with others.
    pub(super) fn count(&self, principal: &str) -> usize {
        self.ids.get(&self.key(principal)).map_or(0, |ids| ids.len())
    }

    /// Shrinks the index if it is almost empty.
    pub(super) fn trim(&self) {
        trim(&self.ids);
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    fn key(&self, principal: &str) -> u64 {
        self.hash.hash_one(principal)
    }
}

impl Ids {
    fn insert(&mut self, id: SessionId) {
        match self {
            Self::One(other) => *self = Self::Many(Box::new(HashSet::from_iter([*other, id]))),
            Self::Many(ids) => _ = ids.insert(id),
        }
    }

    /// Removes an id. Returns whether none is left.
    fn remove(&mut self, id: SessionId) -> bool {
        match self {
            Self::One(only) => *only == id,
            Self::Many(ids) => {
                ids.remove(&id);
                ids.is_empty()
            }
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(ids) => ids.len(),
        }
    }

    fn to_vec(&self) -> Vec<SessionId> {
        match self {
            Self::One(id) => vec![*id],
            Self::Many(ids) => ids.iter().copied().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_emptied_index_gives_its_memory_back() {
        let index = Index::default();
        let names: Vec<_> = (0..10_000_u128).map(|number| (number, number.to_string())).collect();
        let entries = names.iter().map(|(number, name)| Footprint {
            id: SessionId::from_bytes(number.to_be_bytes()),
            principal: Some(name),
            bytes: 0,
        });
        entries.clone().for_each(|entry| index.add(&entry));
        let full = index.ids.capacity();
        index.trim();
        assert_eq!(index.ids.capacity(), full);
        entries.for_each(|entry| index.remove(&entry));
        index.trim();
        assert!(index.is_empty() && index.ids.capacity() < full / 8);
    }
}
