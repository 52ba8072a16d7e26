//! The store's write calls, inside a batch.

use sessions_store::{Changes, Created, Record, RecordError, Refusal, SessionId};

use crate::batch::Batch;
use crate::capacity::Usage;
use crate::engine::{EngineError, Reader, Table};
use crate::error::CallError;
use crate::frame::Frame;
use crate::keys;

/// What is stored under an id.
pub(crate) enum Found {
    Absent,
    /// Bytes that are damaged or of a newer format. Only calls that end the session may change
    /// them.
    Unreadable(RecordError),
    Frame(Frame),
}

impl<R: Reader> Batch<'_, R> {
    /// Reads the record of an id.
    pub(crate) fn find(&mut self, id: SessionId) -> Result<Found, EngineError> {
        let Some(bytes) = self.get(Table::Records, id.as_bytes())? else {
            return Ok(Found::Absent);
        };
        Ok(match Frame::decode(id, &bytes) {
            Ok(frame) => Found::Frame(frame),
            Err(error) => Found::Unreadable(error),
        })
    }

    /// Stores a new record, evicting others if the store is full.
    pub(crate) fn create(&mut self, record: &Record) -> Result<Created, CallError> {
        let id = record.id();
        if self.get(Table::Records, id.as_bytes())?.is_some() {
            return Ok(Created::Exists);
        }
        let frame = Frame::new(record.clone());
        let Some(evicted) = self.make_room(frame.len(), record.last_seen())? else {
            // The sessions evicted so far did not make enough room. They stay.
            self.roll_back();
            return Ok(Created::Full);
        };
        self.put(Table::Records, id.as_bytes(), &frame.encode())?;
        self.list(&frame)?;
        self.update_usage(|usage| usage.with(frame.len()))?;
        Ok(Created::stored(evicted))
    }

    /// Applies changes. An unreadable record is left as it is, and counts as gone.
    pub(crate) fn commit(&mut self, id: SessionId, changes: &Changes) -> Result<Result<Record, Refusal>, CallError> {
        let Found::Frame(frame) = self.find(id)? else {
            return Ok(Err(Refusal::Gone));
        };
        match frame.record.apply(changes) {
            Ok(record) => self.replace(&frame, record.clone()).map(|()| Ok(record)),
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    /// Ends a session, whether or not its record can be read. The index entries of an unreadable
    /// one are removed by the next operation that visits them.
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

    /// Ends a session, and returns its id if there was one.
    pub(crate) fn end(&mut self, id: SessionId) -> Result<Option<SessionId>, CallError> {
        Ok(self.destroy(id)?.then_some(id))
    }

    /// Lists a record under its current deadline in place of an earlier one.
    pub(crate) fn relist(&mut self, frame: Frame) -> Result<(), CallError> {
        self.unlist(&frame)?;
        let frame = Frame::new(frame.record);
        self.put(Table::Records, frame.record.id().as_bytes(), &frame.encode())?;
        self.list(&frame)
    }

    /// Replaces a record, if there is room for its growth.
    fn replace(&mut self, old: &Frame, record: Record) -> Result<(), CallError> {
        let id = record.id();
        let mut new = Frame::new(record);
        if new.class() == old.class() {
            // The sweep notices that a deadline has moved, so a touch needs no second write.
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

    /// Adds a record's index entries.
    fn list(&mut self, frame: &Frame) -> Result<(), CallError> {
        for (table, key) in frame.index_keys() {
            self.put(table, &key, &[])?;
        }
        Ok(())
    }

    /// Removes a record's index entries.
    fn unlist(&mut self, frame: &Frame) -> Result<(), CallError> {
        for (table, key) in frame.index_keys() {
            self.remove(table, &key)?;
        }
        Ok(())
    }

    /// Updates the counts of sessions and bytes.
    fn update_usage(&mut self, change: impl FnOnce(Usage) -> Usage) -> Result<(), CallError> {
        let usage = change(self.usage()?);
        self.put(Table::Meta, keys::USAGE, &usage.encode())?;
        Ok(())
    }
}
