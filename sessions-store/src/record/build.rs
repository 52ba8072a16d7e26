//! Building and writing records.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::apply::changed_slot;
use super::layout::{self, Entry, INDEX_LINE, Kind};
use super::lifetime::Lifetime;
use super::tail::{self, Tail};
use super::{Record, Refusal};
use crate::id::SessionId;
use crate::record::SecretHash;
use crate::record::changes::Changes;
use crate::timestamp::Timestamp;

/// A builder of the [`Record`] of a new session.
///
/// It sets no replaced secret and no successor: a store that keeps the parts of a record separately
/// keeps its [`tail`](Record::tail), too. No key may be added twice.
#[must_use]
pub struct RecordBuilder<'a> {
    head: Head<'a>,
    slots: Vec<NewSlot<'a>>,
}

/// The fixed part of a record, and its principal.
pub(super) struct Head<'a> {
    pub(super) id: SessionId,
    pub(super) created: Timestamp,
    pub(super) principal: Option<&'a str>,
    pub(super) state: HeadState,
    pub(super) tail: Tail,
}

/// The fields of the head that every commit may change without changing a length.
#[derive(Clone, Copy)]
pub(super) struct HeadState {
    pub(super) secret_hash: SecretHash,
    pub(super) last_seen: Timestamp,
    pub(super) version: u32,
    pub(super) lifetime: Lifetime,
}

/// A slot to write.
#[derive(Clone, Copy)]
pub(super) struct NewSlot<'a> {
    pub(super) kind: Kind,
    pub(super) key: &'a [u8],
    pub(super) value: NewValue<'a>,
}

#[derive(Clone, Copy)]
pub(super) enum NewValue<'a> {
    Bytes(&'a [u8]),
    Integer(i64),
}

impl<'a> From<Entry<'a>> for NewSlot<'a> {
    fn from(entry: Entry<'a>) -> Self {
        Self { kind: entry.kind, key: entry.key, value: NewValue::Bytes(entry.value) }
    }
}

impl<'a> RecordBuilder<'a> {
    /// Sets when the session was last seen.
    pub const fn last_seen(mut self, last_seen: Timestamp) -> Self {
        self.head.state.last_seen = last_seen;
        self
    }

    /// Sets the idle timeout, or `None` for none.
    pub fn idle(mut self, idle: Option<Duration>) -> Self {
        self.head.state.lifetime = self.head.state.lifetime.with_idle(idle);
        self
    }

    /// Sets the absolute deadline, or [`Timestamp::NEVER`] for none.
    pub const fn absolute_deadline(mut self, absolute: Timestamp) -> Self {
        self.head.state.lifetime = self.head.state.lifetime.with_absolute_deadline(absolute);
        self
    }

    /// Sets the timeouts, and whether the cookie persists.
    pub const fn lifetime(mut self, lifetime: Lifetime) -> Self {
        self.head.state.lifetime = lifetime;
        self
    }

    /// Sets the number of commits applied to the record.
    pub const fn version(mut self, version: u32) -> Self {
        self.head.state.version = version;
        self
    }

    /// Sets the principal, or `None` if the session is not signed in.
    pub const fn principal(mut self, principal: Option<&'a str>) -> Self {
        self.head.principal = principal;
        self
    }

    /// Sets when the principal last proved who they are.
    pub const fn signed_in_at(mut self, time: Option<Timestamp>) -> Self {
        self.head.tail.signed_in_at = time;
        self
    }

    /// Adds an entry.
    pub fn entry(self, key: &'a str, value: &'a [u8]) -> Self {
        self.slot(Kind::Plain, key, value)
    }

    /// Adds an immutable entry.
    pub fn immutable(self, key: &'a str, value: &'a [u8]) -> Self {
        self.slot(Kind::Immutable, key, value)
    }

    /// Adds a flash.
    pub fn flash(self, key: &'a str, value: &'a [u8]) -> Self {
        self.slot(Kind::Flash, key, value)
    }

    fn slot(mut self, kind: Kind, key: &'a str, value: &'a [u8]) -> Self {
        self.slots.push(NewSlot { kind, key: key.as_bytes(), value: NewValue::Bytes(value) });
        self
    }

    /// Builds the record.
    ///
    /// # Errors
    ///
    /// Returns [`TooLarge`](Refusal::TooLarge) if the record exceeds the limits of the format:
    /// 65,535 slots, keys of 65,535 bytes, and 4 GiB in total.
    pub fn build(self) -> Result<Record, Refusal> {
        write(&self.head, self.slots.iter().copied())
    }

    /// Builds the record with the entries and flashes that `changes` set, without the builder's.
    ///
    /// The limits, the requirements and the new secret, principal and lifetime of the changes are
    /// ignored.
    ///
    /// # Errors
    ///
    /// Same as [`build`](Self::build).
    pub fn build_with(self, changes: &Changes) -> Result<Record, Refusal> {
        write(&self.head, changes.edits.iter().filter_map(|edit| changed_slot(edit, None).ok().flatten()))
    }
}

impl fmt::Debug for RecordBuilder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordBuilder").field("id", &self.head.id).finish_non_exhaustive()
    }
}

/// Returns the number of bytes that a slot takes in a record.
pub(crate) const fn slot_size(key: &str, value: &[u8]) -> usize {
    INDEX_LINE + key.len() + value.len()
}

/// Writes a record. Iterates over the slots twice: to measure and to write.
pub(super) fn write<'a>(head: &Head<'_>, slots: impl Iterator<Item = NewSlot<'a>> + Clone) -> Result<Record, Refusal> {
    let principal = head.principal.unwrap_or_default();
    let index = layout::HEAD_LENGTH + principal.len();
    let (count, payload_length) =
        slots.clone().fold((0, 0), |(count, sum), slot| (count + 1, sum + slot.key.len() + slot.value.length()));
    let payload = index + count * INDEX_LINE;
    let end = payload + payload_length;
    let length = end + tail::length(head.tail.flags());
    let slot_count = u16::try_from(count).map_err(|_| Refusal::TooLarge)?;
    u32::try_from(length).map_err(|_| Refusal::TooLarge)?;

    // Written in place, since a vector would have to be copied into the `Arc`.
    let mut shared: Arc<[u8]> = std::iter::repeat_n(0, length).collect();
    let bytes = Arc::get_mut(&mut shared).expect("the new record is not shared yet");
    write_head(bytes, head, slot_count);
    bytes[layout::HEAD_LENGTH..index].copy_from_slice(principal.as_bytes());
    let (start, payloads) = bytes[..end].split_at_mut(payload);
    let mut end = 0;
    for (line, slot) in start[index..].chunks_exact_mut(INDEX_LINE).zip(slots) {
        let key_length = u16::try_from(slot.key.len()).map_err(|_| Refusal::TooLarge)?;
        end += write_payload(&mut payloads[end..], &slot);
        line[..4].copy_from_slice(&(end as u32).to_le_bytes());
        line[4..6].copy_from_slice(&key_length.to_le_bytes());
        line[6] = slot.kind as u8;
    }
    Ok(Record { bytes: shared })
}

fn write_head(bytes: &mut [u8], head: &Head<'_>, slot_count: u16) {
    let principal_length = head.principal.map_or(0, str::len) as u32;
    bytes[layout::FORMAT_AT] = layout::FORMAT;
    bytes[layout::FLAGS] = if head.principal.is_some() { layout::SIGNED_IN } else { 0 };
    put(bytes, layout::SLOT_COUNT, slot_count.to_le_bytes());
    put(bytes, layout::PRINCIPAL_LENGTH, principal_length.to_le_bytes());
    put(bytes, layout::ID, *head.id.as_bytes());
    put(bytes, layout::CREATED, head.created.as_millis().to_le_bytes());
    head.state.write(bytes);
    head.tail.write(bytes);
}

impl HeadState {
    #[inline]
    fn write(&self, bytes: &mut [u8]) {
        put(bytes, layout::SECRET_HASH, *self.secret_hash.as_bytes());
        put(bytes, layout::LAST_SEEN, self.last_seen.as_millis().to_le_bytes());
        put(bytes, layout::VERSION, self.version.to_le_bytes());
        put(bytes, layout::IDLE, self.lifetime.idle_millis.to_le_bytes());
        put(bytes, layout::ABSOLUTE, self.lifetime.absolute_deadline().as_millis().to_le_bytes());
        bytes[layout::FLAGS] &= !layout::PERSISTS;
        if self.lifetime.cookie_persists() {
            bytes[layout::FLAGS] |= layout::PERSISTS;
        }
    }
}

impl Record {
    /// Returns a builder of a record that was last seen at `created` and never expires.
    pub fn builder<'a>(id: SessionId, secret_hash: SecretHash, created: Timestamp) -> RecordBuilder<'a> {
        let state = HeadState { secret_hash, last_seen: created, version: 0, lifetime: Lifetime::ENDLESS };
        let head = Head { id, created, principal: None, state, tail: Tail::NONE };
        RecordBuilder { head, slots: Vec::new() }
    }

    /// Copies the record with a new head state, and a new tail if one is given, and lets `patch`
    /// overwrite values in place.
    ///
    /// Most commits need no more: a touch or a counter.
    pub(super) fn patched(&self, state: &HeadState, tail: Option<&Tail>, patch: impl FnOnce(&mut [u8])) -> Self {
        let mut shared: Arc<[u8]> = Arc::from(&self.bytes[..layout::size(&self.bytes)]);
        let bytes = Arc::get_mut(&mut shared).expect("the new record is not shared yet");
        bytes[layout::FLAGS] &= !layout::STAMPED;
        put(bytes, layout::NONCE, [0; 4]);
        state.write(bytes);
        if let Some(tail) = tail {
            tail.write(bytes);
        }
        patch(bytes);
        Self { bytes: shared }
    }

    /// Returns the record with a store's stamp in place of the one that it has.
    ///
    /// A store that replaces whole values compares [`mark`](Self::mark)s to find out whether a
    /// record is still the one that it read, and keeps in the stamp what it needs to know about the
    /// last writes. `nonce` must differ from that of every other write to the session. A stamp is
    /// not part of the session: the records that [`apply`](Self::apply) returns have none.
    #[must_use]
    pub fn stamped(&self, nonce: u32, stamp: &[u8; Self::STAMP_LENGTH]) -> Self {
        let own = &self.bytes[..layout::size(&self.bytes)];
        let mut shared: Arc<[u8]> = own.iter().chain(stamp).copied().collect();
        let bytes = Arc::get_mut(&mut shared).expect("the new record is not shared yet");
        bytes[layout::FLAGS] |= layout::STAMPED;
        put(bytes, layout::NONCE, nonce.to_le_bytes());
        Self { bytes: shared }
    }
}

fn put<const N: usize>(bytes: &mut [u8], at: usize, value: [u8; N]) {
    bytes[at..at + N].copy_from_slice(&value);
}

fn write_payload(out: &mut [u8], slot: &NewSlot<'_>) -> usize {
    let key_length = slot.key.len();
    out[..key_length].copy_from_slice(slot.key);
    let mut digits = itoa::Buffer::new();
    let value = slot.value.bytes(&mut digits);
    let length = key_length + value.len();
    out[key_length..length].copy_from_slice(value);
    length
}

impl NewValue<'_> {
    /// Returns the bytes of the value. Those of a number are written into `digits`.
    pub(super) fn bytes<'b>(&'b self, digits: &'b mut itoa::Buffer) -> &'b [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Integer(number) => digits.format(*number).as_bytes(),
        }
    }

    fn length(&self) -> usize {
        self.bytes(&mut itoa::Buffer::new()).len()
    }
}
