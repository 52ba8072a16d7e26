//! Layout of a record, format 1. Integers are little-endian, times are Unix milliseconds.
//!
//! ```text
//! at   bytes
//!  0     1   format
//!  1     1   flags: 1 if the session is signed in, 2 if there is a stamp, 4 if it was renewed,
//!            8 if its cookie persists, 16 if its secret rotates, 32 if the previous secret rotated,
//!            64 if it is known when the principal signed in, 128 if there were earlier secrets
//!  2     2   number of slots
//!  4     4   length of the principal
//!  8     4   version
//! 12     4   nonce of the stamp, else zero
//! 16    16   id
//! 32    32   hash of the secret
//! 64     8   created
//! 72     8   last seen
//! 80     8   idle timeout, all ones for none
//! 88     8   absolute deadline, all ones for none
//! 96     …   the principal
//!        8   for each slot: end of its payload (4, counted from the first payload),
//!            length of its key (2), kind (1), zero (1)
//!        …   for each slot its payload: key, value
//!        8   if it is known: when the principal last proved who they are
//!       16   if it was renewed: the first 8 bytes of the previous secret's hash, and when
//!       32   if there were earlier secrets: the same for the two before it, or zeros
//!       40   if its secret rotates: the hash of the next secret, and when it was sent
//!       32   the stamp, if there is one
//! ```
//!
//! The first 16 bytes are the record's mark: with a stamp, no two states of a session have the same
//! mark.

use std::ops::Range;

use super::{RecordError, tail};

pub(crate) const FORMAT: u8 = 1;
pub(crate) const FORMAT_AT: usize = 0;
pub(crate) const FLAGS: usize = 1;
pub(crate) const SLOT_COUNT: usize = 2;
pub(crate) const PRINCIPAL_LENGTH: usize = 4;
pub(crate) const VERSION: usize = 8;
pub(crate) const NONCE: usize = 12;
pub(crate) const ID: usize = 16;
pub(crate) const SECRET_HASH: usize = 32;
pub(crate) const CREATED: usize = 64;
pub(crate) const LAST_SEEN: usize = 72;
pub(crate) const IDLE: usize = 80;
pub(crate) const ABSOLUTE: usize = 88;
/// Length of the fixed part of a record.
pub(crate) const HEAD_LENGTH: usize = 96;
/// Length of a record's mark.
pub(crate) const MARK_LENGTH: usize = 16;
/// Length of a stamp.
pub(crate) const STAMP_LENGTH: usize = 32;
/// The flag of a signed-in session.
pub(crate) const SIGNED_IN: u8 = 1;
/// The flag of a record with a stamp.
pub(crate) const STAMPED: u8 = 2;
/// The flag of a record with its previous secret.
pub(crate) const RENEWED: u8 = 4;
/// The flag of a session whose cookie persists.
pub(crate) const PERSISTS: u8 = 8;
/// The flag of a record with a successor of its secret.
pub(crate) const ROTATING: u8 = 16;
/// The flag of a record whose previous secret was replaced by a rotation.
pub(crate) const ROTATED: u8 = 32;
/// The flag of a record with the time when its principal last proved who they are.
pub(crate) const PROVED: u8 = 64;
/// The flag of a record with secrets older than the previous one.
pub(crate) const EARLIER: u8 = 128;
/// Length of a slot's line in the index.
pub(crate) const INDEX_LINE: usize = 8;
/// A time that means "none".
pub(crate) const NO_LIMIT: u64 = u64::MAX;

/// The kind of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain = 0,
    Immutable = 1,
    Flash = 2,
}

/// The scope of a key. An entry and a flash may have the same key.
///
/// Within a scope, each key has at most one slot and at most one edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_enums, reason = "a record has no other slots")]
pub enum Scope {
    /// The entries.
    Entries,
    /// The flashes.
    Flashes,
}

impl Kind {
    pub(crate) const fn scope(self) -> Scope {
        match self {
            Self::Plain | Self::Immutable => Scope::Entries,
            Self::Flash => Scope::Flashes,
        }
    }

    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Plain),
            1 => Some(Self::Immutable),
            2 => Some(Self::Flash),
            _ => None,
        }
    }
}

/// An entry of a [`Record`](super::Record).
// Inside the crate it may also be a flash, which is an entry of another kind.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    pub(crate) kind: Kind,
    /// The key. It is UTF-8, but checked only when needed as text.
    pub(crate) key: &'a [u8],
    pub(crate) value: &'a [u8],
}

impl<'a> Entry<'a> {
    /// Returns the entry's key.
    #[must_use]
    pub fn key(&self) -> &'a str {
        text(self.key)
    }

    /// Returns the entry's encoded value.
    #[must_use]
    pub const fn value(&self) -> &'a [u8] {
        self.value
    }

    /// Returns whether the entry is immutable: a plain [`Set`](crate::Verb::Set) and an increment
    /// are refused.
    #[must_use]
    pub const fn is_immutable(&self) -> bool {
        matches!(self.kind, Kind::Immutable)
    }
}

redacted!(Entry<'_> { key() });

/// Returns a key as text. Keys in checked bytes are UTF-8.
pub(crate) fn text(key: &[u8]) -> &str {
    std::str::from_utf8(key).unwrap_or_default()
}

pub(crate) fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[at..at + N]);
    array
}

pub(crate) fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array(bytes, at))
}

pub(crate) fn slot_count(bytes: &[u8]) -> usize {
    usize::from(u16::from_le_bytes(array(bytes, SLOT_COUNT)))
}

/// Returns the length of a record without its stamp, or zero for a stamp that does not fit.
pub(crate) fn size(bytes: &[u8]) -> usize {
    let stamp = if bytes[FLAGS] & STAMPED == 0 { 0 } else { STAMP_LENGTH };
    bytes.len().saturating_sub(stamp)
}

/// Returns where the last slot ends, or zero if what follows does not fit.
pub(crate) fn slots_end(bytes: &[u8]) -> usize {
    // Most records of visitors end with their slots.
    if bytes[FLAGS] <= SIGNED_IN {
        return bytes.len();
    }
    size(bytes).saturating_sub(tail::length(bytes[FLAGS]))
}

fn principal_length(bytes: &[u8]) -> usize {
    u32::from_le_bytes(array(bytes, PRINCIPAL_LENGTH)) as usize
}

pub(crate) fn principal(bytes: &[u8]) -> Option<&str> {
    if bytes[FLAGS] & SIGNED_IN == 0 {
        return None;
    }
    std::str::from_utf8(&bytes[HEAD_LENGTH..HEAD_LENGTH + principal_length(bytes)]).ok()
}

/// The position of a slot, whose contents are not read yet.
struct Place {
    kind: u8,
    key: Range<usize>,
    value: Range<usize>,
}

fn places(bytes: &[u8]) -> impl Iterator<Item = Place> + '_ {
    let index = HEAD_LENGTH + principal_length(bytes);
    let payload = index + slot_count(bytes) * INDEX_LINE;
    let mut start = payload;
    bytes[index..payload].chunks_exact(INDEX_LINE).map(move |line| {
        // Read as one word, since a lookup reads all lines before its own.
        let line = word(line, 0);
        let end = payload + (line & 0xffff_ffff) as usize;
        let key_end = start + (line >> 32 & 0xffff) as usize;
        let place = Place { kind: (line >> 48) as u8, key: start..key_end, value: key_end..end };
        start = end;
        place
    })
}

fn entry<'a>(bytes: &'a [u8], place: &Place) -> Option<Entry<'a>> {
    Some(Entry {
        kind: Kind::from_byte(place.kind)?,
        key: bytes.get(place.key.clone())?,
        value: bytes.get(place.value.clone())?,
    })
}

/// Iterates over the slots of checked bytes.
pub(crate) fn slots(bytes: &[u8]) -> impl Iterator<Item = Entry<'_>> {
    places(bytes).filter_map(|place| entry(bytes, &place))
}

/// Finds a slot in checked bytes, without reading other values. Returns it, and where its value
/// begins.
pub(crate) fn find<'a>(bytes: &'a [u8], scope: Scope, key: &[u8]) -> Option<(Entry<'a>, usize)> {
    places(bytes).find_map(|place| {
        let (stored, at) = (&bytes[place.key], place.value.start);
        if stored != key {
            return None;
        }
        let kind = Kind::from_byte(place.kind).filter(|kind| kind.scope() == scope)?;
        Some((Entry { kind, key: stored, value: &bytes[place.value] }, at))
    })
}

/// Checks all lengths in `bytes`, which the functions above rely on.
pub(crate) fn check(bytes: &[u8]) -> Result<(), RecordError> {
    let format = *bytes.get(FORMAT_AT).ok_or(RecordError::Corrupt)?;
    if format > FORMAT {
        return Err(RecordError::NewerFormat);
    }
    let sound = format == FORMAT && head_is_sound(bytes) && payload_is_sound(bytes);
    if sound { Ok(()) } else { Err(RecordError::Corrupt) }
}

fn head_is_sound(bytes: &[u8]) -> bool {
    if bytes.len() < HEAD_LENGTH {
        return false;
    }
    let principal_end = HEAD_LENGTH.saturating_add(principal_length(bytes));
    let payload = principal_end.saturating_add(slot_count(bytes) * INDEX_LINE);
    payload <= bytes.len()
        && std::str::from_utf8(&bytes[HEAD_LENGTH..principal_end]).is_ok()
        && (bytes[FLAGS] & (ROTATED | EARLIER) == 0 || bytes[FLAGS] & RENEWED != 0)
        && (bytes[FLAGS] & SIGNED_IN != 0 || principal_length(bytes) == 0)
}

fn payload_is_sound(bytes: &[u8]) -> bool {
    let mut end = HEAD_LENGTH + principal_length(bytes) + slot_count(bytes) * INDEX_LINE;
    for place in places(bytes) {
        let is_sound = place.value.start <= place.value.end
            && entry(bytes, &place).is_some_and(|entry| std::str::from_utf8(entry.key).is_ok());
        if !is_sound {
            return false;
        }
        end = place.value.end;
    }
    end == slots_end(bytes)
}
