//! The map from ids to records, in slices visited one at a time.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use dashmap::DashMap;
use rustc_hash::FxBuildHasher;

use super::footprint::Footprint;
use super::room::adjust;
use crate::id::SessionId;
use crate::record::Record;

/// Number of slices, a power of two.
pub(super) const COUNT: usize = 128;

/// Number of locks per slice. With a million sessions, each lock guards about 4,000.
const SHARDS: usize = 2;

/// All records, in an array of maps.
///
/// The iteration of a `DashMap` cannot be interrupted and resumed. Sweeping, evicting and listing
/// therefore visit one map after the other, and remember only its number.
pub(super) struct Slices(Box<[Slice; COUNT]>);

/// One part of the map, with its own locks.
pub(super) struct Slice {
    /// The default generator's ids are random already; the hash spreads those of a weaker one. It
    /// need not resist flooding: an id from a client is looked up, never inserted.
    pub(super) records: DashMap<SessionId, Record, FxBuildHasher>,
    /// Number of anonymous sessions. An eviction skips slices that have none.
    anonymous: AtomicUsize,
}

impl Default for Slices {
    fn default() -> Self {
        Self(Box::new(std::array::from_fn(|_| Slice::new())))
    }
}

impl Slices {
    /// Returns the slice for `id`.
    pub(super) fn of(&self, id: SessionId) -> &Slice {
        // The top bits of the product depend on every bit of both halves, so that consecutive ids
        // are spread too.
        let (one, other) = id.to_uuid().as_u64_pair();
        let spread = one.wrapping_add(other).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        &self.0[(spread >> (u64::BITS - COUNT.trailing_zeros())) as usize]
    }

    /// Returns the slice with a number, modulo [`COUNT`].
    pub(super) fn nth(&self, number: usize) -> &Slice {
        &self.0[number % COUNT]
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Slice> {
        self.0.iter()
    }
}

impl Slice {
    fn new() -> Self {
        Self { records: DashMap::with_hasher_and_shard_amount(FxBuildHasher, SHARDS), anonymous: AtomicUsize::new(0) }
    }

    /// Replaces the old record by the new one.
    #[inline]
    pub(super) fn change(&self, old: Option<&Footprint<'_>>, new: Option<&Footprint<'_>>) {
        let [old, new] = [old, new].map(|record| record.is_some_and(|record| record.principal.is_none()));
        adjust(&self.anonymous, usize::from(old), usize::from(new));
    }

    pub(super) fn has_anonymous(&self) -> bool {
        self.anonymous.load(Relaxed) > 0
    }

    /// Shrinks the slice if it is almost empty.
    pub(super) fn trim(&self) {
        let capacity = self.records.capacity();
        // The factor of 8 avoids shrinking a map that soon grows again. A map of up to 256 is not
        // worth taking the locks.
        if capacity > 256 && self.records.len() < capacity / 8 {
            self.records.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::BuildHasher;

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
    fn ids_of_a_weak_generator_are_spread() {
        let each = 100;
        let count = (COUNT * each) as u128;
        assert!(fullest_of(0..count) < 2 * each);
        assert!(fullest_of((0..count).map(|number| number << 64)) < 2 * each);
        assert!(fullest_of((0..count).map(|number| number << 96)) < 2 * each);
        assert!(fullest_of((0..count).map(|number| number << 64 | number)) < 2 * each);
    }

    /// A map takes an entry's position from the low bits of its hash, and a tag from the top seven.
    #[test]
    fn ids_of_a_weak_generator_hash_apart() {
        let count = 10_000;
        let hashes = |id: fn(u128) -> u128| -> Vec<u64> {
            (0..count).map(|number| FxBuildHasher.hash_one(SessionId::from_bytes(id(number).to_be_bytes()))).collect()
        };
        for hashes in [hashes(|number| number), hashes(|number| number << 64), hashes(|number| number << 64 | number)] {
            let distinct =
                |shift: u32, mask: u64| hashes.iter().map(|hash| hash >> shift & mask).collect::<HashSet<_>>().len();
            assert_eq!(distinct(0, u64::MAX), count as usize);
            assert_eq!(distinct(57, 0x7f), 128);
            // Of 10,000 random numbers below 2^14, 7,485 differ.
            assert!(distinct(0, 0x3fff) > 6_000, "{}", distinct(0, 0x3fff));
        }
    }

    fn slice_of(count: u128) -> Slice {
        let slice = Slice::new();
        for number in 0..count {
            let id = SessionId::from_bytes(number.to_be_bytes());
            let secret = crate::record::SecretHash::from_bytes([0; 32]);
            let now = crate::timestamp::Timestamp::from_millis(0);
            slice.records.insert(id, Record::builder(id, secret, now).build().unwrap());
        }
        slice
    }

    #[test]
    fn trimming_shrinks_an_almost_empty_slice() {
        let slice = slice_of(10_000);
        let full = slice.records.capacity();
        slice.trim();
        assert_eq!(slice.records.capacity(), full);
        slice.records.retain(|id, _| id.as_bytes()[15] == 0);
        slice.trim();
        assert!(slice.records.capacity() < full / 8);
        assert_eq!(slice.records.len(), 40);
    }

    #[test]
    fn a_slice_that_may_grow_again_keeps_its_memory() {
        let slice = slice_of(10_000);
        slice.records.retain(|id, _| id.as_bytes()[15] % 2 == 0);
        let full = slice.records.capacity();
        slice.trim();
        assert_eq!(slice.records.capacity(), full);
        let small = slice_of(100);
        small.records.retain(|id, _| id.as_bytes()[15] == 0);
        let full = small.records.capacity();
        assert!(full > 8 * small.records.len(), "{full}");
        small.trim();
        assert_eq!(small.records.capacity(), full);
    }
}
