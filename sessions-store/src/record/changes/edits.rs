//! A request's edits, at most one per key and scope.

use std::cmp::Ordering;
use std::fmt;

use crate::record::layout::Kind;
use crate::record::scratch::Scratch;
use crate::record::{self, Entry, Record, Scope};

/// A list of edits, at most one per key and scope.
#[derive(Clone, Default)]
pub(crate) struct Edits {
    /// For each [`Scope`], whether it is cleared before the edits are applied.
    clears: [bool; 2],
    /// Sorted by scope and key, requirements first, once it is longer than [`LINEAR_SEARCH`].
    list: Vec<Stored>,
}

/// A change to one key of a record, or a requirement of it.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change<'a> {
    /// What is done to the entry or flash.
    pub verb: Verb,
    /// The key. It is UTF-8, but checked only when needed as text.
    pub(crate) key: &'a [u8],
    /// The new value, the one that is required, or the one that was read; empty if there is none.
    ///
    /// For an increment it is the sum as the request sees it.
    pub value: &'a [u8],
    /// The number that an increment adds.
    pub by: i64,
}

/// An edit as stored in the list.
#[derive(Clone)]
struct Stored {
    verb: Verb,
    by: i64,
    key_length: u32,
    text: Scratch<INLINE>,
}

/// Maximum bytes of key and value stored without an allocation. Most values are short.
const INLINE: usize = 48;

/// Maximum number of edits in an unsorted list.
///
/// Few requests write to more keys, and sorting a shorter list costs more than it saves.
const LINEAR_SEARCH: usize = 16;

/// Initial capacity of the list.
const INITIAL_CAPACITY: usize = 4;

/// What a [`Change`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verb {
    /// Requires an entry to have the value. Otherwise nothing is applied.
    Require,
    /// Requires an entry to be absent. Otherwise nothing is applied.
    RequireAbsent,
    /// Sets an entry. If the existing entry is immutable, nothing is applied.
    Set,
    /// Sets an entry that the same request has removed, even if it was immutable.
    Replace,
    /// Sets an entry and makes it immutable, even if it was immutable before.
    SetImmutable,
    /// Removes an entry, if it exists.
    Remove,
    /// Adds to an entry with a decimal integer; a missing entry counts as 0.
    ///
    /// If the entry is not an integer, is immutable, or the sum would be outside the range of
    /// `i64`, nothing is applied.
    Increment,
    /// Sets a flash.
    SetFlash,
    /// Removes a flash, if it exists.
    RemoveFlash,
    /// Removes a flash that was read, unless its value has changed since.
    ConsumeFlash,
    /// Removes a flash that the same request has set and read.
    SpendFlash,
}

impl Verb {
    /// Returns what is changed, or `None` for a requirement.
    pub(crate) const fn scope(self) -> Option<Scope> {
        match self {
            Self::Require | Self::RequireAbsent => None,
            Self::Set | Self::Replace | Self::SetImmutable | Self::Remove | Self::Increment => Some(Scope::Entries),
            Self::SetFlash | Self::RemoveFlash | Self::ConsumeFlash | Self::SpendFlash => Some(Scope::Flashes),
        }
    }

    /// Returns the verb of a later set of the same entry.
    pub(crate) const fn then_set(self) -> Self {
        if matches!(self, Self::Remove | Self::Replace) { Self::Replace } else { Self::Set }
    }
}

impl<'a> Change<'a> {
    /// Returns the key of the entry or flash.
    #[must_use]
    pub fn key(&self) -> &'a str {
        std::str::from_utf8(self.key).expect("keys are copied from strings")
    }

    /// Returns the entry or flash that the request sees after the change.
    pub(crate) fn seen(self) -> Option<Entry<'a>> {
        let kind = match self.verb {
            Verb::Set | Verb::Replace | Verb::Increment => Kind::Plain,
            Verb::SetImmutable => Kind::Immutable,
            Verb::SetFlash | Verb::ConsumeFlash | Verb::SpendFlash => Kind::Flash,
            Verb::Require | Verb::RequireAbsent | Verb::Remove | Verb::RemoveFlash => return None,
        };
        Some(Entry { kind, key: self.key, value: self.value })
    }
}

impl Stored {
    fn new(edit: &Change<'_>) -> Self {
        let mut text = Scratch::default();
        text.extend(edit.key);
        text.extend(edit.value);
        // A longer key fits into no record.
        Self { verb: edit.verb, by: edit.by, key_length: edit.key.len() as u32, text }
    }

    fn key(&self) -> &[u8] {
        &self.text.as_slice()[..self.key_length as usize]
    }

    fn as_change(&self) -> Change<'_> {
        let (key, value) = self.text.as_slice().split_at(self.key_length as usize);
        Change { verb: self.verb, key, value, by: self.by }
    }

    fn matches(&self, scope: Option<Scope>, key: &[u8]) -> bool {
        self.key_length as usize == key.len() && self.verb.scope() == scope && self.key() == key
    }

    /// Orders edits by scope, requirements first (`None`), and key.
    fn compare(&self, scope: Option<Scope>, key: &[u8]) -> Ordering {
        self.verb.scope().cmp(&scope).then_with(|| self.key().cmp(key))
    }

    fn replace(&mut self, verb: Verb, value: &[u8], by: i64) {
        (self.verb, self.by) = (verb, by);
        self.text.truncate(self.key_length as usize);
        self.text.extend(value);
    }
}

impl Edits {
    /// Returns whether a scope is cleared before the edits are applied.
    pub(crate) const fn clears(&self, scope: Scope) -> bool {
        self.clears[scope as usize]
    }

    /// Returns whether any scope is cleared.
    pub(crate) const fn clears_any(&self) -> bool {
        self.clears(Scope::Entries) || self.clears(Scope::Flashes)
    }

    /// Returns whether applying the edits is a no-op.
    pub(crate) const fn is_empty(&self) -> bool {
        self.list.is_empty() && !self.clears_any()
    }

    pub(crate) const fn len(&self) -> usize {
        self.list.len()
    }

    /// Returns whether there are edits other than consumed flashes.
    pub(crate) fn has_writes(&self) -> bool {
        self.clears_any() || self.list.iter().any(|edit| edit.verb != Verb::ConsumeFlash)
    }

    pub(crate) fn count(&self, verb: Verb) -> usize {
        self.list.iter().filter(|edit| edit.verb == verb).count()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Change<'_>> + Clone {
        self.list.iter().map(Stored::as_change)
    }

    /// Iterates over the edits in one scope.
    pub(crate) fn of(&self, scope: Scope) -> impl Iterator<Item = Change<'_>> {
        self.list.iter().filter(move |edit| edit.verb.scope() == Some(scope)).map(Stored::as_change)
    }

    /// Iterates over the requirements.
    pub(crate) fn requirements(&self) -> impl Iterator<Item = Change<'_>> {
        self.list.iter().filter(|edit| edit.verb.scope().is_none()).map(Stored::as_change)
    }

    pub(crate) fn find(&self, scope: impl Into<Option<Scope>>, key: &[u8]) -> Option<Change<'_>> {
        self.at(self.position(scope, key))
    }

    /// Returns the edit at a position returned by [`position`](Self::position), if there is one.
    pub(crate) fn at(&self, position: Result<usize, usize>) -> Option<Change<'_>> {
        position.ok().map(|at| self.list[at].as_change())
    }

    /// Returns whether the edits hide the record's entry from the request.
    pub(crate) fn hides_entry(&self, key: &str) -> bool {
        self.clears(Scope::Entries) || self.position(Scope::Entries, key.as_bytes()).is_ok()
    }

    /// Takes out the increment of an entry of the record, if there is one.
    pub(crate) fn take_increment(&mut self, key: &str) -> Option<Self> {
        let at = self.position(Scope::Entries, key.as_bytes()).ok()?;
        let is_pending = self.list[at].verb == Verb::Increment && !self.clears(Scope::Entries);
        is_pending.then(|| Self { list: vec![self.list.remove(at)], ..Self::default() })
    }

    /// Returns the position of a key's edit, or where to insert it.
    #[inline]
    pub(crate) fn position(&self, scope: impl Into<Option<Scope>>, key: &[u8]) -> Result<usize, usize> {
        // Most requests only read.
        if self.list.is_empty() { Err(0) } else { self.search(scope.into(), key) }
    }

    fn search(&self, scope: Option<Scope>, key: &[u8]) -> Result<usize, usize> {
        if self.list.len() <= LINEAR_SEARCH {
            return self.list.iter().position(|edit| edit.matches(scope, key)).ok_or(self.list.len());
        }
        self.list.binary_search_by(|edit| edit.compare(scope, key))
    }

    /// Adds an edit, replacing the key's previous one.
    pub(crate) fn put(&mut self, verb: Verb, key: &str, value: &[u8], by: i64) {
        self.put_at(self.position(verb.scope(), key.as_bytes()), Change { verb, key: key.as_bytes(), value, by });
    }

    /// Adds an edit at the position of its key.
    pub(crate) fn put_at(&mut self, position: Result<usize, usize>, edit: Change<'_>) {
        match position {
            Ok(at) => self.list[at].replace(edit.verb, edit.value, edit.by),
            Err(at) => self.insert(at, Stored::new(&edit)),
        }
    }

    fn insert(&mut self, at: usize, edit: Stored) {
        if self.list.capacity() == 0 {
            self.list.reserve_exact(INITIAL_CAPACITY);
        }
        if self.list.len() > LINEAR_SEARCH {
            self.list.insert(at, edit);
            return;
        }
        self.list.push(edit);
        if self.list.len() > LINEAR_SEARCH {
            self.list.sort_unstable_by(|one, other| one.compare(other.verb.scope(), other.key()));
        }
    }

    pub(crate) fn require(&mut self, key: &str, value: Option<&[u8]>) {
        let verb = if value.is_some() { Verb::Require } else { Verb::RequireAbsent };
        self.put(verb, key, value.unwrap_or_default(), 0);
    }

    /// Merges newer edits into these. The values of the newer edits already include these.
    pub(crate) fn merge(&mut self, newer: &Self) {
        for scope in [Scope::Entries, Scope::Flashes] {
            if newer.clears(scope) {
                self.clear(scope);
            }
        }
        for edit in newer.iter() {
            let old = self.find(edit.verb.scope(), edit.key);
            let (verb, by) = match (old.map(|old| (old.verb, old.by)), edit.verb) {
                (Some((Verb::Increment, by)), Verb::Increment) => (Verb::Increment, by.saturating_add(edit.by)),
                (Some((old, _)), Verb::Set | Verb::Increment) => (old.then_set(), 0),
                (Some((Verb::SetFlash, _)), Verb::ConsumeFlash) => (Verb::SpendFlash, 0),
                (_, verb) => (verb, edit.by),
            };
            self.put(verb, edit.key(), edit.value, by);
        }
    }

    /// Sets the entries of a record that have no edit, and adds to those that are incremented.
    pub(crate) fn copy_entries(&mut self, record: &Record) {
        if self.clears(Scope::Entries) {
            return;
        }
        for entry in record.entries() {
            let key = entry.key().as_bytes();
            let position = self.position(Scope::Entries, key);
            match self.at(position).map(|edit| (edit.verb, edit.by)) {
                None => {
                    let verb = if entry.is_immutable() { Verb::SetImmutable } else { Verb::Set };
                    self.put_at(position, Change { verb, key, value: entry.value(), by: 0 });
                }
                Some((Verb::Increment, by)) => {
                    if let Some(sum) = record::add(Some(entry.value()), by) {
                        let mut digits = itoa::Buffer::new();
                        let value = digits.format(sum).as_bytes();
                        self.put_at(position, Change { verb: Verb::Increment, key, value, by: sum });
                    }
                }
                Some(_) => {}
            }
        }
    }

    /// Clears a scope and discards its earlier edits.
    pub(crate) fn clear(&mut self, scope: Scope) {
        self.clears[scope as usize] = true;
        self.list.retain(|edit| edit.verb.scope() != Some(scope));
    }
}

/// Shows the verb and the key, never values.
impl fmt::Debug for Change<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {{ key: {:?}, .. }}", self.verb, self.key())
    }
}

/// Shows the changes without values.
impl fmt::Debug for Edits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change<'a>(verb: Verb, key: &'a str, value: &'a [u8]) -> Change<'a> {
        Change { verb, key: key.as_bytes(), value, by: 0 }
    }

    #[test]
    fn a_key_has_one_edit_per_scope() {
        let mut edits = Edits::default();
        edits.put(Verb::Set, "a", b"1", 0);
        edits.put(Verb::SetFlash, "a", b"2", 0);
        edits.put(Verb::Remove, "a", b"", 0);
        let changes: Vec<_> = edits.iter().collect();
        assert!(changes == [change(Verb::Remove, "a", b""), change(Verb::SetFlash, "a", b"2")], "{changes:?}");
    }

    #[test]
    fn newer_edits_are_merged_into_older() {
        let put = |list: &[(Verb, &str, &[u8], i64)]| {
            let mut edits = Edits::default();
            list.iter().for_each(|(verb, key, value, by)| edits.put(*verb, key, value, *by));
            edits
        };
        let all = |edits: &Edits| {
            let list = edits.iter().map(|edit| (edit.verb, edit.key.to_vec(), edit.value.to_vec(), edit.by));
            list.collect::<Vec<_>>()
        };
        let mut edits = put(&[
            (Verb::Set, "kept", b"1", 0),
            (Verb::Set, "set", b"1", 0),
            (Verb::Increment, "sum", b"5", 2),
            (Verb::Set, "number", b"1", 0),
            (Verb::Remove, "gone", b"", 0),
            (Verb::SetFlash, "flash", b"1", 0),
        ]);
        edits.merge(&put(&[
            (Verb::Set, "set", b"2", 0),
            (Verb::Increment, "sum", b"8", 3),
            (Verb::Increment, "number", b"4", 3),
            (Verb::Increment, "gone", b"1", 1),
            (Verb::ConsumeFlash, "flash", b"1", 0),
            (Verb::Remove, "new", b"", 0),
        ]));
        let expected = put(&[
            (Verb::Set, "kept", b"1", 0),
            (Verb::Set, "set", b"2", 0),
            (Verb::Increment, "sum", b"8", 5),
            (Verb::Set, "number", b"4", 0),
            (Verb::Replace, "gone", b"1", 0),
            (Verb::SpendFlash, "flash", b"1", 0),
            (Verb::Remove, "new", b"", 0),
        ]);
        assert_eq!(all(&edits), all(&expected));

        let mut cleared = Edits::default();
        cleared.clear(Scope::Entries);
        cleared.put(Verb::Set, "new", b"1", 0);
        edits.merge(&cleared);
        let flash = change(Verb::SpendFlash, "flash", b"1");
        assert!(edits.clears(Scope::Entries) && edits.iter().eq([flash, change(Verb::Set, "new", b"1")]));
    }

    #[test]
    fn a_clear_discards_earlier_edits() {
        let mut edits = Edits::default();
        edits.put(Verb::Set, "a", b"1", 0);
        edits.clear(Scope::Entries);
        edits.put(Verb::Set, "b", b"2", 0);
        assert!(edits.clears(Scope::Entries) && !edits.clears(Scope::Flashes));
        assert!(edits.iter().eq([change(Verb::Set, "b", b"2")]));
    }

    #[test]
    fn setting_a_key_repeatedly_costs_no_memory() {
        let mut edits = Edits::default();
        edits.put(Verb::Set, "other", b"kept", 0);
        for round in 0_u32..100_000 {
            edits.put(Verb::Set, "key", &round.to_le_bytes(), 0);
        }
        assert!(edits.list.capacity() <= INITIAL_CAPACITY && edits.list[1].text.as_slice().len() == 7);
        let last = 99_999_u32.to_le_bytes();
        assert!(edits.iter().eq([change(Verb::Set, "other", b"kept"), change(Verb::Set, "key", &last)]));
    }

    /// Applies the same steps to a list and a model, and compares them after each.
    #[test]
    fn edits_match_a_simple_model() {
        let mut edits = Edits::default();
        let mut model: Vec<(Option<Scope>, String, Verb)> = Vec::new();
        for step in 0_usize..600 {
            let key = format!("{}", step * 7919 % 61);
            let verb = [Verb::Set, Verb::SetFlash, Verb::Increment, Verb::Remove][step % 4];
            if step % 151 == 150 {
                edits.clear(Scope::Flashes);
                model.retain(|(scope, ..)| *scope != Some(Scope::Flashes));
            } else if step % 10 == 9 {
                let _ = edits.take_increment(&key);
                model.retain(|(scope, known, verb)| {
                    (*scope, known, *verb) != (Some(Scope::Entries), &key, Verb::Increment)
                });
            } else {
                edits.put(verb, &key, b"", 1);
                model.retain(|(scope, known, _)| (*scope, known) != (verb.scope(), &key));
                model.push((verb.scope(), key, verb));
            }
            assert_eq!(edits.len(), model.len(), "after step {step}");
            for (scope, key, verb) in &model {
                assert_eq!(edits.find(*scope, key.as_bytes()).map(|edit| edit.verb), Some(*verb), "{key}, step {step}");
            }
            assert!(edits.find(None, b"1").is_none());
        }
    }

    #[test]
    fn reading_a_flash_is_no_write() {
        let with = |edit: fn(&mut Edits)| {
            let mut edits = Edits::default();
            edits.put(Verb::ConsumeFlash, "read", b"1", 0);
            edit(&mut edits);
            edits.has_writes()
        };
        assert!(!with(|_| {}) && !Edits::default().has_writes());
        assert!(with(|edits| edits.clear(Scope::Entries)) && with(|edits| edits.clear(Scope::Flashes)));
        assert!(with(|edits| edits.put(Verb::Set, "k", b"1", 0)));
    }
}
