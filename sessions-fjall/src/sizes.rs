//! The division of the disk space.
//!
//! An LSM tree takes more space than its content: a journal, replaced data that is not compacted
//! yet, and a second copy of the data that is being compacted. fjall starts a new journal after
//! 64 MB, so with a small volume or limit the store empties the journal itself.

use std::path::Path;

use sessions_disk::{Capacity, files};

use crate::builder::FjallBuilder;

/// Disk space below which fjall's own journals are too large.
const SMALL: u64 = 1 << 30;
const MEGABYTE: u64 = 1 << 20;

/// The parts of a store's disk space, which is the builder's limit or the smaller volume.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    room: u64,
}

impl Sizes {
    pub(crate) fn of(options: &FjallBuilder) -> Self {
        Self { room: options.max_bytes.min(files::volume_size(&options.path).unwrap_or(u64::MAX)) }
    }

    /// Returns whether the store empties the journal instead of fjall.
    pub(crate) const fn are_small(self) -> bool {
        self.room < SMALL
    }

    /// Returns the maximum length of the journal.
    pub(crate) fn journal(self) -> u64 {
        if self.are_small() { (self.room / 16).max(MEGABYTE / 2) } else { u64::MAX }
    }

    /// Returns the number of unsorted tables to compact at, `usize::MAX` to leave it to fjall.
    pub(crate) const fn unsorted_tables(self) -> usize {
        if self.are_small() { 3 } else { usize::MAX }
    }

    /// Returns the capacity of the store.
    ///
    /// In a small store, the data and the copy of a compaction take about a quarter each, journal
    /// and reserve the rest. A large one compacts a part of its data at a time.
    pub(crate) fn capacity(self, max_sessions: u64, reserve: &Path) -> Capacity {
        let per_byte = if self.are_small() { 4 } else { 2 };
        Capacity::new(max_sessions, self.room).estimate(300 * per_byte, per_byte).reserve(reserve, self.reserve())
    }

    fn reserve(self) -> u64 {
        (self.room / 8).clamp(MEGABYTE, 64 * MEGABYTE)
    }
}
