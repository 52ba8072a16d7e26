//! What the calls of the store make of the tables, inside a batch.

use sessions_core::{Changes, Committed, Created, Record, RecordError, SecretHash, SessionId, Taken, Timestamp};

use crate::batch::Batch;
use crate::capacity::Usage;
use crate::engine::{EngineError, Reader, Table};
use crate::error::CallError;
use crate::frame::Frame;
use crate::keys;

/// Is what lies under an id.
pub(crate) enum Found {
    Absent,
    /// Bytes that are damaged, or of a newer format. Only a call that ends the session may touch
    /// them.
    Unreadable(RecordError),
    Frame(Frame),
}

impl<R: Reader> Batch<'_, R> {
    pub(crate) fn find(&mut self, id: SessionId) -> Result<Found, EngineError> {
        let Some(bytes) = self.get(Table::Records, id.as_bytes())? else {
            return Ok(Found::Absent);
        };
        Ok(match Frame::decode(id, &bytes) {
            Ok(frame) => Found::Frame(frame),
            Err(error) => Found::Unreadable(error),
        })
    }

    /// Stores a new record, and evicts others where there is no room for it.
    pub(crate) fn create(&mut self, record: &Record) -> Result<Created, CallError> {
        let id = record.id();
        if self.get(Table::Records, id.as_bytes())?.is_some() {
            return Ok(Created::Exists);
        }
        let frame = Frame::new(record.clone());
        let Some(evicted) = self.make_room(frame.len(), record.last_seen())? else {
            // Nobody goes for nothing.
            self.roll_back();
            return Ok(Created::Full);
        };
        self.put(Table::Records, id.as_bytes(), &frame.encode())?;
        self.list(&frame)?;
        self.update_usage(|usage| usage.with(frame.len()))?;
        Ok(Created::Stored { evicted })
    }

    /// Applies changes. What cannot be read is gone for those who would write to it: it is left as
    /// it is.
    pub(crate) fn commit(&mut self, id: SessionId, changes: &Changes) -> Result<Committed, CallError> {
        let Found::Frame(frame) = self.find(id)? else {
            return Ok(Committed::Gone);
        };
        match frame.record.apply(changes) {
            Ok(record) => self.replace(&frame, record).map(|()| Committed::Applied),
            Err(refusal) => Ok(refusal.into()),
        }
    }

    pub(crate) fn take(
        &mut self,
        id: SessionId,
        expected: &SecretHash,
        key: &str,
        now: Timestamp,
    ) -> Result<Taken, CallError> {
        let Found::Frame(frame) = self.find(id)? else {
            return Ok(Taken::Gone);
        };
        let Ok(record) = frame.record.apply(&Changes::new(now, *expected).remove(key)) else {
            return Ok(Taken::Gone);
        };
        let Some(entry) = frame.record.entry(key) else {
            return Ok(Taken::Absent);
        };
        self.replace(&frame, record)?;
        Ok(Taken::Value(entry.value().to_vec()))
    }

    /// Ends a session, whatever its bytes are. Where they cannot be read, what lists them is left
    /// to those who come upon it.
    pub(crate) fn destroy(&mut self, id: SessionId) -> Result<bool, CallError> {
        let Some(bytes) = self.get(Table::Records, id.as_bytes())? else {
            return Ok(false);
        };
        if let Ok(frame) = Frame::decode(id, &bytes) {
            self.unlist(&frame)?;
        }
        self.remove(Table::Records, id.as_bytes())?;
        self.update_usage(|usage| usage.without(bytes.len() as u64))?;
        Ok(true)
    }

    /// Lists a record that has outlived the time under which it was listed at its present deadline.
    pub(crate) fn list_anew(&mut self, frame: Frame) -> Result<(), CallError> {
        self.unlist(&frame)?;
        let frame = Frame::new(frame.record);
        self.put(Table::Records, frame.record.id().as_bytes(), &frame.encode())?;
        self.list(&frame)
    }

    fn replace(&mut self, old: &Frame, record: Record) -> Result<(), CallError> {
        let id = record.id();
        let mut new = Frame::new(record);
        if new.class() == old.class() {
            // A deadline that moved away is left for the sweep to find: touching a session costs no
            // second write.
            new.due = new.due.min(old.due);
        }
        if new.len() > old.len() && !self.limits().admit_growth(self.usage()?, new.len() - old.len()) {
            return Err(CallError::Full);
        }
        self.put(Table::Records, id.as_bytes(), &new.encode())?;
        if new.due != old.due || new.record.principal() != old.record.principal() {
            self.unlist(old)?;
            self.list(&new)?;
        }
        if new.len() == old.len() { Ok(()) } else { self.update_usage(|usage| usage.resized(old.len(), new.len())) }
    }

    fn list(&mut self, frame: &Frame) -> Result<(), CallError> {
        let id = frame.record.id();
        if let Some(principal) = frame.record.principal() {
            self.put(Table::Principals, &keys::principal(principal, id), &[])?;
        }
        if frame.due != Timestamp::NEVER {
            self.put(Table::Deadlines, &keys::deadline(frame.class(), frame.due, id), &[])?;
        }
        Ok(())
    }

    fn unlist(&mut self, frame: &Frame) -> Result<(), CallError> {
        let id = frame.record.id();
        if let Some(principal) = frame.record.principal() {
            self.remove(Table::Principals, &keys::principal(principal, id))?;
        }
        if frame.due != Timestamp::NEVER {
            self.remove(Table::Deadlines, &keys::deadline(frame.class(), frame.due, id))?;
        }
        Ok(())
    }

    fn update_usage(&mut self, change: impl FnOnce(Usage) -> Usage) -> Result<(), CallError> {
        let usage = change(self.usage()?);
        self.put(Table::Meta, keys::USAGE, &usage.encode())?;
        Ok(())
    }
}

/// Reads a number of the table `meta`; bytes that are none count as 0.
pub(crate) fn number(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_le_bytes)
}
