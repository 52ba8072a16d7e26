//! The stored form of a session.

mod apply;
mod build;
mod changes;
mod integer;
mod layout;
mod lifetime;
mod limits;
mod scratch;
mod secret_hash;
mod tail;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use apply::Refusal;
pub(crate) use apply::add;
pub use build::RecordBuilder;
pub(crate) use build::slot_size;
pub use changes::{Change, Changes, HeadChanges, NewSecret, Verb};
pub use layout::{Entry, Scope};
pub use lifetime::Lifetime;
pub use limits::Limits;
pub use scratch::Scratch;
pub use secret_hash::SecretHash;

pub(crate) use changes::Edits;
pub(crate) use layout::{HEAD_LENGTH, INDEX_LINE};

use crate::error::StoreErrorKind;
use crate::id::SessionId;
use crate::timestamp::Timestamp;
use tail::{Replaced, Successor, Tail};

/// The stored form of a session.
///
/// A record has the session's id, the hash of its secret, its times, its principal, its entries
/// and its flashes. It is immutable and cheap to clone: all readers share one allocation. A commit
/// makes a new record with [`Record::apply`].
///
/// Its bytes ([`as_bytes`](Self::as_bytes), [`decode`](Self::decode)) have a versioned format that
/// a store may keep as it is. They contain no checksum; a store whose engine has none should add
/// one.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    bytes: Arc<[u8]>,
}

impl Record {
    /// Length of a [`mark`](Self::mark) in bytes.
    pub const MARK_LENGTH: usize = layout::MARK_LENGTH;

    /// Length of the fixed part that every record begins with, in bytes.
    pub const HEAD_LENGTH: usize = HEAD_LENGTH;

    /// Length of a [`stamp`](Self::stamp) in bytes.
    pub const STAMP_LENGTH: usize = layout::STAMP_LENGTH;

    /// The largest tolerated difference between the clocks of two machines.
    pub const CLOCK_TOLERANCE: Duration = Duration::from_secs(5 * 60);

    /// Decodes a record and checks all its lengths, kinds and texts.
    ///
    /// This does not detect all damage: in values, times and unused bytes, any bits are valid.
    ///
    /// # Errors
    ///
    /// Returns [`RecordError::NewerFormat`] for a format that this build does not support; leave
    /// such bytes unchanged. Returns [`RecordError::Corrupt`] if any other check fails.
    pub fn decode(bytes: impl Into<Arc<[u8]>>) -> Result<Self, RecordError> {
        let bytes = bytes.into();
        layout::check(&bytes)?;
        Ok(Self { bytes })
    }

    /// Returns the record's bytes, in the format of this build.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the session's public id.
    #[must_use]
    pub fn id(&self) -> SessionId {
        SessionId::from_bytes(layout::array(self.head(), layout::ID))
    }

    /// Returns the hash of the session's secret.
    #[must_use]
    pub fn secret_hash(&self) -> SecretHash {
        SecretHash::from_bytes(layout::array(self.head(), layout::SECRET_HASH))
    }

    /// Returns when the session was first stored.
    #[must_use]
    pub fn created(&self) -> Timestamp {
        self.timestamp(layout::CREATED)
    }

    /// Returns when the session was last seen. Requests that only read update it from time to time.
    #[must_use]
    pub fn last_seen(&self) -> Timestamp {
        self.timestamp(layout::LAST_SEEN)
    }

    /// Returns the session's timeouts, and whether its cookie persists.
    pub fn lifetime(&self) -> Lifetime {
        Lifetime {
            idle_millis: self.idle_millis(),
            absolute_deadline: self.timestamp(layout::ABSOLUTE),
            persists: self.has_flag(layout::PERSISTS),
        }
    }

    /// Returns the idle timeout in milliseconds, or [`u64::MAX`] for none.
    #[must_use]
    pub fn idle_millis(&self) -> u64 {
        layout::word(self.head(), layout::IDLE)
    }

    /// Returns when the session expires unless it is seen before.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.lifetime().ends_at(self.last_seen())
    }

    /// Returns whether the session has expired at `now`, so that a sweep may remove it.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        now >= self.expires_at()
    }

    /// Returns whether the session is live at `now`.
    ///
    /// An expired record is dead, even while its bytes still exist. So is a record that was last
    /// seen more than five minutes after `now`: the machine that wrote it had a wrong clock, and
    /// the session would live longer by as much as that clock was ahead. The clocks of synchronized
    /// machines differ by less. Such a record is not swept early, since the wrong clock may be this
    /// machine's.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        !self.has_expired(now) && self.last_seen() <= now.after(Self::CLOCK_TOLERANCE)
    }

    /// Returns the number of commits applied to the record. It wraps around.
    #[must_use]
    pub fn version(&self) -> u32 {
        u32::from_le_bytes(layout::array(self.head(), layout::VERSION))
    }

    /// Returns whether a secret was replaced by the record's own less than `grace` ago.
    ///
    /// Its token is superseded: requests that were under way at the renewal still carry it.
    #[must_use]
    pub fn supersedes(&self, secret: &SecretHash, now: Timestamp, grace: Duration) -> bool {
        self.find_replaced(secret).is_some_and(|replaced| now.since(replaced.at) < grace)
    }

    /// Returns whether a secret is the one that a rotation has sent to the client.
    ///
    /// It opens the session like the record's own, and replaces it with the next commit.
    #[must_use]
    pub fn has_successor(&self, secret: &SecretHash) -> bool {
        self.successor().is_some_and(|successor| successor.hash == *secret)
    }

    /// Returns the hash of the newest secret that was sent to the client.
    ///
    /// This is the successor of the record's own, or else its own.
    #[must_use]
    pub fn newest_secret(&self) -> SecretHash {
        self.successor().map_or_else(|| self.secret_hash(), |successor| successor.hash)
    }

    /// Returns whether the session has had more than one secret.
    #[must_use]
    pub fn has_had_other_secrets(&self) -> bool {
        self.has_flag(layout::RENEWED | layout::ROTATING)
    }

    /// Returns when the session got its own secret.
    #[must_use]
    pub fn secret_since(&self) -> Timestamp {
        self.tail_parts().previous.map_or_else(|| self.created(), |previous| previous.at)
    }

    /// Returns when a rotation last sent a secret that was not used yet.
    #[must_use]
    pub fn rotating_since(&self) -> Option<Timestamp> {
        self.successor().map(|successor| successor.since)
    }

    /// Returns whether a request with this secret may continue with the record: no login or renewal
    /// has replaced the secret, and at most one rotation.
    #[must_use]
    pub fn continues_from(&self, secret: &SecretHash) -> bool {
        self.secret_hash() == *secret || self.has_successor(secret) || self.has_rotated_from(secret)
    }

    /// Returns whether a rotation replaced a secret by the record's own.
    fn has_rotated_from(&self, secret: &SecretHash) -> bool {
        self.has_flag(layout::ROTATED)
            && self.tail_parts().previous.is_some_and(|previous| previous.hash == secret.beginning())
    }

    /// Returns a replaced secret, if the record still has it.
    fn find_replaced(&self, secret: &SecretHash) -> Option<Replaced> {
        if !self.has_flag(layout::RENEWED) {
            return None;
        }
        self.tail_parts().replaced_secrets().find(|replaced| replaced.hash == secret.beginning())
    }

    fn successor(&self) -> Option<Successor> {
        if self.has_flag(layout::ROTATING) { self.tail_parts().successor } else { None }
    }

    fn tail_parts(&self) -> Tail {
        Tail::read(&self.bytes)
    }

    fn has_flag(&self, flag: u8) -> bool {
        self.head()[layout::FLAGS] & flag != 0
    }

    /// Returns the record's first bytes, with its version and the nonce of its stamp.
    ///
    /// With a stamp, no two states of a session have the same mark.
    #[must_use]
    pub fn mark(&self) -> &[u8; Self::MARK_LENGTH] {
        self.bytes.first_chunk().expect("every record is checked or written by this module")
    }

    /// Returns the nonce of the record's stamp, or zero.
    #[must_use]
    pub fn nonce(&self) -> u32 {
        u32::from_le_bytes(layout::array(self.head(), layout::NONCE))
    }

    /// Returns the stamp of the store that wrote the record, if it has one.
    #[must_use]
    pub fn stamp(&self) -> Option<&[u8; Self::STAMP_LENGTH]> {
        self.bytes[layout::size(&self.bytes)..].first_chunk()
    }

    /// Returns what follows the entries and flashes: the times and secrets of a login, and the
    /// stamp.
    ///
    /// A store that keeps it with the head can write a touch or a renewal without the entries.
    #[must_use]
    pub fn tail(&self) -> &[u8] {
        &self.bytes[self.size()..]
    }

    /// Returns the length in bytes that counts for the limits: without the [`tail`](Self::tail), so
    /// that no limit stops a renewal.
    pub(crate) fn size(&self) -> usize {
        layout::slots_end(&self.bytes)
    }

    /// Returns the principal, if the session is signed in.
    #[must_use]
    pub fn principal(&self) -> Option<&str> {
        layout::principal(&self.bytes)
    }

    /// Returns whether the session is signed in.
    #[must_use]
    pub fn is_signed_in(&self) -> bool {
        self.has_flag(layout::SIGNED_IN)
    }

    /// Returns when the principal last proved who they are, if the session is signed in.
    #[must_use]
    pub fn signed_in_at(&self) -> Option<Timestamp> {
        self.tail_parts().signed_in_at
    }

    /// Returns an entry.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<Entry<'_>> {
        self.find(Scope::Entries, key.as_bytes())
    }

    /// Returns an entry or flash, without reading others.
    pub(crate) fn find(&self, scope: Scope, key: &[u8]) -> Option<Entry<'_>> {
        layout::find(&self.bytes, scope, key).map(|(entry, _)| entry)
    }

    /// Returns the value of a flash.
    #[must_use]
    pub fn flash(&self, key: &str) -> Option<&[u8]> {
        self.find(Scope::Flashes, key.as_bytes()).map(|flash| flash.value)
    }

    /// Returns the entries, in no particular order.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.slots(Scope::Entries)
    }

    /// Returns the keys and values of the flashes, in no particular order.
    pub fn flashes(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.slots(Scope::Flashes).map(|flash| (flash.key(), flash.value))
    }

    pub(crate) fn slots(&self, scope: Scope) -> impl Iterator<Item = Entry<'_>> {
        layout::slots(&self.bytes).filter(move |slot| slot.kind.scope() == scope)
    }

    /// Returns the number of entries and flashes.
    pub(crate) fn slot_count(&self) -> usize {
        layout::slot_count(&self.bytes)
    }

    fn timestamp(&self, at: usize) -> Timestamp {
        Timestamp::from_millis(layout::word(self.head(), at))
    }

    /// Returns the fixed part of the record.
    fn head(&self) -> &[u8; HEAD_LENGTH] {
        self.bytes.first_chunk().expect("every record is checked or written by this module")
    }
}

redacted!(Record { id(), created(), expires_at(), slot_count(), size() });

/// The error of bytes that are not a valid [`Record`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordError {
    /// The bytes are damaged.
    Corrupt,
    /// A newer build wrote the bytes. They are valid and must be left unchanged.
    NewerFormat,
}

impl RecordError {
    /// Returns the kind of [`StoreError`](crate::StoreError) that a store reports.
    #[must_use]
    pub const fn store_error_kind(self) -> StoreErrorKind {
        match self {
            Self::Corrupt => StoreErrorKind::Unreadable,
            Self::NewerFormat => StoreErrorKind::NewerFormat,
        }
    }
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Corrupt => "the record is damaged",
            Self::NewerFormat => "the record has a newer format than this build supports",
        })
    }
}

impl std::error::Error for RecordError {}

#[cfg(test)]
mod tests;
