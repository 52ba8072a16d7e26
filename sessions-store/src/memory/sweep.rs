//! Sweeping and listing, one slice at a time.

use std::sync::atomic::Ordering::Relaxed;

use super::MemoryStore;
use super::slices::COUNT;
use crate::contract::{Cursor, Page};
use crate::id::SessionId;
use crate::timestamp::Timestamp;

impl MemoryStore {
    /// Removes at most `limit` expired records, beginning where the last sweep ended.
    ///
    /// Each slice is visited at most once. Expired records are collected under read locks, which
    /// block no load, and then removed one by one.
    pub(super) fn remove_expired(&self, limit: usize, now: Timestamp) -> Vec<SessionId> {
        let mut removed = Vec::new();
        let start = self.sweep_from.load(Relaxed);
        for number in (0..COUNT).map(|step| start.wrapping_add(step)) {
            self.sweep_from.store(number, Relaxed);
            self.sweep_slice(number, limit, now, &mut removed);
            if removed.len() >= limit {
                return removed;
            }
        }
        removed
    }

    fn sweep_slice(&self, number: usize, limit: usize, now: Timestamp, removed: &mut Vec<SessionId>) {
        let slice = self.slices.nth(number);
        while removed.len() < limit {
            let left = limit - removed.len();
            let expired = slice.records.iter().filter(|record| record.has_expired(now));
            let mut ids: Vec<_> = expired.map(|record| record.id()).take(left).collect();
            let is_last = ids.len() < left;
            // A record may have been seen since it was found.
            ids.retain(|id| self.remove_if(*id, |record| record.has_expired(now)));
            removed.append(&mut ids);
            if is_last {
                slice.trim();
                return;
            }
        }
    }

    /// Lists live sessions slice by slice until there are `limit`. A cursor is a slice's number.
    pub(super) fn list(&self, from: Option<&Cursor>, limit: usize, now: Timestamp) -> Page {
        let mut number = from.map_or(0, read);
        let mut records = Vec::new();
        while number < COUNT {
            let stored = self.slices.nth(number).records.iter();
            records.extend(stored.filter(|record| record.is_live(now)).map(|record| record.clone()));
            number += 1;
            if records.len() >= limit {
                break;
            }
        }
        Page::new(records, (number < COUNT).then(|| Cursor::from_bytes(number.to_le_bytes())))
    }
}

/// Reads the number of a slice. A cursor of another store is past the last one.
fn read(cursor: &Cursor) -> usize {
    cursor.as_bytes().try_into().map_or(COUNT, usize::from_le_bytes)
}
