//! The parts of a record that the index and the counts need.

use crate::id::SessionId;
use crate::record::Record;

/// Approximate bytes per session besides its record: map slot, reference counts, allocator.
const OVERHEAD: usize = 104;

/// Approximate bytes per signed-in session in the index of principals.
const INDEX_OVERHEAD: usize = 42;

/// The id, principal and size of a record, read once for each change to it.
#[derive(PartialEq, Eq)]
pub(super) struct Footprint<'a> {
    pub(super) id: SessionId,
    pub(super) principal: Option<&'a str>,
    /// Total size of the session in memory.
    pub(super) bytes: usize,
}

impl<'a> Footprint<'a> {
    pub(super) fn of(record: &'a Record) -> Self {
        let principal = record.principal();
        let indexed = if principal.is_some() { INDEX_OVERHEAD } else { 0 };
        Self { id: record.id(), principal, bytes: record.as_bytes().len() + OVERHEAD + indexed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::SecretHash;
    use crate::timestamp::Timestamp;

    #[test]
    fn a_session_counts_with_all_it_takes() {
        for (principal, besides) in [(None, OVERHEAD), (Some("ann"), OVERHEAD + INDEX_OVERHEAD)] {
            let (id, hash) = (SessionId::from_bytes([1; 16]), SecretHash::from_bytes([1; 32]));
            let record = Record::builder(id, hash, Timestamp::from_millis(0)).principal(principal).build().unwrap();
            assert_eq!(Footprint::of(&record).bytes, record.as_bytes().len() + besides);
        }
    }
}
