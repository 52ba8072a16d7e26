//! What one transaction reads and writes, before any of it is written.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use crate::capacity::{Limits, Usage};
use crate::engine::{EngineError, Reader, Table, Write};
use crate::eviction::Candidates;
use crate::keys;

type Key = (Table, Box<[u8]>);
type Value = Option<Arc<[u8]>>;

/// Is the state of the tables as the operations of a batch see it: what the engine has, under what
/// the operations before have changed.
///
/// So the engine needs no transaction that can be read from, and what a failed batch may have left
/// behind can be undone.
pub(crate) struct Batch<'a, R> {
    reader: &'a R,
    share: usize,
    limits: Limits,
    cells: BTreeMap<Key, Cell>,
    /// Holds what the present operation has replaced, in case that it fails alone.
    replaced: Vec<(Key, Value)>,
    pub(crate) candidates: Candidates,
    /// The entry of the session that was evicted last.
    pub(crate) evicted_at: Option<Vec<u8>>,
}

struct Cell {
    before: Value,
    after: Value,
}

/// Is what a batch does to one key.
#[derive(Debug)]
pub(crate) struct KeyChange {
    table: Table,
    key: Box<[u8]>,
    before: Value,
    after: Value,
}

impl<'a, R: Reader> Batch<'a, R> {
    pub(crate) fn new(reader: &'a R, share: usize, limits: Limits, candidates: Candidates) -> Self {
        Self { reader, share, limits, cells: BTreeMap::new(), replaced: Vec::new(), candidates, evicted_at: None }
    }

    pub(crate) const fn limits(&self) -> Limits {
        self.limits
    }

    pub(crate) fn usage(&mut self) -> Result<Usage, EngineError> {
        Ok(self.get(Table::Meta, keys::USAGE)?.map_or_else(Usage::default, |bytes| Usage::decode(&bytes)))
    }

    /// Returns the first key of a table from `start` on that the batch has added.
    pub(crate) fn first_added(&self, table: Table, start: &[u8]) -> Option<Vec<u8>> {
        let cells = self.cells.range((table, Box::from(start))..).take_while(|((of, _), _)| *of == table);
        cells.filter(|(_, cell)| cell.before.is_none() && cell.after.is_some()).map(|((_, key), _)| key.to_vec()).next()
    }

    /// Returns what the engine has, whatever the batch has changed.
    pub(crate) const fn reader(&self) -> &'a R {
        self.reader
    }

    /// Returns how many entries a walk may go over.
    pub(crate) const fn share(&self) -> usize {
        self.share
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

    /// Finds a cell. It is read from the engine once, also where it is only written: what was there
    /// before is needed to undo it.
    fn cell(&mut self, table: Table, key: &[u8]) -> Result<&mut Cell, EngineError> {
        match self.cells.entry((table, key.into())) {
            Entry::Occupied(cell) => Ok(cell.into_mut()),
            Entry::Vacant(place) => {
                let before = value(self.reader, table, key)?;
                let after = before.clone();
                Ok(place.insert(Cell { before, after }))
            }
        }
    }

    /// Begins an operation, whose changes stand alone.
    pub(crate) fn begin(&mut self) {
        self.replaced.clear();
    }

    /// Takes back what the operation has changed since it began. Whoever it had evicted may go for
    /// another.
    pub(crate) fn roll_back(&mut self) {
        self.candidates = Candidates::default();
        for (key, value) in self.replaced.drain(..).rev() {
            if let Some(cell) = self.cells.get_mut(&key) {
                cell.after = value;
            }
        }
    }

    /// Returns whether nothing would be written.
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
    pub(crate) fn write(&self) -> Write<'_> {
        Write::new(self.table, &self.key, self.after.as_deref())
    }

    /// Returns what has to be written to undo the change, if anything has come of it.
    pub(crate) fn undo<R: Reader>(&self, reader: &R) -> Result<Option<Write<'_>>, EngineError> {
        let undone = value(reader, self.table, &self.key)? == self.before;
        Ok((!undone).then(|| Write::new(self.table, &self.key, self.before.as_deref())))
    }
}

fn value<R: Reader>(reader: &R, table: Table, key: &[u8]) -> Result<Value, EngineError> {
    reader.get(table, key, |bytes| Arc::from(bytes))
}
