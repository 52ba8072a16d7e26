//! What a store keeps of a session.

mod apply;
mod build;
mod changes;
mod codec;
pub(crate) mod integer;
mod layout;
mod limits;
mod scratch;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use apply::Refusal;
pub(crate) use apply::add;
pub(crate) use build::slot_size;
pub use build::{RecordBuilder, RecordTooLarge};
pub use changes::{Change, Changes};
pub use codec::Codec;
pub use limits::Limits;

pub(crate) use changes::{Edit, Edits, Scope, Verb};
pub(crate) use codec::Values;
pub(crate) use limits::LONGEST_PRINCIPAL;
pub(crate) use scratch::Scratch;

pub(crate) use layout::{HEAD_LENGTH, INDEX_LINE};

use crate::cookie::SecretHash;
use crate::error::StoreErrorKind;
use crate::id::SessionId;
use crate::platform::{CLOCK_TOLERANCE, Timestamp};
use layout::Kind;
pub(crate) use layout::Space;

/// Is what a store keeps of a session: its id, the hash of its secret, its times, its principal,
/// its entries and flashes.
///
/// A record is immutable and cheap to clone: one allocation that all its readers share. A commit
/// makes a new one with [`Record::apply`]. Its bytes ([`as_bytes`](Self::as_bytes),
/// [`decode`](Self::decode)) are a versioned format, so a store may keep them as they are; they
/// carry no checksum, which is for the store to add where its engine has none.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    bytes: Arc<[u8]>,
}

impl Record {
    /// Begins a record that was last seen when it was created and never expires, to be given
    /// entries and limits.
    pub fn builder<'a>(id: SessionId, secret_hash: SecretHash, created: Timestamp) -> RecordBuilder<'a> {
        RecordBuilder::new(id, secret_hash, created)
    }

    /// Reads a record from its bytes, checking every length in them, every kind and every text. Not
    /// all damage shows: in a value, a time or a byte that the format does not use, any bits are
    /// sound.
    ///
    /// # Errors
    ///
    /// Returns [`RecordError::NewerFormat`] for a format that this build does not know, which must
    /// be left as it is, and [`RecordError::Corrupt`] for bytes that fail any other check.
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

    /// Returns the public name of the session.
    #[must_use]
    pub fn id(&self) -> SessionId {
        SessionId::from_bytes(layout::array(self.head(), layout::ID))
    }

    /// Returns the hash of the secret that opens the session.
    #[must_use]
    pub fn secret_hash(&self) -> SecretHash {
        SecretHash::from_bytes(layout::array(self.head(), layout::SECRET_HASH))
    }

    /// Returns when the session was first stored.
    #[must_use]
    pub fn created(&self) -> Timestamp {
        self.timestamp(layout::CREATED)
    }

    /// Returns when the session was last seen, as exactly as touches are written.
    #[must_use]
    pub fn last_seen(&self) -> Timestamp {
        self.timestamp(layout::LAST_SEEN)
    }

    /// Returns how long the session lives without being seen, `None` for ever.
    #[must_use]
    pub fn idle(&self) -> Option<Duration> {
        match self.idle_millis() {
            layout::NO_LIMIT => None,
            millis => Some(Duration::from_millis(millis)),
        }
    }

    /// Returns the idle limit, all ones for none.
    pub(crate) fn idle_millis(&self) -> u64 {
        layout::word(self.head(), layout::IDLE)
    }

    /// Returns the moment past which no activity carries the session, [`Timestamp::NEVER`] if there
    /// is none.
    #[must_use]
    pub fn absolute_deadline(&self) -> Timestamp {
        self.timestamp(layout::ABSOLUTE)
    }

    /// Returns the moment at which the session ends unless it is seen before.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        let idle_deadline = self.last_seen().as_millis().saturating_add(self.idle_millis());
        Timestamp::from_millis(idle_deadline).min(self.absolute_deadline())
    }

    /// Returns whether the session's time is over at `now`, so that a sweep may remove it.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        now >= self.expires_at()
    }

    /// Returns whether the session is alive at `now`. An expired record is dead, even where its
    /// bytes still exist.
    ///
    /// So is one that was last seen more than five minutes after `now`: whoever wrote it had a
    /// wrong clock, and it would live for as long as that clock was ahead. Five minutes are more
    /// than the clocks of synchronized machines differ. It is not swept before its time, since the
    /// clock may be this machine's that is wrong.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        !self.has_expired(now) && self.last_seen() <= now.after(CLOCK_TOLERANCE)
    }

    /// Returns how many commits the record has seen.
    #[must_use]
    pub fn version(&self) -> u64 {
        layout::word(self.head(), layout::VERSION)
    }

    /// Returns who is signed in, if anybody.
    #[must_use]
    pub fn principal(&self) -> Option<&str> {
        layout::principal(&self.bytes)
    }

    /// Returns whether anybody is signed in.
    pub(crate) fn is_signed_in(&self) -> bool {
        self.head()[layout::SIGNED_IN] != 0
    }

    /// Returns the value of an entry.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<Entry<'_>> {
        self.entries().find(|entry| entry.key == key)
    }

    /// Returns the value of an entry and whether it is immutable, without reading any other.
    pub(crate) fn entry_value(&self, key: &str) -> Option<(&[u8], bool)> {
        let (kind, value) = layout::find(&self.bytes, Space::Entries, key.as_bytes())?;
        Some((&self.bytes[value], kind == Kind::Immutable))
    }

    /// Returns the value of a flash.
    #[must_use]
    pub fn flash(&self, key: &str) -> Option<&[u8]> {
        layout::find(&self.bytes, Space::Flashes, key.as_bytes()).map(|(_, value)| &self.bytes[value])
    }

    /// Returns the entries, in no particular order.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        layout::slots(&self.bytes).filter(|slot| slot.kind.space() == Space::Entries).map(Entry::from_slot)
    }

    /// Returns the keys and values of the flashes, in no particular order.
    pub fn flashes(&self) -> impl Iterator<Item = (&str, &[u8])> {
        layout::slots(&self.bytes)
            .filter(|slot| slot.kind.space() == Space::Flashes)
            .map(|slot| (slot.key_text(), slot.value))
    }

    /// Returns how many entries and flashes there are.
    #[must_use]
    pub(crate) fn slot_count(&self) -> usize {
        layout::slot_count(&self.bytes)
    }

    fn timestamp(&self, at: usize) -> Timestamp {
        Timestamp::from_millis(layout::word(self.head(), at))
    }

    /// Returns the part that every record has, in which a reader need not look at the length.
    fn head(&self) -> &[u8; HEAD_LENGTH] {
        self.bytes.first_chunk().expect("records are checked or written here")
    }
}

/// Shows names and sizes, never the values or the secret's hash.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("id", &self.id())
            .field("created", &self.created())
            .field("expires_at", &self.expires_at())
            .field("slots", &self.slot_count())
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// Is one entry of a [`Record`].
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    key: &'a str,
    value: &'a [u8],
    immutable: bool,
}

impl<'a> Entry<'a> {
    fn from_slot(slot: layout::Slot<'a>) -> Self {
        Self { key: slot.key_text(), value: slot.value, immutable: slot.kind == Kind::Immutable }
    }

    /// Returns the entry's key.
    #[must_use]
    pub const fn key(&self) -> &'a str {
        self.key
    }

    /// Returns the entry's value, as the codec wrote it.
    #[must_use]
    pub const fn value(&self) -> &'a [u8] {
        self.value
    }

    /// Says whether a plain set may not replace the entry.
    #[must_use]
    pub const fn is_immutable(&self) -> bool {
        self.immutable
    }
}

/// Shows the key, never the value.
impl fmt::Debug for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("key", &self.key).finish_non_exhaustive()
    }
}

/// Says why bytes are not a [`Record`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordError {
    /// The bytes are damaged.
    Corrupt,
    /// The bytes were written by a newer build. They are sound, and must be left as they are.
    NewerFormat,
}

impl RecordError {
    /// Returns the kind of error by which a store tells of such a record.
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
