//! What a record keeps behind its entries. All of it is optional, so that a session has only the
//! bytes that it needs.

use super::layout::{FLAGS, PROVED, RENEWED, ROTATED, ROTATING, array, size, word};
use crate::cookie::SecretHash;
use crate::platform::Timestamp;

/// The flags that tell what a tail contains.
const SHAPE: u8 = PROVED | RENEWED | ROTATING;

/// What a record knows about its login and about the secrets before and after its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tail {
    /// When the principal last proved who they are.
    pub(super) signed_in_at: Option<Timestamp>,
    pub(super) former: Option<Former>,
    pub(super) successor: Option<Successor>,
}

/// The secret before the record's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Former {
    /// The first bytes of the secret's hash: enough to tell it, too few to open anything.
    pub(super) hash: [u8; 8],
    /// When it was replaced.
    pub(super) replaced: Timestamp,
    /// A rotation replaced it, and neither a login nor a renewal.
    pub(super) by_rotation: bool,
}

/// The secret that a rotation has sent to the client. It becomes the record's own when it is first
/// used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Successor {
    pub(super) hash: SecretHash,
    /// When it was sent.
    pub(super) since: Timestamp,
}

const PROVED_LENGTH: usize = 8;
const FORMER_LENGTH: usize = 16;
const SUCCESSOR_LENGTH: usize = 40;

/// Returns the length of the tail of a record with these flags.
pub(super) const fn length(flags: u8) -> usize {
    // Without branches, since every request measures a record.
    ((flags & PROVED) / PROVED) as usize * PROVED_LENGTH
        + ((flags & RENEWED) / RENEWED) as usize * FORMER_LENGTH
        + ((flags & ROTATING) / ROTATING) as usize * SUCCESSOR_LENGTH
}

impl Tail {
    /// Reads the tail of checked bytes.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let flags = bytes[FLAGS];
        let mut at = size(bytes) - length(flags);
        let mut part = |flag: u8, length: usize| {
            let start = at;
            let is_there = flags & flag != 0;
            at += if is_there { length } else { 0 };
            is_there.then_some(start)
        };
        let time = |at: usize| Timestamp::from_millis(word(bytes, at));
        Self {
            signed_in_at: part(PROVED, PROVED_LENGTH).map(time),
            former: part(RENEWED, FORMER_LENGTH).map(|at| Former {
                hash: array(bytes, at),
                replaced: time(at + 8),
                by_rotation: flags & ROTATED != 0,
            }),
            successor: part(ROTATING, SUCCESSOR_LENGTH)
                .map(|at| Successor { hash: SecretHash::from_bytes(array(bytes, at)), since: time(at + 32) }),
        }
    }

    /// Returns the flags of a record with this tail.
    pub(super) const fn flags(&self) -> u8 {
        let proved = if self.signed_in_at.is_some() { PROVED } else { 0 };
        let renewed = match self.former {
            Some(Former { by_rotation: true, .. }) => RENEWED | ROTATED,
            Some(_) => RENEWED,
            None => 0,
        };
        let rotating = if self.successor.is_some() { ROTATING } else { 0 };
        proved | renewed | rotating
    }

    /// Returns whether a record with these flags has room for exactly this tail.
    pub(super) const fn fits(&self, flags: u8) -> bool {
        self.flags() & SHAPE == flags & SHAPE
    }

    /// Writes the tail to the end of bytes that have no stamp, and its flags to the head.
    pub(super) fn write(&self, bytes: &mut [u8]) {
        let flags = self.flags();
        bytes[FLAGS] = bytes[FLAGS] & !(SHAPE | ROTATED) | flags;
        let start = bytes.len() - length(flags);
        let mut rest = &mut bytes[start..];
        let mut put = |part: &[u8]| {
            let (place, others) = std::mem::take(&mut rest).split_at_mut(part.len());
            place.copy_from_slice(part);
            rest = others;
        };
        if let Some(time) = self.signed_in_at {
            put(&time.as_millis().to_le_bytes());
        }
        if let Some(Former { hash, replaced, .. }) = self.former {
            put(&hash);
            put(&replaced.as_millis().to_le_bytes());
        }
        if let Some(Successor { hash, since }) = self.successor {
            put(hash.as_bytes());
            put(&since.as_millis().to_le_bytes());
        }
    }
}
