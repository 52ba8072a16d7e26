//! The store's read calls.

use std::ops::{Bound, ControlFlow};

use sessions_store::{Cursor, Page, Record, SessionId, Timestamp};

use crate::capacity::Usage;
use crate::engine::{EngineError, EngineErrorKind, Reader, Table};
use crate::error::CallError;
use crate::frame::Frame;
use crate::keys;

/// Maximum number of records in a page, which is read on the caller's thread.
const MAX_PAGE: usize = 1000;

pub(crate) fn load<R: Reader>(reader: &R, id: SessionId) -> Result<Option<Record>, CallError> {
    let found = reader.get(Table::Records, id.as_bytes(), |bytes| Frame::decode(id, bytes))?;
    Ok(found.transpose()?.map(|frame| frame.record))
}

/// Returns the counts of sessions and bytes.
pub(crate) fn usage<R: Reader>(reader: &R) -> Result<Usage, EngineError> {
    Ok(reader.get(Table::Meta, keys::USAGE, Usage::decode)?.unwrap_or_default())
}

/// Counts a principal's entries in the index, some of which may have outlived their records.
pub(crate) fn count_of_principal<R: Reader>(reader: &R, principal: &str) -> Result<u64, CallError> {
    let mut count = 0;
    read_index(reader, principal, |_| count += 1)?;
    Ok(count)
}

fn read_index<R: Reader>(reader: &R, principal: &str, mut read: impl FnMut(&[u8])) -> Result<(), EngineError> {
    let prefix = keys::principal_prefix(principal);
    reader.range(Table::Principals, Bound::Included(&prefix), |key, _| {
        if !key.starts_with(&prefix) {
            return ControlFlow::Break(());
        }
        read(key);
        ControlFlow::Continue(())
    })
}

/// Returns a principal's records. Each is checked, since an index entry may have outlived its
/// record.
pub(crate) fn of_principal<R: Reader>(reader: &R, principal: &str, now: Timestamp) -> Result<Vec<Record>, CallError> {
    let mut ids = Vec::new();
    read_index(reader, principal, |key| ids.extend(keys::id(key)))?;
    let mut records = Vec::with_capacity(ids.len());
    for id in ids {
        match load(reader, id) {
            Ok(record) => {
                records.extend(record.filter(|record| record.is_live(now) && record.principal() == Some(principal)))
            }
            Err(CallError::Engine(error)) if error.kind() != EngineErrorKind::Damaged => return Err(error.into()),
            // Damage concerns its own session only, whether in the record or in the engine's page.
            Err(CallError::Record(_) | CallError::Engine(_) | CallError::Full) => {}
        }
    }
    Ok(records)
}

/// Returns the live records of a page. Dead ones count towards the page's length.
pub(crate) fn scan<R: Reader>(
    reader: &R,
    from: Option<&Cursor>,
    limit: usize,
    now: Timestamp,
) -> Result<Page, CallError> {
    let from = from.map_or(Bound::Unbounded, |cursor| Bound::Excluded(cursor.as_bytes()));
    let mut left = limit.clamp(1, MAX_PAGE);
    let mut records = Vec::new();
    let mut next = None;
    reader.range(Table::Records, from, |key, bytes| {
        let frame = keys::id(key).and_then(|id| Frame::decode(id, bytes).ok());
        records.extend(frame.map(|frame| frame.record).filter(|record| record.is_live(now)));
        left -= 1;
        if left == 0 {
            next = Some(Cursor::from_bytes(key));
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    Ok(Page::new(records, next))
}
