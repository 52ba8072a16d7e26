//! A request's view of its session: the loaded record with the request's own writes on top.

use crate::error::{Error, ErrorKind};
use crate::record::{self, Change, Edits, Entry, Limits, Record, Scope, Verb};

#[derive(Debug, Default)]
pub(crate) struct View {
    base: Option<Record>,
    edits: Edits,
    /// What [`measure`](Self::measure) returns, if known.
    measured: Option<(usize, usize)>,
}

impl View {
    pub(crate) const fn base(&self) -> Option<&Record> {
        self.base.as_ref()
    }

    pub(crate) const fn edits(&self) -> &Edits {
        &self.edits
    }

    /// Returns the edits to change, and forgets what the view measures.
    pub(crate) const fn edits_mut(&mut self) -> &mut Edits {
        self.measured = None;
        &mut self.edits
    }

    /// Puts back the edits of a failed commit, below newer ones.
    pub(crate) fn restore(&mut self, edits: Edits) {
        let newer = std::mem::replace(self.edits_mut(), edits);
        self.edits.merge(&newer);
    }

    /// Replaces the record below the edits.
    pub(crate) fn rebase(&mut self, base: Option<Record>) {
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
    pub(crate) fn find(&self, scope: Scope, key: &str) -> Option<Entry<'_>> {
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
    pub(crate) fn slots(&self, scope: Scope) -> impl Iterator<Item = (&str, &[u8])> {
        let base = self.base.iter().filter(move |_| !self.edits.clears(scope));
        let kept = base.flat_map(move |record| record.slots(scope));
        let kept = kept.filter(move |entry| self.edits.find(scope, entry.key).is_none());
        kept.chain(self.edits.of(scope).filter_map(Change::seen)).map(|entry| (entry.key(), entry.value))
    }

    /// Sets an entry or flash; setting an entry to an equal value changes nothing.
    pub(crate) fn set(&mut self, verb: Verb, key: &str, value: &[u8], limits: &Limits) -> Result<(), Error> {
        let (scope, is_immutable) = (verb.scope(), verb == Verb::SetImmutable);
        let position = self.edits.position(scope, key.as_bytes());
        let edit = self.edits.at(position);
        let old = self.seen(scope, key, edit);
        // An equal flash is set again: another request may have read the stored one. So is a value
        // after an increment: the store may hold another value to add to.
        let may_keep = scope == Scope::Entries && edit.is_none_or(|edit| edit.verb != Verb::Increment);
        match old {
            Some(seen) if seen.is_immutable() && !is_immutable => {
                return Err(Error::new(ErrorKind::Immutable).at(key));
            }
            Some(seen) if may_keep && seen.is_immutable() == is_immutable && seen.value == value => return Ok(()),
            _ => {}
        }
        let old = old.map(|seen| seen.value.len());
        let verb = edit.filter(|_| verb == Verb::Set).map_or(verb, |edit| edit.verb.then_set());
        self.check_edits(key, position.is_err(), limits)?;
        self.measured = Some(self.grown(key, old, value.len(), limits)?);
        self.edits.put_at(position, Change { verb, key: key.as_bytes(), value, by: 0 });
        Ok(())
    }

    /// Adds to an entry and returns the sum that the request sees. The store adds to its own value.
    pub(crate) fn increment(&mut self, key: &str, by: i64, limits: &Limits) -> Result<i64, Error> {
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
            return Err(Error::new(ErrorKind::Immutable).at(key));
        }
        let by_all = by_all.ok_or_else(|| Error::new(ErrorKind::NotANumber).at(key))?;
        let sum =
            record::add(old.map(|seen| seen.value), by).ok_or_else(|| Error::new(ErrorKind::NotANumber).at(key))?;
        let old_length = old.map(|seen| seen.value.len());
        let mut text = itoa::Buffer::new();
        let text = text.format(sum).as_bytes();
        self.check_edits(key, position.is_err(), limits)?;
        self.measured = Some(self.grown(key, old_length, text.len(), limits)?);
        self.edits.put_at(position, Change { verb, key: key.as_bytes(), value: text, by: by_all });
        Ok(sum)
    }

    /// Removes an entry or flash, by the verb, and returns whether it existed.
    pub(crate) fn remove(&mut self, verb: Verb, key: &str) -> bool {
        let Some(old) = self.find(verb.scope(), key).map(|seen| seen.value.len()) else {
            return false;
        };
        let (size, count) = self.measure();
        self.measured = Some((size - (record::INDEX_LINE + key.len() + old), count - 1));
        self.edits.put(verb, key, b"", 0);
        true
    }

    pub(crate) fn clear(&mut self, scope: Scope) {
        if self.slots(scope).next().is_some() {
            self.edits_mut().clear(scope);
        }
    }

    /// Marks a flash as read: this request still sees it, the next one does not.
    pub(crate) fn consume_flash(&mut self, key: &str) {
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
    pub(crate) fn clear_all(&mut self) {
        self.edits_mut().clear(Scope::Entries);
        self.edits.clear(Scope::Flashes);
    }

    /// Returns whether a record made of the edits alone would still contain anything after this
    /// request.
    pub(crate) fn would_store(&self) -> bool {
        self.measure().1 > self.edits.count(Verb::SpendFlash)
    }

    pub(crate) fn has_entries(&self) -> bool {
        self.slots(Scope::Entries).next().is_some()
    }

    /// Returns an error if a plain set of the entry to this value is not allowed.
    pub(crate) fn check_set(&self, key: &str, value: &[u8], limits: &Limits) -> Result<(), Error> {
        let old = self.find(Scope::Entries, key);
        if old.is_some_and(|seen| seen.is_immutable()) {
            return Err(Error::new(ErrorKind::Immutable).at(key));
        }
        self.grown(key, old.map(|seen| seen.value.len()), value.len(), limits).map(drop)
    }

    /// Limits the number of edits in one request.
    ///
    /// Removals need no limit: each is of a key in the record or replaces another edit.
    fn check_edits(&self, key: &str, is_first: bool, limits: &Limits) -> Result<(), Error> {
        if is_first && self.edits.len() >= limits.edits() {
            let cause = format!("a request writes to at most {} keys", limits.edits());
            return Err(Error::with_source(ErrorKind::TooLarge, cause).at(key));
        }
        Ok(())
    }

    /// Returns what the view measures with a value of another length, unless that exceeds a limit.
    fn grown(&self, key: &str, old: Option<usize>, new: usize, limits: &Limits) -> Result<(usize, usize), Error> {
        let (old_size, old_count) = self.measure();
        let freed = old.map_or(0, |length| record::INDEX_LINE + key.len() + length);
        let size = old_size - freed + record::INDEX_LINE + key.len() + new;
        let count = old_count + usize::from(old.is_none());
        let fits = size <= limits.bytes() && count <= limits.keys() && key.len() <= usize::from(u16::MAX);
        if !fits && size > old_size {
            return Err(limits.exceeded().at(key));
        }
        Ok((size, count))
    }
}

#[cfg(test)]
mod tests;
