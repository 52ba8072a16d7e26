//! The reads and writes of one transaction, before any of it reaches the engine.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use crate::capacity::{Limits, Usage};
use crate::engine::{EngineError, Reader, Table, Write};
use crate::eviction::Candidates;
use crate::keys;

type Key = (Table, Box<[u8]>);
type Value = Option<Arc<[u8]>>;

/// The tables as a batch's operations see them: the engine's content with the changes so far.
///
/// So the engine needs no readable transactions, and a batch that failed halfway can be undone.
pub(crate) struct Batch<'a, R> {
    reader: &'a R,
    slice_entries: usize,
    limits: Limits,
    cells: BTreeMap<Key, Cell>,
    /// The values that the current operation has replaced, for rolling it back.
    replaced: Vec<(Key, Value)>,
    pub(crate) candidates: Candidates,
    /// Number of entries that may still be visited to bring the store back within its limits.
    pub(crate) surplus_left: usize,
    /// The entry of the last evicted session.
    pub(crate) evicted_at: Option<Vec<u8>>,
}

struct Cell {
    before: Value,
    after: Value,
}

/// A batch's change to one key.
#[derive(Debug)]
pub(crate) struct KeyChange {
    table: Table,
    key: Box<[u8]>,
    before: Value,
    after: Value,
}

impl<'a, R: Reader> Batch<'a, R> {
    pub(crate) fn new(reader: &'a R, slice_entries: usize, limits: Limits, candidates: Candidates) -> Self {
        Self {
            reader,
            slice_entries,
            limits,
            cells: BTreeMap::new(),
            replaced: Vec::new(),
            candidates,
            surplus_left: limits.max_surplus,
            evicted_at: None,
        }
    }

    pub(crate) const fn limits(&self) -> Limits {
        self.limits
    }

    pub(crate) fn usage(&mut self) -> Result<Usage, EngineError> {
        Ok(self.get(Table::Meta, keys::USAGE)?.map_or_else(Usage::default, |bytes| Usage::decode(&bytes)))
    }

    /// Returns a table's first key at or after `start` that the batch has added.
    pub(crate) fn first_added(&self, table: Table, start: &[u8]) -> Option<Vec<u8>> {
        let cells = self.cells.range((table, Box::from(start))..).take_while(|((of, _), _)| *of == table);
        cells.filter(|(_, cell)| cell.before.is_none() && cell.after.is_some()).map(|((_, key), _)| key.to_vec()).next()
    }

    /// Returns the engine's reader, which does not see the batch's changes.
    pub(crate) const fn reader(&self) -> &'a R {
        self.reader
    }

    /// Returns how many entries a bulk operation may visit.
    pub(crate) const fn slice_entries(&self) -> usize {
        self.slice_entries
    }

    pub(crate) fn get(&mut self, table: Table, key: &[u8]) -> Result<Value, EngineError> {
        Ok(self.cell(table, key)?.after.clone())
    }

    pub(crate) fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), EngineError> {
        self.set(table, key, Some(value.into()))
    }

    pub(crate) fn remove(&mut self, table: Table, key: &[u8]) -> Result<(), EngineError> {
        self.set(table, key, None)
    }

    fn set(&mut self, table: Table, key: &[u8], value: Value) -> Result<(), EngineError> {
        let replaced = std::mem::replace(&mut self.cell(table, key)?.after, value);
        self.replaced.push(((table, key.into()), replaced));
        Ok(())
    }

    /// Returns a key's cell, reading it from the engine the first time. Keys that are only written
    /// are read too: undoing a failed batch takes their old values.
    fn cell(&mut self, table: Table, key: &[u8]) -> Result<&mut Cell, EngineError> {
        match self.cells.entry((table, key.into())) {
            Entry::Occupied(cell) => Ok(cell.into_mut()),
            Entry::Vacant(vacant) => {
                let before = value(self.reader, table, key)?;
                let after = before.clone();
                Ok(vacant.insert(Cell { before, after }))
            }
        }
    }

    /// Starts an operation, which can then be rolled back by itself.
    pub(crate) fn begin_operation(&mut self) {
        self.replaced.clear();
    }

    /// Undoes the current operation's changes. The sessions that it evicted are candidates again.
    pub(crate) fn roll_back(&mut self) {
        self.candidates = Candidates::default();
        for (key, value) in self.replaced.drain(..).rev() {
            if let Some(cell) = self.cells.get_mut(&key) {
                cell.after = value;
            }
        }
    }

    /// Returns whether there is nothing to write.
    pub(crate) fn is_unchanged(&self) -> bool {
        self.cells.values().all(|cell| cell.before == cell.after)
    }

    /// Returns the changes, sorted by table and key.
    pub(crate) fn into_changes(self) -> Vec<KeyChange> {
        let cells = self.cells.into_iter();
        cells
            .filter(|(_, cell)| cell.before != cell.after)
            .map(|((table, key), cell)| KeyChange { table, key, before: cell.before, after: cell.after })
            .collect()
    }
}

impl KeyChange {
    /// Returns the write that makes the change.
    pub(crate) fn write(&self) -> Write<'_> {
        Write::new(self.table, &self.key, self.after.as_deref())
    }

    /// Returns the write that undoes the change, or `None` if the change never took effect.
    pub(crate) fn undo<R: Reader>(&self, reader: &R) -> Result<Option<Write<'_>>, EngineError> {
        let undone = value(reader, self.table, &self.key)? == self.before;
        Ok((!undone).then(|| Write::new(self.table, &self.key, self.before.as_deref())))
    }
}

fn value<R: Reader>(reader: &R, table: Table, key: &[u8]) -> Result<Value, EngineError> {
    reader.get(table, key, |bytes| Arc::from(bytes))
}
