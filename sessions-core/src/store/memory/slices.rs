//! The map from ids to records, in slices that can be gone through one at a time.

use std::hash::Hash;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use dashmap::DashMap;

use super::footprint::Footprint;
use crate::id::{IdHash, SessionId};
use crate::record::Record;

/// Is how many slices there are: a power of two.
pub(super) const COUNT: usize = 128;

/// Is how many locks a slice has. A map of a million sessions holds 4,000 of them under each.
const SHARDS: usize = 2;

/// Holds all records. A `DashMap` can only be gone through from its beginning to its end, so this
/// is an array of them: sweeping, evicting and listing visit one after the other, and remember only
/// its number.
pub(super) struct Slices(Box<[Slice; COUNT]>);

/// Is one part of the map, with locks of its own.
pub(super) struct Slice {
    pub(super) records: DashMap<SessionId, Record, IdHash>,
    /// Counts the sessions in it that nobody has signed in to, so that who looks for such need not
    /// visit slices without one.
    anonymous: AtomicUsize,
}

impl Default for Slices {
    fn default() -> Self {
        Self(Box::new(std::array::from_fn(|_| Slice::new())))
    }
}

impl Slices {
    /// Returns the slice that has the record of `id`, if there is one.
    pub(super) fn of(&self, id: SessionId) -> &Slice {
        // The top bits of a product depend on every bit of both halves, so ids that only count
        // upwards are spread too.
        let (one, other) = id.as_uuid().as_u64_pair();
        let spread = one.wrapping_add(other).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        &self.0[(spread >> (u64::BITS - COUNT.trailing_zeros())) as usize]
    }

    /// Returns the slice of a number; numbers go round.
    pub(super) fn nth(&self, number: usize) -> &Slice {
        &self.0[number % COUNT]
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Slice> {
        self.0.iter()
    }
}

impl Slice {
    fn new() -> Self {
        Self { records: DashMap::with_hasher_and_shard_amount(IdHash, SHARDS), anonymous: AtomicUsize::new(0) }
    }

    pub(super) fn enter(&self, new: &Footprint<'_>) {
        if new.principal.is_none() {
            self.anonymous.fetch_add(1, Relaxed);
        }
    }

    pub(super) fn leave(&self, old: &Footprint<'_>) {
        if old.principal.is_none() {
            self.anonymous.fetch_sub(1, Relaxed);
        }
    }

    pub(super) fn replace(&self, old: &Footprint<'_>, new: &Footprint<'_>) {
        if old.principal.is_some() != new.principal.is_some() {
            self.enter(new);
            self.leave(old);
        }
    }

    pub(super) fn has_anonymous(&self) -> bool {
        self.anonymous.load(Relaxed) > 0
    }

    /// Gives back the memory of a slice that has become almost empty.
    pub(super) fn trim(&self) {
        trim(&self.records);
    }
}

/// Gives back the memory of a map that has become almost empty.
pub(super) fn trim<K: Eq + Hash, V>(map: &DashMap<K, V, IdHash>) {
    let capacity = map.capacity();
    // A map that grows again soon should not pay for having been trimmed, and one this small is not
    // worth the locks.
    if capacity > 256 && map.len() < capacity / 8 {
        map.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fullest_of(ids: impl Iterator<Item = u128>) -> usize {
        let slices = Slices::default();
        let mut counts = std::collections::HashMap::<*const Slice, usize>::new();
        for id in ids {
            *counts.entry(slices.of(SessionId::from_bytes(id.to_be_bytes()))).or_default() += 1;
        }
        counts.into_values().max().unwrap()
    }

    #[test]
    fn ids_of_a_weak_generator_are_spread_over_the_slices() {
        let each = 100;
        let count = (COUNT * each) as u128;
        assert!(fullest_of(0..count) < 2 * each);
        assert!(fullest_of((0..count).map(|number| number << 64)) < 2 * each);
        assert!(fullest_of((0..count).map(|number| number << 96)) < 2 * each);
        assert!(fullest_of((0..count).map(|number| number << 64 | number)) < 2 * each);
    }

    #[test]
    fn an_emptied_slice_gives_its_memory_back() {
        let slices = Slices::default();
        let slice = slices.nth(COUNT);
        let now = crate::platform::Timestamp::from_millis(0);
        for number in 0..10_000_u128 {
            let id = SessionId::from_bytes(number.to_be_bytes());
            let record = Record::builder(id, crate::cookie::SecretHash::from_bytes([0; 32]), now).build().unwrap();
            slice.records.insert(id, record);
        }
        let full = slice.records.capacity();
        slice.trim();
        assert_eq!(slice.records.capacity(), full);
        slice.records.retain(|id, _| id.as_bytes()[15] == 0);
        slice.trim();
        assert!(slice.records.capacity() < full / 8);
        assert_eq!(slice.records.len(), 40);
    }
}
