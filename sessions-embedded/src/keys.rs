//! The keys of the tables, all of a fixed length.
//!
//! ```text
//! records       id (16)
//! principals    SHA-256 of the principal (32), id (16)
//! deadlines     milliseconds since the Unix epoch, big-endian (8), id (16)
//! meta          a name
//! ```
//!
//! A principal is hashed so that its key has a fixed length, whatever is in it: no principal is the beginning of another's key.

use sessions_core::{SessionId, Timestamp};
use sha2::{Digest, Sha256};

/// Names the number of records.
pub(crate) const COUNT: &[u8] = b"count";
/// Names the layout of the tables.
pub(crate) const LAYOUT: &[u8] = b"layout";

const ID: usize = 16;
const TIME: usize = 8;

pub(crate) fn principal_prefix(principal: &str) -> [u8; 32] {
    Sha256::digest(principal.as_bytes()).into()
}

pub(crate) fn principal(principal: &str, id: SessionId) -> [u8; 48] {
    join(&principal_prefix(principal), id)
}

pub(crate) fn deadline(due: Timestamp, id: SessionId) -> [u8; TIME + ID] {
    join(&due.as_millis().to_be_bytes(), id)
}

/// Returns when an entry of the table of deadlines is due.
pub(crate) fn due(key: &[u8]) -> Option<Timestamp> {
    let time = key.first_chunk::<TIME>()?;
    Some(Timestamp::from_millis(u64::from_be_bytes(*time)))
}

/// Returns the id with which every key ends, outside the table `meta`.
pub(crate) fn id(key: &[u8]) -> Option<SessionId> {
    key.last_chunk::<ID>().copied().map(SessionId::from_bytes)
}

fn join<const N: usize>(prefix: &[u8], id: SessionId) -> [u8; N] {
    let mut key = [0; N];
    let (before, after) = key.split_at_mut(prefix.len());
    before.copy_from_slice(prefix);
    after.copy_from_slice(id.as_bytes());
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_sort_by_time_and_name_their_session() {
        let id = SessionId::from_bytes([9; 16]);
        let (earlier, later) = (deadline(Timestamp::from_millis(255), id), deadline(Timestamp::from_millis(256), id));
        assert!(earlier < later);
        assert_eq!(due(&earlier), Some(Timestamp::from_millis(255)));
        assert_eq!(super::id(&earlier), Some(id));
    }

    #[test]
    fn keys_that_no_build_writes_are_no_ids() {
        assert_eq!(id(b"short"), None);
        assert_eq!(due(b"short"), None);
    }

    #[test]
    fn a_principal_is_not_the_beginning_of_another() {
        let id = SessionId::from_bytes([9; 16]);
        assert!(!principal("anna", id).starts_with(&principal_prefix("ann")));
        assert!(principal("ann", id).starts_with(&principal_prefix("ann")));
    }
}
