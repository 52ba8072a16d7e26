//! The end of a record, after its entries. All parts are optional, so that a record has only the
//! bytes that it needs.

use std::time::Duration;

use super::layout::{EARLIER, FLAGS, PROVED, RENEWED, ROTATED, ROTATING, array, size, word};
use crate::record::SecretHash;
use crate::timestamp::Timestamp;

/// The flags of the parts of a tail.
const SHAPE: u8 = PROVED | RENEWED | EARLIER | ROTATING;

/// The time of a session's login, and the secrets before and after its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tail {
    /// When the principal last proved who they are.
    pub(super) signed_in_at: Option<Timestamp>,
    /// The secret before the record's own.
    pub(super) previous: Option<Replaced>,
    /// Older secrets, the newest first. Requests may still carry them if a renewal followed another
    /// renewal, or ended a rotation.
    pub(super) earlier: [Option<Replaced>; 2],
    /// The previous secret was replaced by a rotation, not by a login or renewal.
    pub(super) has_rotated: bool,
    pub(super) successor: Option<Successor>,
}

/// A secret that was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Replaced {
    /// The first bytes of the secret's hash: enough to recognize it, too few to open anything.
    pub(super) hash: [u8; 8],
    /// When it was replaced.
    pub(super) at: Timestamp,
}

/// The secret that a rotation has sent to the client. It becomes the record's own when it is first
/// used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Successor {
    pub(super) hash: SecretHash,
    /// When it was sent.
    pub(super) since: Timestamp,
}

/// Time for which earlier secrets are kept. The next replacement removes older ones.
const KEPT: Duration = Duration::from_secs(60 * 60);

const PROVED_LENGTH: usize = 8;
const REPLACED_LENGTH: usize = 16;
const EARLIER_LENGTH: usize = 2 * REPLACED_LENGTH;
const SUCCESSOR_LENGTH: usize = 40;

/// Returns the length of the tail of a record with these flags.
pub(super) fn length(flags: u8) -> usize {
    let parts =
        [(PROVED, PROVED_LENGTH), (RENEWED, REPLACED_LENGTH), (EARLIER, EARLIER_LENGTH), (ROTATING, SUCCESSOR_LENGTH)];
    parts.iter().map(|(flag, length)| if flags & flag == 0 { 0 } else { *length }).sum()
}

impl Tail {
    pub(super) const NONE: Self =
        Self { signed_in_at: None, previous: None, earlier: [None; 2], has_rotated: false, successor: None };

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
        let secret = |at: usize| Replaced { hash: array(bytes, at), at: time(at + 8) };
        let is_empty = |at: usize| bytes[at..at + REPLACED_LENGTH] == [0; REPLACED_LENGTH];
        Self {
            signed_in_at: part(PROVED, PROVED_LENGTH).map(time),
            previous: part(RENEWED, REPLACED_LENGTH).map(secret),
            earlier: part(EARLIER, EARLIER_LENGTH).map_or([None; 2], |at| {
                [at, at + REPLACED_LENGTH].map(|at| if is_empty(at) { None } else { Some(secret(at)) })
            }),
            has_rotated: flags & ROTATED != 0,
            successor: part(ROTATING, SUCCESSOR_LENGTH)
                .map(|at| Successor { hash: SecretHash::from_bytes(array(bytes, at)), since: time(at + 32) }),
        }
    }

    /// Iterates over the secrets that were replaced, the newest first.
    pub(super) fn replaced_secrets(&self) -> impl Iterator<Item = Replaced> + use<> {
        let [first, second] = self.earlier;
        [self.previous, first, second].into_iter().flatten()
    }

    /// Adds a secret that is replaced now. Only the last three are kept, and the older two only if
    /// they were replaced within [`KEPT`].
    pub(super) fn replace(&mut self, hash: &SecretHash, now: Timestamp, by_rotation: bool) {
        let is_recent = |secret: &Replaced| now.since(secret.at) < KEPT;
        let older = self.previous.replace(Replaced { hash: hash.beginning(), at: now });
        let mut older = older.into_iter().chain(self.earlier.into_iter().flatten()).filter(is_recent);
        self.earlier = [older.next(), older.next()];
        self.has_rotated = by_rotation;
    }

    /// Returns the flags of a record with this tail.
    pub(super) const fn flags(&self) -> u8 {
        let proved = if self.signed_in_at.is_some() { PROVED } else { 0 };
        let renewed = if self.previous.is_some() { RENEWED } else { 0 };
        let earlier = if self.earlier[0].is_some() { EARLIER } else { 0 };
        let rotated = if self.has_rotated { ROTATED } else { 0 };
        let rotating = if self.successor.is_some() { ROTATING } else { 0 };
        proved | renewed | earlier | rotated | rotating
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
        let earlier = if self.earlier[0].is_some() { &self.earlier[..] } else { &[] };
        for secret in self.previous.iter().map(Some).chain(earlier.iter().map(Option::as_ref)) {
            let (hash, replaced) = secret.map_or(([0; 8], 0), |secret| (secret.hash, secret.at.as_millis()));
            put(&hash);
            put(&replaced.to_le_bytes());
        }
        if let Some(Successor { hash, since }) = self.successor {
            put(hash.as_bytes());
            put(&since.as_millis().to_le_bytes());
        }
    }
}
