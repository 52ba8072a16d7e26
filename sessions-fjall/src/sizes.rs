//! How the room on the disk is shared out.
//!
//! An LSM tree takes more room than what is in it: a journal, what was replaced and not yet
//! compacted, and a second copy of what is being compacted. fjall begins a new journal when one has
//! 64 MB, so on a small volume, or under a small limit, the store sees to it itself.

use std::path::Path;

use sessions_disk::{Capacity, files};

use crate::builder::FjallBuilder;

/// Below this, fjall's own journals are too large.
const SMALL: u64 = 1 << 30;
const MEGABYTE: u64 = 1 << 20;

/// The parts of the room that a store may use: what the builder says, or less where the volume is
/// smaller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    room: u64,
}

impl Sizes {
    pub(crate) fn of(options: &FjallBuilder) -> Self {
        Self { room: options.max_bytes.min(files::volume_size(&options.path).unwrap_or(u64::MAX)) }
    }

    /// Returns whether the store empties the journal, instead of fjall.
    pub(crate) const fn are_small(self) -> bool {
        self.room < SMALL
    }

    /// Returns how long the journal may get.
    pub(crate) fn journal(self) -> u64 {
        if self.are_small() { (self.room / 16).max(MEGABYTE / 2) } else { u64::MAX }
    }

    /// Returns how many unsorted tables there may be before they are compacted, `usize::MAX` where
    /// fjall does it.
    pub(crate) const fn unsorted_tables(self) -> usize {
        if self.are_small() { 3 } else { usize::MAX }
    }

    /// Returns the capacity of the store. An empty journal, one copy, the other copy and the
    /// reserve have about a quarter each in a small one; a large one compacts a part at a time.
    pub(crate) fn capacity(self, max_sessions: u64, reserve: &Path) -> Capacity {
        let per_byte = if self.are_small() { 4 } else { 2 };
        Capacity::new(max_sessions, self.room).estimate(300 * per_byte, per_byte).reserve(reserve, self.reserve())
    }

    fn reserve(self) -> u64 {
        (self.room / 8).clamp(MEGABYTE, 64 * MEGABYTE)
    }
}
