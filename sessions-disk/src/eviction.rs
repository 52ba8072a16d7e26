//! Eviction from a full store: expired sessions first, then the anonymous sessions that would
//! expire next.

use std::collections::VecDeque;
use std::ops::{Bound, ControlFlow};

use sessions_store::{RecordError, SessionId, Timestamp};

use crate::batch::Batch;
use crate::capacity::Usage;
use crate::engine::{EngineError, EngineErrorKind, Reader, Table};
use crate::error::CallError;
use crate::keys::{self, Class};
use crate::writes::Found;

/// Number of entries read at once.
const PAGE: usize = 16;
/// Maximum number of sessions that one new session relists because they were seen since they were
/// listed. After that many, the next in the list is evicted even if it was seen.
const MAX_RELISTED: u32 = 64;

/// The entries of the deadlines table that a transaction has read as candidates for eviction.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    anonymous: Queue,
    signed_in: Queue,
}

#[derive(Debug, Default)]
struct Queue {
    keys: VecDeque<Vec<u8>>,
    /// The last entry read, or the one to start after.
    last: Option<Vec<u8>>,
    /// Whether reading started in the middle, so that there may be entries before it.
    has_skipped: bool,
    is_at_end: bool,
}

/// The entry at which the next eviction starts. Starting at the beginning, an engine may have to
/// step over everything removed before it.
#[derive(Debug, Default)]
pub(crate) struct EvictionCursor {
    after: Option<Vec<u8>>,
    transactions: u32,
}

impl EvictionCursor {
    /// Number of transactions after which eviction starts at the beginning again, where sessions
    /// may have been listed since.
    const TRANSACTIONS: u32 = 256;

    /// Returns candidates that start here, and continue at the beginning after the last entry.
    pub(crate) fn candidates(&self) -> Candidates {
        let anonymous = Queue { has_skipped: self.after.is_some(), last: self.after.clone(), ..Queue::default() };
        Candidates { anonymous, ..Candidates::default() }
    }

    /// Moves to the entry of the last evicted session.
    pub(crate) fn advance(&mut self, evicted_at: Option<Vec<u8>>) {
        if evicted_at.is_some() {
            self.transactions = (self.transactions + 1) % Self::TRANSACTIONS;
            self.after = evicted_at.filter(|_| self.transactions != 0);
        }
    }
}

impl Candidates {
    fn of(&mut self, class: Class) -> &mut Queue {
        match class {
            Class::Anonymous => &mut self.anonymous,
            Class::SignedIn => &mut self.signed_in,
        }
    }
}

impl<R: Reader> Batch<'_, R> {
    /// Evicts sessions until a new record of `bytes` bytes fits. Returns the evicted ids, or `None`
    /// if it cannot fit.
    ///
    /// A store may be far over its limits: they were lowered, or the disk is full. Then a new
    /// session is also admitted if the store is no fuller with it than before. Each transaction
    /// evicts a limited surplus, so that the store shrinks in steps. Refusing the new session
    /// instead would leave nobody to return the evicted ids to.
    pub(crate) fn make_room(&mut self, bytes: u64, now: Timestamp) -> Result<Option<Vec<SessionId>>, CallError> {
        let limits = self.limits();
        if !limits.admit(Usage::default().with(bytes)) {
            return Ok(None);
        }
        let before = self.usage()?;
        let mut evicted = Vec::new();
        let mut relists_left = MAX_RELISTED;
        loop {
            let usage = self.usage()?.with(bytes);
            if limits.admit(usage) {
                return Ok(Some(evicted));
            }
            let is_paid_for = limits.takes_no_more(usage, before);
            if is_paid_for {
                let Some(left) = self.surplus_left.checked_sub(1) else {
                    return Ok(Some(evicted));
                };
                self.surplus_left = left;
            }
            let Some(key) = self.candidate(now)? else {
                return Ok(is_paid_for.then_some(evicted));
            };
            evicted.extend(self.evict(&key, now, &mut relists_left)?);
        }
    }

    /// Returns the next entry to evict.
    fn candidate(&mut self, now: Timestamp) -> Result<Option<Vec<u8>>, EngineError> {
        let is_due = |key: &Vec<u8>| keys::due(key).is_some_and(|due| due <= now);
        let anonymous = self.front(Class::Anonymous)?;
        if !anonymous.as_ref().is_some_and(is_due)
            && let Some(key) = self.front(Class::SignedIn)?.filter(is_due)
        {
            self.candidates.signed_in.keys.pop_front();
            return Ok(Some(key));
        }
        self.candidates.anonymous.keys.pop_front();
        Ok(anonymous)
    }

    /// Returns the first entry of a class that this batch has not removed.
    fn front(&mut self, class: Class) -> Result<Option<Vec<u8>>, EngineError> {
        loop {
            while let Some(key) = self.candidates.of(class).keys.front().cloned() {
                if self.get(Table::Deadlines, &key)?.is_some() {
                    return Ok(Some(key));
                }
                self.candidates.of(class).keys.pop_front();
            }
            if !self.read_more(class)? {
                // Only entries that this batch has added are left.
                return Ok(self
                    .first_added(Table::Deadlines, &class.start())
                    .filter(|key| keys::class(key) == Some(class)));
            }
        }
    }

    /// Reads more entries of a class. Returns `false` if all have been read.
    fn read_more(&mut self, class: Class) -> Result<bool, EngineError> {
        let reader = self.reader();
        let queue = self.candidates.of(class);
        if queue.is_at_end {
            if !queue.has_skipped {
                return Ok(false);
            }
            *queue = Queue::default();
        }
        let start = class.start();
        let from = queue.last.as_deref().map_or(Bound::Included(&start[..]), Bound::Excluded);
        let mut keys = VecDeque::new();
        reader.range(Table::Deadlines, from, |key, _| {
            if keys::class(key) != Some(class) || keys.len() == PAGE {
                return ControlFlow::Break(());
            }
            keys.push_back(key.to_vec());
            ControlFlow::Continue(())
        })?;
        queue.is_at_end = keys.len() < PAGE;
        queue.last = keys.back().cloned().or(queue.last.take());
        queue.keys = keys;
        Ok(true)
    }

    /// Ends the session of an entry if it may be evicted, and corrects an outdated entry.
    fn evict(&mut self, key: &[u8], now: Timestamp, relists_left: &mut u32) -> Result<Option<SessionId>, CallError> {
        let Some(id) = keys::id(key) else {
            return Ok(None);
        };
        let frame = match self.find(id) {
            // One damaged page must not keep new sessions out forever.
            Err(error) if error.kind() == EngineErrorKind::Damaged => return Ok(None),
            Err(error) => return Err(error.into()),
            Ok(Found::Unreadable(RecordError::NewerFormat)) => return Ok(None),
            Ok(Found::Absent) => {
                self.remove(Table::Deadlines, key)?;
                return Ok(None);
            }
            Ok(Found::Unreadable(_)) => {
                self.remove(Table::Deadlines, key)?;
                return self.end(id);
            }
            Ok(Found::Frame(frame)) => frame,
        };
        if keys::deadline(frame.class(), frame.due, id) != *key {
            self.remove(Table::Deadlines, key)?;
            return Ok(None);
        }
        let has_expired = frame.record.has_expired(now);
        if !has_expired && (frame.class() == Class::SignedIn || (frame.is_stale() && *relists_left > 0)) {
            *relists_left = relists_left.saturating_sub(1);
            self.relist(frame)?;
            return Ok(None);
        }
        self.evicted_at = Some(key.to_vec()).filter(|_| frame.class() == Class::Anonymous);
        self.end(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eviction_continues_at_its_last_entry_and_starts_over_at_times() {
        let mut cursor = EvictionCursor::default();
        let start = |cursor: &EvictionCursor| {
            let anonymous = cursor.candidates().anonymous;
            assert_eq!(anonymous.has_skipped, anonymous.last.is_some());
            anonymous.last
        };
        for round in 0..2 {
            assert_eq!(start(&cursor), None, "{round}");
            for number in 1..EvictionCursor::TRANSACTIONS {
                let key = number.to_be_bytes().to_vec();
                cursor.advance(Some(key.clone()));
                cursor.advance(None);
                assert_eq!(start(&cursor), Some(key));
            }
            cursor.advance(Some(vec![1]));
        }
    }
}
