//! Operations that end many sessions, in slices between the other operations.

use std::ops::{Bound, ControlFlow};
use std::sync::{Arc, Mutex, PoisonError};

use sessions_store::{RecordError, SessionId, Timestamp};

use crate::batch::Batch;
use crate::engine::{EngineError, EngineErrorKind, Reader, Table};
use crate::error::CallError;
use crate::keys::{self, Class};
use crate::operation::{Answer, Operation, run_isolated};
use crate::permits::Permit;
use crate::writes::Found;

/// Maximum number of entries that the bulk operations of one transaction visit together.
const ENTRIES: usize = 512;
/// The same maximum if other operations wait for the transaction.
const ENTRIES_BESIDE_OTHERS: usize = 64;
/// Maximum number of entries in a slice of a sweep, which has its own transaction. Other operations
/// wait for it.
pub(crate) const SWEEP_SLICE: usize = 256;
/// Maximum number of bulk operations in one transaction. Each visits at least one entry.
pub(crate) const MAX_BULK: usize = ENTRIES_BESIDE_OTHERS;

/// Returns how many entries each bulk operation of a transaction may visit.
///
/// So a long operation does not delay short ones, and all of them together do not delay the other
/// operations.
pub(crate) fn slice_entries(bulk: usize, others: usize) -> usize {
    let entries = if others == 0 { ENTRIES } else { ENTRIES_BESIDE_OTHERS };
    entries / bulk.max(1)
}

/// The sessions to end.
#[derive(Debug)]
pub(crate) enum Scope {
    Everything,
    OfPrincipal { principal: Box<str>, except: Option<SessionId> },
    Expired { now: Timestamp, limit: usize, resume: ResumePoint },
}

/// The key after which the next sweep starts, if the last one reached its limit.
///
/// Starting at the beginning, an engine may have to step over everything that earlier sweeps have
/// removed. A sweep that stays below its limit leaves no resume point, so the next one starts at
/// the beginning and finds what was listed before this key in the meantime.
pub(crate) type ResumePoint = Arc<Mutex<Option<Vec<u8>>>>;

/// Ends the sessions of a scope.
///
/// Slices run before the other operations of their transaction, and the first slice runs in the
/// transaction after the one in which the operation arrived. So everything accepted before it is in
/// the engine, where the operation reads. It may still see an entry that another bulk operation of
/// the same transaction has removed, and then finds no record.
pub(crate) struct BulkDestroy {
    scope: Scope,
    from: Bound<Vec<u8>>,
    ended: Ended,
    /// The first error of a single session, which did not stop the others.
    error: Option<CallError>,
    slice: Option<Slice>,
    permit: Permit,
    answer: Answer<Ended>,
}

/// The sessions that an operation has ended.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    pub(crate) count: usize,
    /// Their ids, unless the scope is everything, which may be millions.
    pub(crate) ids: Vec<SessionId>,
}

/// The result of one slice, discarded if its transaction fails.
struct Slice {
    ended: Vec<SessionId>,
    error: Option<CallError>,
    last: Option<Vec<u8>>,
    is_last: bool,
}

impl BulkDestroy {
    pub(crate) fn new(scope: Scope, permit: Permit, answer: Answer<Ended>) -> Self {
        Self { from: scope.start(), scope, ended: Ended::default(), error: None, slice: None, permit, answer }
    }

    /// Visits the next entries. An error of one session does not stop the others.
    fn slice<R: Reader>(&self, batch: &mut Batch<'_, R>) -> Result<Slice, EngineError> {
        let most = batch.slice_entries();
        let wanted = self.scope.limit() - self.ended.count;
        // One more than it visits shows whether there are more.
        let (keys, mut error) = self.keys(batch, most + 1)?;
        let mut ended = Vec::new();
        let mut last = None;
        let is_whole = keys.len() <= most;
        for key in keys.into_iter().take(most) {
            if ended.len() == wanted {
                break;
            }
            match run_isolated(batch, |batch| self.scope.visit(batch, &key))? {
                Ok(id) => ended.extend(id),
                Err(visited) => error = error.or(Some(visited)),
            }
            last = Some(key);
        }
        let is_last = is_whole || ended.len() == wanted;
        Ok(Slice { ended, error, last, is_last })
    }

    /// Returns the next entries, and the error that keeps those after them from being read.
    fn keys<R: Reader>(
        &self,
        batch: &Batch<'_, R>,
        most: usize,
    ) -> Result<(Vec<Vec<u8>>, Option<CallError>), EngineError> {
        let mut keys = Vec::new();
        let mut damage = None;
        for from in self.scope.ranges(self.from.as_ref().map(Vec::as_slice)) {
            let read = batch.reader().range(self.scope.table(), from, |key, _| {
                if keys.len() == most || !self.scope.includes(key) {
                    return ControlFlow::Break(());
                }
                keys.push(key.to_vec());
                ControlFlow::Continue(())
            });
            match read {
                Err(error) if error.kind() == EngineErrorKind::Damaged => damage = damage.or(Some(error.into())),
                read => read?,
            }
        }
        Ok((keys, damage))
    }
}

impl<R: Reader> Operation<R> for BulkDestroy {
    fn run(&mut self, batch: &mut Batch<'_, R>) -> Result<(), EngineError> {
        self.slice = Some(self.slice(batch)?);
        Ok(())
    }

    fn applied(mut self: Box<Self>) -> Option<Box<dyn Operation<R>>> {
        let slice = self.slice.take()?;
        self.ended.count += slice.ended.len();
        if !matches!(self.scope, Scope::Everything) {
            self.ended.ids.extend(slice.ended);
        }
        self.error = self.error.or(slice.error);
        if !slice.is_last {
            self.from = slice.last.map_or(self.from, Bound::Excluded);
            return Some(self);
        }
        self.scope.save_resume_point(self.ended.count, slice.last);
        let result = self.error.map_or(Ok(self.ended), Err);
        drop(self.permit);
        let _ = self.answer.send(result);
        None
    }

    fn failed(self: Box<Self>, error: &EngineError) {
        let _ = self.answer.send(Err(error.clone().into()));
    }
}

impl Scope {
    /// Returns whether no caller waits for the end of it.
    pub(crate) const fn is_background(&self) -> bool {
        match self {
            Self::Everything | Self::OfPrincipal { .. } => false,
            Self::Expired { .. } => true,
        }
    }

    const fn table(&self) -> Table {
        match self {
            Self::Everything => Table::Records,
            Self::OfPrincipal { .. } => Table::Principals,
            Self::Expired { .. } => Table::Deadlines,
        }
    }

    fn start(&self) -> Bound<Vec<u8>> {
        match self {
            Self::Everything => Bound::Unbounded,
            Self::OfPrincipal { principal, .. } => Bound::Included(keys::principal_prefix(principal).to_vec()),
            Self::Expired { resume, .. } => {
                let key = resume.lock().unwrap_or_else(PoisonError::into_inner).take();
                key.map_or(Bound::Unbounded, Bound::Excluded)
            }
        }
    }

    /// Returns the starts of the ranges to read. A sweep reads two: after the last expired
    /// anonymous session it skips to the signed-in ones.
    fn ranges<'a>(&self, from: Bound<&'a [u8]>) -> impl Iterator<Item = Bound<&'a [u8]>> {
        const SIGNED_IN: [u8; 1] = Class::SignedIn.start();
        let is_before = match from {
            Bound::Included(key) | Bound::Excluded(key) => *key < SIGNED_IN[..],
            Bound::Unbounded => true,
        };
        let has_two = matches!(self, Self::Expired { .. }) && is_before;
        [from].into_iter().chain(has_two.then_some(Bound::Included(&SIGNED_IN[..])))
    }

    /// Saves where a sweep that reached its limit has stopped.
    fn save_resume_point(&self, ended: usize, last: Option<Vec<u8>>) {
        if let Self::Expired { limit, resume, .. } = self
            && ended == *limit
        {
            *resume.lock().unwrap_or_else(PoisonError::into_inner) = last;
        }
    }

    const fn limit(&self) -> usize {
        match self {
            Self::Expired { limit, .. } => *limit,
            Self::Everything | Self::OfPrincipal { .. } => usize::MAX,
        }
    }

    fn includes(&self, key: &[u8]) -> bool {
        match self {
            Self::Everything => true,
            Self::OfPrincipal { principal, .. } => key.starts_with(&keys::principal_prefix(principal)),
            Self::Expired { now, .. } => keys::due(key).is_some_and(|due| due <= *now),
        }
    }

    /// Ends the session of an entry if it is in the scope, and removes an entry without a record.
    fn visit<R: Reader>(&self, batch: &mut Batch<'_, R>, key: &[u8]) -> Result<Option<SessionId>, CallError> {
        let Some(id) = keys::id(key) else {
            return Ok(None);
        };
        match self {
            Self::Everything => batch.end(id),
            Self::OfPrincipal { except, .. } if *except == Some(id) => Ok(None),
            Self::OfPrincipal { principal, .. } => visit_principal(batch, key, id, principal),
            Self::Expired { now, .. } => visit_due(batch, key, id, *now),
        }
    }
}

/// Ends a principal's session, even if its record cannot be read.
///
/// The index shows whose session it is, and a logout must also hold for a newer build, which can
/// read the record.
fn visit_principal<R: Reader>(
    batch: &mut Batch<'_, R>,
    key: &[u8],
    id: SessionId,
    principal: &str,
) -> Result<Option<SessionId>, CallError> {
    let found = batch.find(id)?;
    batch.remove(Table::Principals, key)?;
    match found {
        Found::Frame(frame) if frame.record.principal() != Some(principal) => Ok(None),
        _ => batch.end(id),
    }
}

/// Ends a session that has expired, and lists one again that has been seen since.
fn visit_due<R: Reader>(
    batch: &mut Batch<'_, R>,
    key: &[u8],
    id: SessionId,
    now: Timestamp,
) -> Result<Option<SessionId>, CallError> {
    let found = match batch.find(id) {
        // One damaged page must not keep the others from being swept.
        Err(error) if error.kind() == EngineErrorKind::Damaged => return Ok(None),
        found => found?,
    };
    match found {
        // The session may be live. Only the build that wrote it can tell.
        Found::Unreadable(RecordError::NewerFormat) => return Ok(None),
        Found::Frame(frame) if !frame.record.has_expired(now) => {
            batch.remove(Table::Deadlines, key)?;
            if keys::deadline(frame.class(), frame.due, id) == *key {
                batch.relist(frame)?;
            }
            return Ok(None);
        }
        Found::Absent | Found::Unreadable(_) | Found::Frame(_) => {}
    }
    batch.remove(Table::Deadlines, key)?;
    batch.end(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bulk_operations_share_the_entries_of_a_transaction() {
        for (bulk, others, entries) in
            [(1, 0, 512), (2, 0, 256), (64, 0, 8), (1, 1, 64), (1, 500, 64), (2, 1, 32), (64, 1, 1), (0, 0, 512)]
        {
            assert_eq!(slice_entries(bulk, others), entries, "{bulk} {others}");
        }
    }
}
