//! Names of keys, their slots, and the pattern that finds them.

use std::fmt;

use crc16::{State, XMODEM};
use sessions_store::SessionId;

/// Length of the text of an id.
const ID_LENGTH: usize = 36;
/// Number of slots of a cluster.
pub(crate) const SLOTS: u16 = 16_384;

/// A key in its stored form. It may contain a principal, so `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Key(Box<[u8]>);

impl Key {
    pub(crate) const fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn slot(&self) -> u16 {
        State::<XMODEM>::calculate(hashed_part(&self.0)) % SLOTS
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// The keys of one store.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    prefix: Box<str>,
}

impl Keys {
    pub(crate) fn new(prefix: impl Into<Box<str>>) -> Self {
        Self { prefix: prefix.into() }
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(crate) fn session(&self, id: SessionId) -> Key {
        let mut key = Vec::with_capacity(self.prefix.len() + ID_LENGTH);
        key.extend_from_slice(self.prefix.as_bytes());
        key.extend_from_slice(id.to_uuid().hyphenated().encode_lower(&mut [0; ID_LENGTH]).as_bytes());
        Key(key.into())
    }

    /// Returns a key in the slot of a session, for a write that only replicas see.
    ///
    /// It cannot be taken for a session.
    pub(crate) fn barrier(&self, session: &Key) -> Key {
        let prefix = self.prefix.as_bytes();
        let (open, close): (&[u8], &[u8]) = if is_tagged(prefix) { (b"", b"") } else { (b"{", b"}") };
        Key([prefix, b"#w:", open, session.as_bytes(), close].concat().into())
    }

    /// Returns whether other keys can share the slots of sessions.
    ///
    /// Braces must form a whole `{tag}`.
    pub(crate) fn can_be_tags(&self) -> bool {
        is_tagged(self.prefix.as_bytes()) || !self.prefix.contains(['{', '}'])
    }

    /// Returns the key of the index of a principal's sessions.
    ///
    /// No session has such a key, since no id contains a `#`.
    pub(crate) fn principal(&self, principal: &str) -> Key {
        Key(format!("{}#p:{principal}", self.prefix).into_bytes().into())
    }

    /// Returns the id of a session's key, or `None` for any other key.
    pub(crate) fn id_of(&self, key: &[u8]) -> Option<SessionId> {
        let text = std::str::from_utf8(key.strip_prefix(self.prefix.as_bytes())?).ok()?;
        let id: SessionId = text.parse().ok()?;
        // A UUID has several spellings, of which only one is a key.
        (*self.session(id).as_bytes() == *key).then_some(id)
    }

    /// Returns a pattern for SCAN that matches all keys of sessions.
    ///
    /// [`id_of`](Self::id_of) sorts out other matches.
    pub(crate) fn pattern(&self) -> Vec<u8> {
        let mut pattern = Vec::new();
        for byte in self.prefix.bytes() {
            if b"*?[]^\\".contains(&byte) {
                pattern.push(b'\\');
            }
            pattern.push(byte);
        }
        pattern.extend_from_slice(b"????????-????-????-????-????????????");
        pattern
    }
}

/// Returns the part of a key that determines its slot: the text in the first braces, unless empty.
fn hashed_part(key: &[u8]) -> &[u8] {
    let tag = || {
        let start = key.iter().position(|byte| *byte == b'{')? + 1;
        let length = key[start..].iter().position(|byte| *byte == b'}')?;
        (length > 0).then(|| &key[start..start + length])
    };
    tag().unwrap_or(key)
}

fn is_tagged(key: &[u8]) -> bool {
    hashed_part(key).len() < key.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot_of(key: &str) -> u16 {
        Key(key.as_bytes().into()).slot()
    }

    #[test]
    fn slots_are_those_of_the_specification() {
        assert_eq!(slot_of("123456789"), 0x31c3);
        assert_eq!(slot_of("foo"), 12_182);
        assert_eq!(slot_of("{user1000}.following"), slot_of("{user1000}.followers"));
        assert_eq!(slot_of("foo{}{bar}"), 8363);
        assert_eq!(slot_of("foo{{bar}}zap"), 4015);
        assert_eq!(slot_of("foo{bar}{zap}"), slot_of("bar"));
    }

    #[test]
    fn a_barrier_is_in_the_slot_of_its_session() {
        let id = SessionId::from_bytes([0xab; 16]);
        for prefix in ["session:", "", "{app}:s:", "a{b}c", "{a}{}"] {
            let keys = Keys::new(prefix);
            assert!(keys.can_be_tags(), "{prefix}");
            let session = keys.session(id);
            let barrier = keys.barrier(&session);
            assert_eq!(barrier.slot(), session.slot(), "{prefix}");
            assert!(keys.id_of(barrier.as_bytes()).is_none(), "{prefix}");
        }
        for prefix in ["a}", "a{b", "{}", "}{", "{}{a}"] {
            assert!(!Keys::new(prefix).can_be_tags(), "{prefix}");
        }
    }

    #[test]
    fn only_one_spelling_of_an_id_is_a_key() {
        let keys = Keys::new("s:");
        let id = SessionId::from_bytes([0xab; 16]);
        let key = keys.session(id);
        assert_eq!(keys.id_of(key.as_bytes()), Some(id));
        let shouted = format!("s:{}", id.to_string().to_uppercase());
        let bare = format!("s:{}", id.to_uuid().simple());
        for other in [shouted.as_str(), bare.as_str(), "s:", "", "x", "s:#p:"] {
            assert_eq!(keys.id_of(other.as_bytes()), None, "{other}");
        }
        let hostile = keys.principal(&id.to_string());
        assert_eq!(keys.id_of(hostile.as_bytes()), None);
    }

    #[test]
    fn the_prefix_is_not_a_pattern() {
        let pattern = String::from_utf8(Keys::new(r"a*[b]?\:").pattern()).unwrap();
        assert!(pattern.starts_with(r"a\*\[b\]\?\\:????"), "{pattern}");
    }
}
