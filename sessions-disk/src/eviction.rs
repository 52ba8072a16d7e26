//! Who goes when the store is full: what has expired, and then the anonymous sessions that would
//! expire next.

use std::collections::VecDeque;
use std::ops::{Bound, ControlFlow};

use sessions_core::{RecordError, SessionId, Timestamp};

use crate::batch::Batch;
use crate::engine::{EngineError, EngineErrorKind, Reader, Table};
use crate::error::CallError;
use crate::keys::{self, Class};
use crate::writes::Found;

/// How many entries are read at once.
const PAGE: usize = 16;
/// How many sessions that were seen since they were listed one new session lists anew. Beyond them
/// the order is that of the list.
const LISTED_ANEW: u32 = 64;

/// The entries of the table of deadlines that a transaction has read for those who may go.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    anonymous: Queue,
    signed_in: Queue,
}

#[derive(Debug, Default)]
struct Queue {
    keys: VecDeque<Vec<u8>>,
    /// The last entry that was read, or the one to begin after.
    last: Option<Vec<u8>>,
    /// Reading began in the middle, so there may be entries before it.
    has_skipped: bool,
    is_at_end: bool,
}

/// Where the next eviction begins. Engines may have to step over all that was removed before it.
#[derive(Debug, Default)]
pub(crate) struct EvictionCursor {
    place: Option<Vec<u8>>,
    transactions: u32,
}

impl EvictionCursor {
    /// How many transactions pass before one begins at the beginning again, where others may have
    /// been listed since.
    const TRANSACTIONS: u32 = 256;

    pub(crate) fn candidates(&self) -> Candidates {
        Candidates::after(self.place.clone())
    }

    /// Notes where a transaction has evicted somebody.
    pub(crate) fn note(&mut self, evicted_at: Option<Vec<u8>>) {
        if evicted_at.is_some() {
            self.transactions = (self.transactions + 1) % Self::TRANSACTIONS;
            self.place = evicted_at.filter(|_| self.transactions != 0);
        }
    }
}

impl Candidates {
    /// Begins after an entry, and goes on at the beginning when there are no more.
    fn after(place: Option<Vec<u8>>) -> Self {
        let anonymous = Queue { has_skipped: place.is_some(), last: place, ..Queue::default() };
        Self { anonymous, ..Self::default() }
    }

    fn of(&mut self, class: Class) -> &mut Queue {
        match class {
            Class::Anonymous => &mut self.anonymous,
            Class::SignedIn => &mut self.signed_in,
        }
    }
}

impl<R: Reader> Batch<'_, R> {
    /// Evicts until a new record of so many bytes fits, and returns who went, or `None` if it
    /// cannot be made to fit.
    pub(crate) fn make_room(&mut self, bytes: u64, now: Timestamp) -> Result<Option<Vec<SessionId>>, CallError> {
        let mut evicted = Vec::new();
        let mut patience = LISTED_ANEW;
        loop {
            if self.limits().admit(self.usage()?.with(bytes)) {
                return Ok(Some(evicted));
            }
            let Some(key) = self.candidate(now)? else {
                return Ok(None);
            };
            evicted.extend(self.evict(&key, now, &mut patience)?);
        }
    }

    /// Returns the next entry of somebody who may go.
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

    /// Returns the first entry of a class that nobody has removed.
    fn front(&mut self, class: Class) -> Result<Option<Vec<u8>>, EngineError> {
        loop {
            while let Some(key) = self.candidates.of(class).keys.front().cloned() {
                if self.get(Table::Deadlines, &key)?.is_some() {
                    return Ok(Some(key));
                }
                self.candidates.of(class).keys.pop_front();
            }
            if !self.read_more(class)? {
                // What is left are those that came in this transaction.
                return Ok(self
                    .first_added(Table::Deadlines, &class.start())
                    .filter(|key| keys::class(key) == Some(class)));
            }
        }
    }

    /// Reads the next entries of a class, and returns whether there may be any.
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

    /// Ends the session of an entry, if it may go, and puts an entry right that is not.
    fn evict(&mut self, key: &[u8], now: Timestamp, patience: &mut u32) -> Result<Option<SessionId>, CallError> {
        let Some(id) = keys::id(key) else {
            return Ok(None);
        };
        let frame = match self.find(id) {
            // One damaged place must not keep new sessions out for ever.
            Err(error) if error.kind() == EngineErrorKind::Damaged => return Ok(None),
            Err(error) => return Err(error.into()),
            Ok(Found::Unreadable(RecordError::NewerFormat)) => return Ok(None),
            Ok(Found::Absent) => {
                self.remove(Table::Deadlines, key)?;
                return Ok(None);
            }
            Ok(Found::Unreadable(_)) => {
                self.remove(Table::Deadlines, key)?;
                return Ok(self.destroy(id)?.then_some(id));
            }
            Ok(Found::Frame(frame)) => frame,
        };
        if keys::deadline(frame.class(), frame.due, id) != *key {
            self.remove(Table::Deadlines, key)?;
            return Ok(None);
        }
        let has_expired = frame.record.has_expired(now);
        if !has_expired && (frame.class() == Class::SignedIn || (frame.is_stale() && *patience > 0)) {
            *patience = patience.saturating_sub(1);
            self.list_anew(frame)?;
            return Ok(None);
        }
        self.evicted_at = Some(key.to_vec()).filter(|_| frame.class() == Class::Anonymous);
        Ok(self.destroy(id)?.then_some(id))
    }
}
