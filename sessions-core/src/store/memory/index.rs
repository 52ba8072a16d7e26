//! Which sessions belong to whom.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use dashmap::{DashMap, Entry};

use super::footprint::Footprint;
use super::slices::trim;
use crate::id::{IdHash, SessionId};

/// Maps principals to the ids of their sessions. Anonymous sessions never touch it.
///
/// Its caller holds the lock of the record whenever it changes an entry, and none when it reads
/// one. What it reads may have changed by the time that it is used, and is verified with the
/// record; so a hash of the principal is enough of a name, and two principals of the same hash cost
/// no more than a look at each other's records.
pub(super) struct Index {
    // Keyed at random: principals are chosen by whoever signs up.
    hash: RandomState,
    ids: DashMap<u64, Ids, IdHash>,
}

/// Is how many locks the index has. A map under one of them grows in one step, while whoever signs
/// in holds a record's lock.
const SHARDS: usize = 128;

/// Holds the ids of one principal's sessions, mostly one, and at times a hundred thousand.
enum Ids {
    One(SessionId),
    #[expect(clippy::box_collection, reason = "it is rare, and would make every entry a third larger")]
    Many(Box<HashSet<SessionId, IdHash>>),
}

impl Default for Index {
    fn default() -> Self {
        Self { hash: RandomState::new(), ids: DashMap::with_hasher_and_shard_amount(IdHash, SHARDS) }
    }
}

impl Index {
    pub(super) fn enter(&self, new: &Footprint<'_>) {
        if let Some(principal) = new.principal {
            let enter = |ids: &mut Ids| ids.insert(new.id);
            self.ids.entry(self.name(principal)).and_modify(enter).or_insert(Ids::One(new.id));
        }
    }

    pub(super) fn leave(&self, old: &Footprint<'_>) {
        if let Some(principal) = old.principal
            && let Entry::Occupied(mut ids) = self.ids.entry(self.name(principal))
        {
            let is_last = ids.get_mut().remove(old.id);
            if is_last {
                ids.remove();
            }
        }
    }

    pub(super) fn replace(&self, old: &Footprint<'_>, new: &Footprint<'_>) {
        if old.principal != new.principal {
            self.leave(old);
            self.enter(new);
        }
    }

    /// Returns the ids of the sessions that were a principal's a moment ago, and maybe others.
    pub(super) fn ids(&self, principal: &str) -> Vec<SessionId> {
        self.ids.get(&self.name(principal)).map_or_else(Vec::new, |ids| ids.to_vec())
    }

    /// Gives back the memory of an index that has become almost empty.
    pub(super) fn trim(&self) {
        trim(&self.ids);
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    fn name(&self, principal: &str) -> u64 {
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

    /// Removes an id, and says whether none is left.
    fn remove(&mut self, id: SessionId) -> bool {
        match self {
            Self::One(only) => *only == id,
            Self::Many(ids) => {
                ids.remove(&id);
                ids.is_empty()
            }
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
        entries.clone().for_each(|entry| index.enter(&entry));
        let full = index.ids.capacity();
        index.trim();
        assert_eq!(index.ids.capacity(), full);
        entries.for_each(|entry| index.leave(&entry));
        index.trim();
        assert!(index.is_empty() && index.ids.capacity() < full / 8);
    }
}
