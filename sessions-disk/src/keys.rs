//! The keys of the tables, all of a fixed length.
//!
//! ```text
//! records       id (16)
//! principals    SHA-256 of the principal (32), id (16)
//! deadlines     class (1): 0 anonymous, 1 signed in; milliseconds since the Unix epoch, big-endian (8), id (16)
//! meta          a name
//! ```
//!
//! The class comes first, so that eviction finds the anonymous sessions without visiting the
//! others.
//!
//! A principal is hashed to a fixed length, so that no principal's key is a prefix of another's.

use sessions_store::{SessionId, Timestamp};
use sha2::{Digest, Sha256};

/// The counts of records and of their bytes.
pub(crate) const USAGE: &[u8] = b"usage";
/// The limit of the store until its disk has room again.
pub(crate) const CEILING: &[u8] = b"ceiling";
/// The layout of the tables.
pub(crate) const LAYOUT: &[u8] = b"layout";

const ID: usize = 16;
const TIME: usize = 8;
const CLASS: usize = 1;

/// The part of the deadlines table in which a session is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// Sessions that may be evicted.
    Anonymous,
    /// Sessions that may not, unless they have expired.
    SignedIn,
}

impl Class {
    /// Returns a key before all keys of the class.
    pub(crate) const fn start(self) -> [u8; CLASS] {
        [self as u8]
    }
}

pub(crate) fn principal_prefix(principal: &str) -> [u8; 32] {
    Sha256::digest(principal.as_bytes()).into()
}

pub(crate) fn principal(principal: &str, id: SessionId) -> [u8; 48] {
    join(&principal_prefix(principal), id)
}

pub(crate) fn deadline(class: Class, due: Timestamp, id: SessionId) -> [u8; CLASS + TIME + ID] {
    let mut prefix = [class as u8; CLASS + TIME];
    prefix[CLASS..].copy_from_slice(&due.as_millis().to_be_bytes());
    join(&prefix, id)
}

/// Returns the class of an entry in the deadlines table.
pub(crate) fn class(key: &[u8]) -> Option<Class> {
    [Class::Anonymous, Class::SignedIn].into_iter().find(|class| key.first() == Some(&(*class as u8)))
}

/// Returns the time of an entry in the deadlines table.
pub(crate) fn due(key: &[u8]) -> Option<Timestamp> {
    let time = key.get(CLASS..)?.first_chunk::<TIME>()?;
    Some(Timestamp::from_millis(u64::from_be_bytes(*time)))
}

/// Returns the id at the end of a key. Keys of the table `meta` have none.
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
    fn deadlines_sort_by_class_and_time() {
        let id = SessionId::from_bytes([9; 16]);
        let deadline = |class, millis| deadline(class, Timestamp::from_millis(millis), id);
        let (earlier, later) = (deadline(Class::Anonymous, 255), deadline(Class::Anonymous, 256));
        assert!(earlier < later && later < deadline(Class::SignedIn, 0));
        assert_eq!(due(&earlier), Some(Timestamp::from_millis(255)));
        assert_eq!(super::id(&earlier), Some(id));
        assert_eq!(class(&deadline(Class::SignedIn, 0)), Some(Class::SignedIn));
        assert_eq!(class(&earlier), Some(Class::Anonymous));
    }

    #[test]
    fn malformed_keys_have_no_parts() {
        assert_eq!(id(b"short"), None);
        assert_eq!(due(b"short"), None);
        assert_eq!(class(&[2; 25]), None);
    }

    #[test]
    fn a_principal_is_no_prefix_of_another() {
        let id = SessionId::from_bytes([9; 16]);
        assert!(!principal("anna", id).starts_with(&principal_prefix("ann")));
        assert!(principal("ann", id).starts_with(&principal_prefix("ann")));
    }
}
