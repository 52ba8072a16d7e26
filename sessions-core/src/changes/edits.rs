//! The writes to keys, in two allocations however many they are.

use std::fmt;
use std::ops::Range;

use super::Change;
use crate::record::Space;

/// Is a list of writes to keys, at most one for each key of a kind.
#[derive(Clone, Default)]
pub(crate) struct Edits {
    clear_entries: bool,
    clear_flashes: bool,
    list: Vec<Edit>,
    /// Holds the keys and values that `list` points into.
    bytes: Vec<u8>,
    /// Counts the bytes that no edit points into any more.
    garbage: usize,
}

#[derive(Clone)]
pub(crate) struct Edit {
    pub(crate) verb: Verb,
    key: Range<u32>,
    value: Range<u32>,
    pub(crate) by: i64,
}

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

    /// Says whether applying the edits would do nothing.
    pub(crate) const fn is_empty(&self) -> bool {
        self.list.is_empty() && !self.clear_entries && !self.clear_flashes
    }

    /// Says whether any edit is more than the mark that a flash was read.
    pub(crate) fn hold_writes(&self) -> bool {
        self.clear_entries || self.clear_flashes || self.list.iter().any(|edit| edit.verb != Verb::ConsumeFlash)
    }

    pub(crate) const fn list(&self) -> &[Edit] {
        self.list.as_slice()
    }

    pub(crate) fn key<'a>(&'a self, edit: &Edit) -> &'a [u8] {
        self.slice(&edit.key)
    }

    pub(crate) fn key_text<'a>(&'a self, edit: &Edit) -> &'a str {
        std::str::from_utf8(self.key(edit)).expect("put copies keys from strings")
    }

    pub(crate) fn value<'a>(&'a self, edit: &Edit) -> &'a [u8] {
        self.slice(&edit.value)
    }

    fn slice(&self, range: &Range<u32>) -> &[u8] {
        &self.bytes[range.start as usize..range.end as usize]
    }

    pub(crate) fn find(&self, scope: Scope, key: &[u8]) -> Option<&Edit> {
        self.position(scope, key).map(|at| &self.list[at])
    }

    fn position(&self, scope: Scope, key: &[u8]) -> Option<usize> {
        self.list.iter().position(|edit| edit.verb.scope() == scope && self.slice(&edit.key) == key)
    }

    /// Records what to do with a key, in place of what was recorded before.
    pub(crate) fn put(&mut self, verb: Verb, key: &str, value: &[u8], by: i64) {
        match self.position(verb.scope(), key.as_bytes()) {
            Some(at) => self.replace(at, verb, value, by),
            None => {
                self.reserve();
                let key = self.append(key.as_bytes());
                let value = self.append(value);
                self.list.push(Edit { verb, key, value, by });
            }
        }
    }

    pub(crate) fn require(&mut self, key: &str, value: Option<&[u8]>) {
        let verb = if value.is_some() { Verb::Require } else { Verb::RequireAbsent };
        self.put(verb, key, value.unwrap_or_default(), 0);
    }

    pub(crate) fn set_verb(&mut self, scope: Scope, key: &str, verb: Verb) {
        if let Some(at) = self.position(scope, key.as_bytes()) {
            self.list[at].verb = verb;
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
        self.list.retain(|edit| edit.verb.scope() != scope);
        if self.list.is_empty() {
            self.bytes.clear();
            self.garbage = 0;
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Change<'_>> {
        self.list.iter().map(|edit| {
            let (key, value) = (self.key_text(edit), self.value(edit));
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

    /// Makes room for a usual request's writes at once, so that they cost two allocations.
    fn reserve(&mut self) {
        if self.list.capacity() == 0 {
            self.list = Vec::with_capacity(4);
            self.bytes = Vec::with_capacity(128);
        }
    }

    fn append(&mut self, bytes: &[u8]) -> Range<u32> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        position(start)..position(self.bytes.len())
    }

    fn replace(&mut self, at: usize, verb: Verb, value: &[u8], by: i64) {
        self.garbage += self.list[at].value.len();
        let value = self.append(value);
        let edit = &mut self.list[at];
        (edit.verb, edit.value, edit.by) = (verb, value, by);
        // A handler may set one key a million times: what is left behind never outgrows what is in use.
        if self.garbage > 4096 && self.garbage > self.bytes.len() / 2 {
            self.compact();
        }
    }

    fn compact(&mut self) {
        let old = std::mem::take(&mut self.bytes);
        let mut list = std::mem::take(&mut self.list);
        for edit in &mut list {
            edit.key = self.append(&old[edit.key.start as usize..edit.key.end as usize]);
            edit.value = self.append(&old[edit.value.start as usize..edit.value.end as usize]);
        }
        self.list = list;
        self.garbage = 0;
    }
}

fn position(at: usize) -> u32 {
    u32::try_from(at).expect("the limits of a record keep its edits far below 4 GiB")
}

/// Shows the changes without their values.
impl fmt::Debug for Edits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_has_one_edit_of_a_kind() {
        let mut edits = Edits::default();
        edits.put(Verb::Set, "a", b"1", 0);
        edits.put(Verb::SetFlash, "a", b"2", 0);
        edits.put(Verb::Remove, "a", b"", 0);
        let changes: Vec<_> = edits.iter().collect();
        assert!(changes == [Change::Remove { key: "a" }, Change::SetFlash { key: "a", value: b"2" }], "{changes:?}");
    }

    #[test]
    fn a_clear_forgets_what_came_before_it() {
        let mut edits = Edits::default();
        edits.put(Verb::Set, "a", b"1", 0);
        edits.clear_entries();
        edits.put(Verb::Set, "b", b"2", 0);
        assert!(edits.clears(Space::Entries) && !edits.clears(Space::Flashes));
        assert!(edits.iter().eq([Change::Set { key: "b", value: b"2" }]));
    }

    #[test]
    fn a_key_set_a_million_times_costs_no_memory() {
        let mut edits = Edits::default();
        edits.put(Verb::Set, "other", b"kept", 0);
        for round in 0_u32..100_000 {
            edits.put(Verb::Set, "key", &round.to_le_bytes(), 0);
        }
        assert!(edits.bytes.len() < 16_384, "{} bytes", edits.bytes.len());
        let last = 99_999_u32.to_le_bytes();
        assert!(
            edits.iter().eq([Change::Set { key: "other", value: b"kept" }, Change::Set { key: "key", value: &last }])
        );
    }
}
