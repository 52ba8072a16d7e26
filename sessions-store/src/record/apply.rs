//! Applying changes to a record. This module defines the meaning of a commit.

use std::fmt;

use super::Record;
use super::build::{self, Head, HeadState, NewSlot, NewValue};
use super::layout::{self, Entry, Kind, Scope};
use super::tail::{Successor, Tail};
use crate::record::SecretHash;
use crate::record::changes::{Change, Changes, NewSecret, Verb};
use crate::record::integer;

/// The reason why changes were not applied. The record is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The record is dead, or was renewed after the request loaded it.
    Gone,
    /// A requirement does not hold, an entry is immutable, or a value cannot be incremented.
    Conflict,
    /// The record would exceed its limits or those of the format.
    TooLarge,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gone => "the session has ended or was renewed",
            Self::Conflict => "a requirement does not hold, or an entry cannot be changed this way",
            Self::TooLarge => "the record would exceed its limits",
        })
    }
}

impl std::error::Error for Refusal {}

/// The secret of a record that a request has shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Own,
    /// The secret that a rotation has sent. Its first use makes it the record's own.
    Successor,
    /// The secret before the record's own.
    Previous,
}

impl Record {
    /// Applies `changes` and returns the new record.
    ///
    /// # Errors
    ///
    /// Returns why the changes cannot be applied. Nothing is then applied.
    ///
    /// # Example
    ///
    /// ```
    /// use sessions_store::{Changes, Record, Refusal, SecretHash, SessionId, Timestamp};
    ///
    /// let (id, now) = (SessionId::from_bytes([1; 16]), Timestamp::from_millis(0));
    /// let secret = SecretHash::from_bytes([2; 32]);
    /// let record = Record::builder(id, secret, now).entry("visits", b"1").build()?;
    ///
    /// let changed = record.apply(&Changes::new(now, secret).increment("visits", 1))?;
    /// assert_eq!(changed.entry("visits").unwrap().value(), b"2");
    ///
    /// let stale = Changes::new(now, SecretHash::from_bytes([3; 32])).increment("visits", 1);
    /// assert_eq!(record.apply(&stale).unwrap_err(), Refusal::Gone);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn apply(&self, changes: &Changes) -> Result<Self, Refusal> {
        if !self.is_live(changes.now()) {
            return Err(Refusal::Gone);
        }
        let shown = self.shown_secret(changes).ok_or(Refusal::Gone)?;
        if !self.meets_requirements(changes) {
            return Err(Refusal::Conflict);
        }
        let tail = (changes.changes_head() || shown == Shown::Successor).then(|| self.changed_tail(changes, shown));
        self.merge(changes, self.changed_state(changes, shown), tail.as_ref())
    }

    /// Returns which secret the changes' request has shown, if it may make them.
    fn shown_secret(&self, changes: &Changes) -> Option<Shown> {
        let expected = changes.expected_secret();
        if self.secret_hash() == *expected { Some(Shown::Own) } else { self.shown_other_secret(changes, expected) }
    }

    /// Returns which secret other than the record's own a request has shown.
    ///
    /// A request that was under way when a rotation ended may still write. A request whose secret a
    /// renewal has replaced may only remove the flashes that it has shown, so that no flash is
    /// shown twice.
    #[cold]
    fn shown_other_secret(&self, changes: &Changes, expected: &SecretHash) -> Option<Shown> {
        if self.has_successor(expected) {
            return Some(Shown::Successor);
        }
        let only_writes = changes.new_secret().is_none() && changes.new_principal().is_none();
        let is_admitted = (only_writes && self.has_rotated_from(expected))
            || (changes.only_consumes() && self.find_replaced(expected).is_some());
        is_admitted.then_some(Shown::Previous)
    }

    fn meets_requirements(&self, changes: &Changes) -> bool {
        changes.edits.requirements().all(|edit| {
            let value = self.find(Scope::Entries, edit.key).map(|entry| entry.value);
            value == (edit.verb == Verb::Require).then_some(edit.value)
        })
    }

    fn merge(&self, changes: &Changes, state: HeadState, tail: Option<&Tail>) -> Result<Self, Refusal> {
        if let Some(patched) = self.try_patch(changes, &state, tail)? {
            return Ok(patched);
        }
        let slots = self.merged_slots(changes)?;
        let merged = build::write(&self.changed_head(changes, state, tail), slots.iter().copied())?;
        if changes.limits().admit(Some(self), &merged) { Ok(merged) } else { Err(Refusal::TooLarge) }
    }

    /// Copies the record and overwrites values in place, if no length and no slot changes.
    fn try_patch(&self, changes: &Changes, state: &HeadState, tail: Option<&Tail>) -> Result<Option<Self>, Refusal> {
        let edits = &changes.edits;
        if changes.new_principal().is_some() || edits.clears_any() {
            return Ok(None);
        }
        // The first renewal, for example, makes the record longer.
        if tail.is_some_and(|tail| !tail.fits(self.head()[layout::FLAGS])) {
            return Ok(None);
        }
        let mut list = edits.iter();
        let edit = match (list.next(), list.next()) {
            (None, _) => return Ok(Some(self.patched(state, tail, |_| {}))),
            (Some(edit), None) => edit,
            (Some(_), Some(_)) => return Ok(None),
        };
        let Some(scope) = edit.verb.scope() else { return Ok(None) };
        let Some((old, at)) = layout::find(&self.bytes, scope, edit.key) else { return Ok(None) };
        let Some(new) = changed_slot(edit, Some(old))? else { return Ok(None) };
        let mut digits = itoa::Buffer::new();
        let value = new.value.bytes(&mut digits);
        let fits = new.kind == old.kind && value.len() == old.value.len();
        Ok(fits.then(|| self.patched(state, tail, |bytes| bytes[at..at + value.len()].copy_from_slice(value))))
    }

    /// Returns the slots of the new record, unchanged ones first.
    fn merged_slots<'a>(&'a self, changes: &'a Changes) -> Result<Vec<NewSlot<'a>>, Refusal> {
        let edits = &changes.edits;
        let mut slots = Vec::with_capacity(self.slot_count() + edits.len());
        for entry in layout::slots(&self.bytes) {
            let scope = entry.kind.scope();
            if !edits.clears(scope) && edits.find(scope, entry.key).is_none() {
                slots.push(entry.into());
            }
        }
        for edit in edits.iter() {
            let scope = edit.verb.scope().filter(|scope| !edits.clears(*scope));
            let old = scope.and_then(|scope| self.find(scope, edit.key));
            slots.extend(changed_slot(edit, old)?);
        }
        Ok(slots)
    }

    fn changed_head<'a>(&'a self, changes: &'a Changes, state: HeadState, tail: Option<&Tail>) -> Head<'a> {
        Head {
            id: self.id(),
            created: self.created(),
            principal: changes.new_principal().or_else(|| self.principal()),
            state,
            tail: tail.copied().unwrap_or_else(|| self.tail_parts()),
        }
    }

    fn changed_state(&self, changes: &Changes, shown: Shown) -> HeadState {
        let secret_hash = match (changes.new_secret(), shown) {
            (Some(renewed), _) => *renewed,
            (None, Shown::Successor) => *changes.expected_secret(),
            (None, _) => self.secret_hash(),
        };
        HeadState {
            secret_hash,
            last_seen: self.last_seen().max(changes.now()),
            lifetime: changes.new_lifetime().unwrap_or_else(|| self.lifetime()),
            version: self.version().wrapping_add(1),
        }
    }

    fn changed_tail(&self, changes: &Changes, shown: Shown) -> Tail {
        let mut tail = self.tail_parts();
        let now = changes.now();
        if changes.confirms() && (self.is_signed_in() || changes.new_principal().is_some()) {
            tail.signed_in_at = Some(now);
        }
        match changes.head.as_ref().and_then(|head| head.secret) {
            Some(NewSecret::Renewed(_)) => {
                // While a secret rotates, requests carry either of two secrets.
                let (shown, successor) = (changes.expected_secret(), tail.successor.take());
                let secrets = [Some(self.secret_hash()), successor.map(|successor| successor.hash)];
                for other in secrets.iter().flatten().filter(|secret| *secret != shown) {
                    tail.replace(other, now, false);
                }
                tail.replace(shown, now, false);
            }
            _ if shown == Shown::Successor => {
                tail.replace(&self.secret_hash(), now, true);
                tail.successor = None;
            }
            Some(NewSecret::Rotating { hash, unless_since }) if shown == Shown::Own => {
                let begun = tail.successor.filter(|begun| begun.since > unless_since);
                tail.successor = begun.or(Some(Successor { hash, since: now }));
            }
            _ => {}
        }
        tail
    }
}

/// Returns the slot after a change, where `old` is the slot before.
// Inlined, since most of it vanishes for a new record: it is 4 % of a login.
#[inline(always)]
pub(super) fn changed_slot<'a>(edit: Change<'a>, old: Option<Entry<'a>>) -> Result<Option<NewSlot<'a>>, Refusal> {
    let (key, value) = (edit.key, NewValue::Bytes(edit.value));
    let is_immutable = old.is_some_and(|entry| entry.is_immutable());
    if is_immutable && matches!(edit.verb, Verb::Set | Verb::Increment) {
        return Err(Refusal::Conflict);
    }
    Ok(match edit.verb {
        Verb::Set | Verb::Replace => Some(NewSlot { kind: Kind::Plain, key, value }),
        Verb::SetImmutable => Some(NewSlot { kind: Kind::Immutable, key, value }),
        Verb::Increment => {
            let sum = add(old.map(|entry| entry.value), edit.by).ok_or(Refusal::Conflict)?;
            Some(NewSlot { kind: Kind::Plain, key, value: NewValue::Integer(sum) })
        }
        Verb::SetFlash => Some(NewSlot { kind: Kind::Flash, key, value }),
        Verb::ConsumeFlash => old.filter(|flash| flash.value != edit.value).map(NewSlot::from),
        Verb::Require | Verb::RequireAbsent | Verb::Remove | Verb::RemoveFlash | Verb::SpendFlash => None,
    })
}

/// Adds to a decimal integer. A missing value counts as 0.
///
/// Returns `None` if the value is not an integer or the sum is out of range.
pub(crate) fn add(value: Option<&[u8]>, by: i64) -> Option<i64> {
    value.map_or(Some(0), integer::parse)?.checked_add(by)
}
