//! The writes to keys, in one allocation however many they are.

use std::fmt;

use super::Change;
use crate::record::Space;

/// Is a list of writes to keys, at most one for each key of a kind.
#[derive(Clone, Default)]
pub(crate) struct Edits {
    clear_entries: bool,
    clear_flashes: bool,
    /// There are edits that require something.
    has_requirements: bool,
    /// Holds the edits one after the other, each a head, a key and a value.
    bytes: Vec<u8>,
}

/// Is one write to one key.
#[derive(Clone, Copy)]
pub(crate) struct Edit<'a> {
    pub(crate) verb: Verb,
    /// Is UTF-8; checked where it is shown.
    pub(crate) key: &'a [u8],
    pub(crate) value: &'a [u8],
    /// Is what an increment adds.
    pub(crate) by: i64,
}

/// Is how long the head of an edit is: `by` (8), length of the key (4), length of the value (4), verb (1).
const HEAD: usize = 17;

/// Is how many bytes the first edit makes room for: a usual request's writes then cost one allocation.
const USUAL: usize = 192;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Require,
    RequireAbsent,
    Set,
    SetImmutable,
    Remove,
    /// Its value is what the request sees: the text of the sum.
    Increment,
    SetFlash,
    RemoveFlash,
    /// Read by this request, which goes on seeing it.
    ConsumeFlash,
    /// Set and read by this request, which goes on seeing it: whatever the store has goes.
    SpendFlash,
}

/// Holds the verbs in the order of their numbers.
const VERBS: [Verb; 10] = [
    Verb::Require,
    Verb::RequireAbsent,
    Verb::Set,
    Verb::SetImmutable,
    Verb::Remove,
    Verb::Increment,
    Verb::SetFlash,
    Verb::RemoveFlash,
    Verb::ConsumeFlash,
    Verb::SpendFlash,
];

/// Is a kind of key: within one, a key has one edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Requirements,
    Entries,
    Flashes,
}

impl Verb {
    pub(crate) const fn scope(self) -> Scope {
        match self {
            Self::Require | Self::RequireAbsent => Scope::Requirements,
            Self::Set | Self::SetImmutable | Self::Remove | Self::Increment => Scope::Entries,
            Self::SetFlash | Self::RemoveFlash | Self::ConsumeFlash | Self::SpendFlash => Scope::Flashes,
        }
    }
}

impl From<Space> for Scope {
    fn from(space: Space) -> Self {
        match space {
            Space::Entries => Self::Entries,
            Space::Flashes => Self::Flashes,
        }
    }
}

impl<'a> Edit<'a> {
    pub(crate) fn key_text(&self) -> &'a str {
        std::str::from_utf8(self.key).expect("put copies keys from strings")
    }

    fn head(&self) -> [u8; HEAD] {
        let mut head = [0; HEAD];
        head[..8].copy_from_slice(&self.by.to_le_bytes());
        head[8..12].copy_from_slice(&length(self.key).to_le_bytes());
        head[12..16].copy_from_slice(&length(self.value).to_le_bytes());
        head[16] = self.verb as u8;
        head
    }

    fn is_of(&self, scope: Scope, key: &[u8]) -> bool {
        self.key == key && self.verb.scope() == scope
    }

    fn length(&self) -> usize {
        HEAD + self.key.len() + self.value.len()
    }

    /// Reads the edit that `bytes` begin with, and returns what comes after it.
    fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (head, rest) = bytes.split_first_chunk::<HEAD>()?;
        let [b0, b1, b2, b3, b4, b5, b6, b7, k0, k1, k2, k3, v0, v1, v2, v3, verb] = *head;
        let (key, rest) = rest.split_at(u32::from_le_bytes([k0, k1, k2, k3]) as usize);
        let (value, rest) = rest.split_at(u32::from_le_bytes([v0, v1, v2, v3]) as usize);
        let by = i64::from_le_bytes([b0, b1, b2, b3, b4, b5, b6, b7]);
        Some((Self { verb: VERBS[usize::from(verb)], key, value, by }, rest))
    }
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("the limits of a record keep its edits far below 4 GiB")
}

impl Edits {
    pub(crate) const fn clears_entries(&self) -> bool {
        self.clear_entries
    }

    pub(crate) const fn clears_flashes(&self) -> bool {
        self.clear_flashes
    }

    pub(crate) const fn clears(&self, space: Space) -> bool {
        match space {
            Space::Entries => self.clear_entries,
            Space::Flashes => self.clear_flashes,
        }
    }

    /// Says whether any edit requires something.
    pub(crate) const fn have_requirements(&self) -> bool {
        self.has_requirements
    }

    /// Says whether applying the edits would do nothing.
    pub(crate) const fn is_empty(&self) -> bool {
        self.bytes.is_empty() && !self.clear_entries && !self.clear_flashes
    }

    /// Says whether any edit is more than the mark that a flash was read.
    pub(crate) fn hold_writes(&self) -> bool {
        self.clear_entries || self.clear_flashes || self.iter().any(|edit| edit.verb != Verb::ConsumeFlash)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Edit<'_>> + Clone {
        let mut rest = self.bytes.as_slice();
        std::iter::from_fn(move || {
            let (edit, after) = Edit::read(rest)?;
            rest = after;
            Some(edit)
        })
    }

    pub(crate) fn find(&self, scope: Scope, key: &[u8]) -> Option<Edit<'_>> {
        self.iter().find(|edit| edit.is_of(scope, key))
    }

    /// Says whether what the record has of an entry is not what the request sees.
    pub(crate) fn cover_entry(&self, key: &str) -> bool {
        self.clear_entries || (!self.bytes.is_empty() && self.find(Scope::Entries, key.as_bytes()).is_some())
    }

    /// Returns what is added to an entry that the record has.
    pub(crate) fn increment_of(&self, key: &str) -> Option<i64> {
        let edit = self.find(Scope::Entries, key.as_bytes())?;
        (edit.verb == Verb::Increment && !self.clear_entries).then_some(edit.by)
    }

    /// Takes out what was added to an entry, but for what was added since.
    pub(crate) fn forget_increment(&mut self, key: &str, by: i64) {
        let Some(at) = self.position(Scope::Entries, key.as_bytes()) else { return };
        let Some((edit, _)) = Edit::read(&self.bytes[at..]) else { return };
        if edit.verb != Verb::Increment {
            return;
        }
        let (end, since) = (at + edit.length(), edit.by.wrapping_sub(by));
        if since == 0 {
            self.bytes.drain(at..end);
        } else {
            self.bytes[at..at + 8].copy_from_slice(&since.to_le_bytes());
        }
    }

    /// Returns where the edit of a key begins.
    fn position(&self, scope: Scope, key: &[u8]) -> Option<usize> {
        let mut at = 0;
        for edit in self.iter() {
            if edit.is_of(scope, key) {
                return Some(at);
            }
            at += edit.length();
        }
        None
    }

    /// Records what to do with a key, in place of what was recorded before.
    pub(crate) fn put(&mut self, verb: Verb, key: &str, value: &[u8], by: i64) {
        let edit = Edit { verb, key: key.as_bytes(), value, by };
        match self.position(verb.scope(), edit.key) {
            Some(at) => self.replace(at, &edit),
            None => self.append(&edit),
        }
    }

    /// The same, for a caller that knows whether this is the key's first edit.
    pub(crate) fn put_known(&mut self, is_first: bool, verb: Verb, key: &str, value: &[u8], by: i64) {
        if is_first {
            self.append(&Edit { verb, key: key.as_bytes(), value, by });
        } else {
            self.put(verb, key, value, by);
        }
    }

    fn append(&mut self, edit: &Edit<'_>) {
        if self.bytes.capacity() == 0 {
            self.bytes = Vec::with_capacity(edit.length().max(USUAL));
        }
        self.bytes.extend_from_slice(&edit.head());
        self.bytes.extend_from_slice(edit.key);
        self.bytes.extend_from_slice(edit.value);
    }

    fn replace(&mut self, at: usize, edit: &Edit<'_>) {
        let Some((old, _)) = Edit::read(&self.bytes[at..]) else { return };
        let end = at + old.length();
        let new = edit.head().into_iter().chain(edit.key.iter().copied()).chain(edit.value.iter().copied());
        self.bytes.splice(at..end, new);
    }

    pub(crate) fn require(&mut self, key: &str, value: Option<&[u8]>) {
        let verb = if value.is_some() { Verb::Require } else { Verb::RequireAbsent };
        self.has_requirements = true;
        self.put(verb, key, value.unwrap_or_default(), 0);
    }

    /// Lays newer edits over these: what the request then sees is what it sees of the newer ones, which knew of these.
    pub(crate) fn lay_over(&mut self, newer: &Self) {
        if newer.clear_entries {
            self.clear_entries();
        }
        if newer.clear_flashes {
            self.clear_flashes();
        }
        for edit in newer.iter() {
            let old = self.find(edit.verb.scope(), edit.key);
            let (verb, by) = match (old.map(|old| (old.verb, old.by)), edit.verb) {
                (Some((Verb::Set | Verb::Remove, _)), Verb::Increment) => (Verb::Set, 0),
                (Some((Verb::Increment, by)), Verb::Increment) => (Verb::Increment, by.saturating_add(edit.by)),
                (Some((Verb::SetFlash, _)), Verb::ConsumeFlash) => (Verb::SpendFlash, 0),
                (_, verb) => (verb, edit.by),
            };
            self.put(verb, edit.key_text(), edit.value, by);
        }
    }

    pub(crate) fn set_verb(&mut self, scope: Scope, key: &str, verb: Verb) {
        if let Some(at) = self.position(scope, key.as_bytes()) {
            self.bytes[at + HEAD - 1] = verb as u8;
        }
    }

    pub(crate) fn clear_entries(&mut self) {
        self.clear_entries = true;
        self.forget(Scope::Entries);
    }

    pub(crate) fn clear_flashes(&mut self) {
        self.clear_flashes = true;
        self.forget(Scope::Flashes);
    }

    fn forget(&mut self, scope: Scope) {
        let mut kept = Self::default();
        self.iter().filter(|edit| edit.verb.scope() != scope).for_each(|edit| kept.append(&edit));
        self.bytes = kept.bytes;
    }

    pub(crate) fn changes(&self) -> impl Iterator<Item = Change<'_>> {
        self.iter().map(|edit| {
            let (key, value) = (edit.key_text(), edit.value);
            match edit.verb {
                Verb::Require => Change::Require { key, value: Some(value) },
                Verb::RequireAbsent => Change::Require { key, value: None },
                Verb::Set => Change::Set { key, value },
                Verb::SetImmutable => Change::SetImmutable { key, value },
                Verb::Remove => Change::Remove { key },
                Verb::Increment => Change::Increment { key, by: edit.by },
                Verb::SetFlash => Change::SetFlash { key, value },
                Verb::RemoveFlash | Verb::SpendFlash => Change::RemoveFlash { key },
                Verb::ConsumeFlash => Change::ConsumeFlash { key, seen: value },
            }
        })
    }
}

/// Shows the changes without their values.
impl fmt::Debug for Edits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.changes()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_has_its_number() {
        assert!(VERBS.iter().enumerate().all(|(number, verb)| *verb as usize == number));
    }

    #[test]
    fn one_key_has_one_edit_of_a_kind() {
        let mut edits = Edits::default();
        edits.put(Verb::Set, "a", b"1", 0);
        edits.put(Verb::SetFlash, "a", b"2", 0);
        edits.put(Verb::Remove, "a", b"", 0);
        let changes: Vec<_> = edits.changes().collect();
        assert!(changes == [Change::Remove { key: "a" }, Change::SetFlash { key: "a", value: b"2" }], "{changes:?}");
    }

    #[test]
    fn newer_edits_lie_over_the_older() {
        let put = |list: &[(Verb, &str, &[u8], i64)]| {
            let mut edits = Edits::default();
            list.iter().for_each(|(verb, key, value, by)| edits.put(*verb, key, value, *by));
            edits
        };
        let mut edits = put(&[
            (Verb::Set, "kept", b"1", 0),
            (Verb::Set, "set", b"1", 0),
            (Verb::Increment, "sum", b"5", 2),
            (Verb::Set, "number", b"1", 0),
            (Verb::Remove, "gone", b"", 0),
            (Verb::SetFlash, "flash", b"1", 0),
        ]);
        edits.lay_over(&put(&[
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
            (Verb::Set, "gone", b"1", 0),
            (Verb::SpendFlash, "flash", b"1", 0),
            (Verb::Remove, "new", b"", 0),
        ]);
        assert_eq!(edits.bytes, expected.bytes);

        let mut cleared = Edits::default();
        cleared.clear_entries();
        cleared.put(Verb::Set, "new", b"1", 0);
        edits.lay_over(&cleared);
        let flash = Change::RemoveFlash { key: "flash" };
        assert!(edits.clears_entries() && edits.changes().eq([flash, Change::Set { key: "new", value: b"1" }]));
    }

    #[test]
    fn a_clear_forgets_what_came_before_it() {
        let mut edits = Edits::default();
        edits.put(Verb::Set, "a", b"1", 0);
        edits.clear_entries();
        edits.put(Verb::Set, "b", b"2", 0);
        assert!(edits.clears(Space::Entries) && !edits.clears(Space::Flashes));
        assert!(edits.changes().eq([Change::Set { key: "b", value: b"2" }]));
    }

    #[test]
    fn a_key_set_a_million_times_costs_no_memory() {
        let mut edits = Edits::default();
        edits.put(Verb::Set, "other", b"kept", 0);
        for round in 0_u32..100_000 {
            edits.put(Verb::Set, "key", &round.to_le_bytes(), 0);
        }
        assert!(edits.bytes.capacity() <= USUAL, "{} bytes", edits.bytes.capacity());
        let last = 99_999_u32.to_le_bytes();
        assert!(
            edits
                .changes()
                .eq([Change::Set { key: "other", value: b"kept" }, Change::Set { key: "key", value: &last }])
        );
    }
}
