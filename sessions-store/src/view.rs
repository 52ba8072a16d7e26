//! A request's view of its session: the loaded record with the request's own writes on top.
//!
//! This is for `sessions-core`, as are a few methods of [`Record`], [`Changes`] and [`Limits`]. A
//! store needs none of it: it receives a request's changes when they are committed.

pub use crate::record::{HeadChanges, NewSecret, Scope, Scratch};

use std::fmt;

use crate::record::{self, Change, Changes, Edits, Entry, Limits, Record, SecretHash, Verb};
use crate::timestamp::Timestamp;

/// A request's view of its session: the loaded record with the request's own writes on top.
///
/// ```
/// use sessions_store::view::{Scope, View, Write};
/// use sessions_store::{Limits, Record, SecretHash, SessionId, Timestamp};
///
/// let (id, secret, now) = (SessionId::from_bytes([1; 16]), SecretHash::from_bytes([2; 32]), Timestamp::from_millis(0));
/// let record = Record::builder(id, secret, now).entry("visits", b"1").build()?;
///
/// let mut view = View::default();
/// view.rebase(Some(record.clone()));
/// assert_eq!(view.increment("visits", 1, &Limits::default())?, 2);
/// view.set(Write::Entry, "theme", b"\"dark\"", &Limits::default())?;
/// assert_eq!(view.slots(Scope::Entries).count(), 2);
///
/// let changes = view.take_changes(now, secret, None, Limits::default());
/// assert!(!view.is_edited());
/// assert_eq!(record.apply(&changes)?.entries().count(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct View {
    base: Option<Record>,
    edits: Edits,
    /// What [`measure`](Self::measure) returns, if known.
    measured: Option<(usize, usize)>,
}

impl View {
    /// Returns the record below the writes, if the session is stored.
    #[must_use]
    pub const fn base(&self) -> Option<&Record> {
        self.base.as_ref()
    }

    /// Returns whether the request has unsaved writes, or has read flashes.
    #[must_use]
    pub const fn is_edited(&self) -> bool {
        !self.edits.is_empty()
    }

    /// Returns whether the request has unsaved writes. Reading a flash is not one.
    #[must_use]
    pub fn has_writes(&self) -> bool {
        self.edits.has_writes()
    }

    /// Returns whether the request has written to an entry, so that the record's is out of date.
    #[must_use]
    pub fn hides_entry(&self, key: &str) -> bool {
        self.edits.hides_entry(key)
    }

    /// Takes all writes out for a commit.
    #[inline]
    pub fn take_changes(
        &mut self,
        now: Timestamp,
        expected_secret: SecretHash,
        head: Option<Box<HeadChanges>>,
        limits: Limits,
    ) -> Changes {
        let edits = std::mem::take(self.edits_mut());
        Changes { now, expected_secret, head, limits, edits }
    }

    /// Takes only the increment of one entry out for a commit, if there is one.
    pub fn take_increment(
        &mut self,
        key: &str,
        now: Timestamp,
        expected_secret: SecretHash,
        limits: Limits,
    ) -> Option<Changes> {
        let edits = self.edits_mut().take_increment(key)?;
        Some(Changes { now, expected_secret, head: None, limits, edits })
    }

    /// Discards all writes.
    pub fn discard(&mut self) {
        *self.edits_mut() = Edits::default();
    }

    /// Returns the edits to change, and forgets what the view measures.
    const fn edits_mut(&mut self) -> &mut Edits {
        self.measured = None;
        &mut self.edits
    }

    /// Puts the writes of a failed commit back, below newer ones. Returns what else it changed.
    #[must_use]
    pub fn restore(&mut self, failed: Changes) -> Option<Box<HeadChanges>> {
        let newer = std::mem::replace(self.edits_mut(), failed.edits);
        self.edits.merge(&newer);
        failed.head
    }

    /// Sets the entries of another record that the request has not written to, and adds to those
    /// that it increments.
    pub fn copy_entries(&mut self, record: &Record) {
        self.edits_mut().copy_entries(record);
    }

    /// Replaces the record below the edits.
    pub fn rebase(&mut self, base: Option<Record>) {
        (self.base, self.measured) = (base, None);
    }

    /// Returns the size in bytes and the number of entries and flashes with the edits applied.
    fn measure(&self) -> (usize, usize) {
        if let Some(measured) = self.measured {
            return measured;
        }
        if self.edits.is_empty() {
            let record = self.base.as_ref();
            return record.map_or((record::HEAD_LENGTH, 0), |record| (record.size(), record.slot_count()));
        }
        let principal = self.base.as_ref().and_then(Record::principal).map_or(0, str::len);
        self.slots(Scope::Entries)
            .chain(self.slots(Scope::Flashes))
            .map(|(key, value)| record::slot_size(key, value))
            .fold((record::HEAD_LENGTH + principal, 0), |(size, count), slot| (size + slot, count + 1))
    }

    /// Finds an entry or flash.
    #[must_use]
    pub fn find(&self, scope: Scope, key: &str) -> Option<Entry<'_>> {
        self.seen(scope, key, self.edits.find(scope, key.as_bytes()))
    }

    /// Returns an entry or flash, given the request's edit of it.
    #[inline]
    fn seen<'a>(&'a self, scope: Scope, key: &str, edit: Option<Change<'a>>) -> Option<Entry<'a>> {
        match edit {
            Some(edit) => edit.seen(),
            None if self.edits.clears(scope) => None,
            None => self.base.as_ref()?.find(scope, key.as_bytes()),
        }
    }

    /// Iterates over the keys and values of the entries or flashes.
    pub fn slots(&self, scope: Scope) -> impl Iterator<Item = (&str, &[u8])> {
        let base = self.base.iter().filter(move |_| !self.edits.clears(scope));
        let kept = base.flat_map(move |record| record.slots(scope));
        let kept = kept.filter(move |entry| self.edits.find(scope, entry.key).is_none());
        kept.chain(self.edits.of(scope).filter_map(Change::seen)).map(|entry| (entry.key(), entry.value))
    }

    /// Sets an entry or flash; setting an entry to an equal value changes nothing.
    ///
    /// # Errors
    ///
    /// Returns [`Immutable`](WriteError::Immutable), [`TooLarge`](WriteError::TooLarge) or
    /// [`TooManyKeys`](WriteError::TooManyKeys), and changes nothing.
    pub fn set(&mut self, write: Write, key: &str, value: &[u8], limits: &Limits) -> Result<(), WriteError> {
        let (scope, is_immutable) = (write.scope(), write == Write::Immutable);
        let position = self.edits.position(scope, key.as_bytes());
        let edit = self.edits.at(position);
        let old = self.seen(scope, key, edit);
        // An equal flash is set again: another request may have read the stored one. So is a value
        // after an increment: the store may hold another value to add to.
        let may_keep = scope == Scope::Entries && edit.is_none_or(|edit| edit.verb != Verb::Increment);
        match old {
            Some(seen) if seen.is_immutable() && !is_immutable => {
                return Err(WriteError::Immutable);
            }
            Some(seen) if may_keep && seen.is_immutable() == is_immutable && seen.value == value => return Ok(()),
            _ => {}
        }
        let old = old.map(|seen| seen.value.len());
        let verb = match (write, edit) {
            (Write::Entry, Some(edit)) => edit.verb.then_set(),
            _ => write.verb(),
        };
        self.put(position, Change { verb, key: key.as_bytes(), value, by: 0 }, old, limits)
    }

    /// Adds to an entry and returns the sum that the request sees. The store adds to its own value.
    ///
    /// # Errors
    ///
    /// Returns [`NotANumber`](WriteError::NotANumber), or an error as [`set`](Self::set) does.
    pub fn increment(&mut self, key: &str, by: i64, limits: &Limits) -> Result<i64, WriteError> {
        let position = self.edits.position(Scope::Entries, key.as_bytes());
        let edit = self.edits.at(position);
        let (verb, by_all) = match edit {
            // The request set or removed the entry, so the sum is known and is set as a value.
            Some(edit) if edit.verb != Verb::Increment => (edit.verb.then_set(), Some(0)),
            Some(edit) => (Verb::Increment, edit.by.checked_add(by)),
            None => (Verb::Increment, Some(by)),
        };
        let old = self.seen(Scope::Entries, key, edit);
        if old.is_some_and(|seen| seen.is_immutable()) {
            return Err(WriteError::Immutable);
        }
        let by_all = by_all.ok_or(WriteError::NotANumber)?;
        let sum = record::add(old.map(|seen| seen.value), by).ok_or(WriteError::NotANumber)?;
        let old_length = old.map(|seen| seen.value.len());
        let mut text = itoa::Buffer::new();
        let text = text.format(sum).as_bytes();
        self.put(position, Change { verb, key: key.as_bytes(), value: text, by: by_all }, old_length, limits)?;
        Ok(sum)
    }

    /// Removes an entry or flash, and returns whether it existed.
    pub fn remove(&mut self, scope: Scope, key: &str) -> bool {
        let Some(old) = self.find(scope, key).map(|seen| seen.value.len()) else {
            return false;
        };
        let verb = match scope {
            Scope::Entries => Verb::Remove,
            Scope::Flashes => Verb::RemoveFlash,
        };
        let (size, count) = self.measure();
        self.measured = Some((size - (record::INDEX_LINE + key.len() + old), count - 1));
        self.edits.put(verb, key, b"", 0);
        true
    }

    /// Removes all entries, or all flashes.
    pub fn clear(&mut self, scope: Scope) {
        if self.slots(scope).next().is_some() {
            self.edits_mut().clear(scope);
        }
    }

    /// Marks a flash as read: this request still sees it, the next one does not.
    pub fn consume_flash(&mut self, key: &str) {
        let verb = match self.edits.find(Scope::Flashes, key.as_bytes()).map(|edit| edit.verb) {
            None => Verb::ConsumeFlash,
            Some(Verb::SetFlash) => Verb::SpendFlash,
            Some(_) => return,
        };
        if let Some(value) = self.find(Scope::Flashes, key).map(|seen| seen.value.to_vec()) {
            self.edits.put(verb, key, &value, 0);
        }
    }

    /// Clears entries and flashes, which belong to another principal.
    pub fn clear_all(&mut self) {
        self.edits_mut().clear(Scope::Entries);
        self.edits.clear(Scope::Flashes);
    }

    /// Returns whether the session has an entry or flash after this request: one that the request
    /// has not both set and read.
    #[must_use]
    pub fn would_store(&self) -> bool {
        self.measure().1 > self.edits.count(Verb::SpendFlash)
    }

    /// Returns whether there is any entry.
    #[must_use]
    pub fn has_entries(&self) -> bool {
        self.slots(Scope::Entries).next().is_some()
    }

    /// Checks whether the entry may be set to this value. How many keys the request writes to does
    /// not matter.
    ///
    /// # Errors
    ///
    /// Returns [`Immutable`](WriteError::Immutable) or [`TooLarge`](WriteError::TooLarge).
    pub fn check_set(&self, key: &str, value: &[u8], limits: &Limits) -> Result<(), WriteError> {
        let old = self.find(Scope::Entries, key);
        if old.is_some_and(|seen| seen.is_immutable()) {
            return Err(WriteError::Immutable);
        }
        self.grown(key.len(), old.map(|seen| seen.value.len()), value.len(), limits)
            .map(drop)
            .ok_or(WriteError::TooLarge)
    }

    /// Adds an edit at its key's position, unless that exceeds a limit. `old` is the length of the
    /// value before.
    ///
    /// Removals need no limit: each is of a key in the record or replaces another edit.
    fn put(
        &mut self,
        position: Result<usize, usize>,
        edit: Change<'_>,
        old: Option<usize>,
        limits: &Limits,
    ) -> Result<(), WriteError> {
        if self.edits.len() >= limits.edits() && position.is_err() {
            return Err(WriteError::TooManyKeys);
        }
        let grown = self.grown(edit.key.len(), old, edit.value.len(), limits).ok_or(WriteError::TooLarge)?;
        self.measured = Some(grown);
        self.edits.put_at(position, edit);
        Ok(())
    }

    /// Returns what the view measures with a value of another length, unless that exceeds a limit.
    fn grown(&self, key: usize, old: Option<usize>, new: usize, limits: &Limits) -> Option<(usize, usize)> {
        let (old_size, old_count) = self.measure();
        let freed = old.map_or(0, |length| record::INDEX_LINE + key + length);
        let size = old_size - freed + record::INDEX_LINE + key + new;
        let count = old_count + usize::from(old.is_none());
        let fits = size <= limits.bytes() && count <= limits.keys() && key <= usize::from(u16::MAX);
        if !fits && size > old_size {
            return None;
        }
        Some((size, count))
    }
}

/// What [`View::set`] writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a record has no other slots")]
pub enum Write {
    /// A plain entry.
    Entry,
    /// An immutable entry.
    Immutable,
    /// A flash.
    Flash,
}

impl Write {
    const fn scope(self) -> Scope {
        match self {
            Self::Entry | Self::Immutable => Scope::Entries,
            Self::Flash => Scope::Flashes,
        }
    }

    const fn verb(self) -> Verb {
        match self {
            Self::Entry => Verb::Set,
            Self::Immutable => Verb::SetImmutable,
            Self::Flash => Verb::SetFlash,
        }
    }
}

/// Why a request's write is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the caller answers each in its own way")]
pub enum WriteError {
    /// The entry is immutable.
    Immutable,
    /// The entry is not an integer, or the sum would be outside the range of `i64`.
    NotANumber,
    /// The record would exceed its limits.
    TooLarge,
    /// The request writes to more keys than the limits allow.
    TooManyKeys,
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Immutable => "the entry is immutable",
            Self::NotANumber => "the entry is not an integer, or the sum is out of range",
            Self::TooLarge => "the record would exceed its limits",
            Self::TooManyKeys => "the request writes to too many keys",
        })
    }
}

impl std::error::Error for WriteError {}

#[cfg(test)]
mod tests;
