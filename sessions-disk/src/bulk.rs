//! Operations that go over many records, in slices between the others.

use std::ops::{Bound, ControlFlow};
use std::sync::{Arc, Mutex, PoisonError};

use sessions_core::{SessionId, Timestamp};

use crate::batch::Batch;
use crate::engine::{EngineError, EngineErrorKind, Reader, Table};
use crate::error::CallError;
use crate::keys::{self, Class};
use crate::operation::{Answer, Operation, run_isolated};
use crate::permits::Permit;
use crate::writes::Found;

/// Is how many entries the walks of one transaction go over together, at most.
const ENTRIES: usize = 512;
/// Is how many where other operations wait for the same transaction.
const ENTRIES_BESIDE_OTHERS: usize = 64;
/// Is how many a slice of a sweep goes over, which has its transaction for itself. Others wait for
/// it to end.
pub(crate) const SWEEP: usize = 256;
/// Is how many walks share one transaction, at most: each goes over one entry at least.
pub(crate) const WALKS: usize = ENTRIES_BESIDE_OTHERS;

/// Returns how many entries each of a transaction's walks may go over, so that a long one does not
/// hold up the short ones, nor all of them the others.
pub(crate) fn share(walks: usize, others: usize) -> usize {
    let entries = if others == 0 { ENTRIES } else { ENTRIES_BESIDE_OTHERS };
    entries / walks.max(1)
}

/// Says which sessions to end.
#[derive(Debug)]
pub(crate) enum Scope {
    Everything,
    OfPrincipal { principal: Box<str>, except: Option<SessionId> },
    Expired { now: Timestamp, limit: usize, resume: ResumePoint },
}

/// Remembers where a sweep that reached its limit stopped, for the next one to go on there.
///
/// An engine may have to step over everything that earlier sweeps removed. A sweep that finds less
/// than it may remove leaves nothing here, so the next one begins at the beginning and misses
/// nothing that was listed behind this place.
pub(crate) type ResumePoint = Arc<Mutex<Option<Vec<u8>>>>;

/// Ends the sessions of a scope.
///
/// The slices come first in their transaction, and the walk begins with the transaction after the
/// one that it was taken with. So it sees all that was accepted before it, in the engine itself.
/// What another walk of the same transaction has removed it may still see listed, and finds that it
/// leads nowhere.
pub(crate) struct BulkDestroy {
    scope: Scope,
    from: Bound<Vec<u8>>,
    ended: Vec<SessionId>,
    /// Is what went wrong first at one place, and did not end the walk.
    fault: Option<CallError>,
    slice: Option<Slice>,
    permit: Permit,
    answer: Answer<Vec<SessionId>>,
}

/// Is what one slice has come to, to be forgotten if its transaction fails.
struct Slice {
    ended: Vec<SessionId>,
    fault: Option<CallError>,
    last: Option<Vec<u8>>,
    is_last: bool,
}

impl BulkDestroy {
    pub(crate) fn new(scope: Scope, permit: Permit, answer: Answer<Vec<SessionId>>) -> Self {
        Self { from: scope.start(), scope, ended: Vec::new(), fault: None, slice: None, permit, answer }
    }

    /// Goes over the next entries. One at a damaged place keeps none of the others from being
    /// ended.
    fn slice<R: Reader>(&self, batch: &mut Batch<'_, R>) -> Result<Slice, EngineError> {
        let most = batch.share();
        let wanted = self.scope.limit() - self.ended.len();
        // One more than it goes over tells whether there are more.
        let (keys, mut fault) = self.keys(batch, most + 1)?;
        let mut ended = Vec::new();
        let mut last = None;
        let is_whole = keys.len() <= most;
        for key in keys.into_iter().take(most) {
            if ended.len() == wanted {
                break;
            }
            match run_isolated(batch, |batch| self.scope.visit(batch, &key))? {
                Ok(id) => ended.extend(id),
                Err(visited) => fault = fault.or(Some(visited)),
            }
            last = Some(key);
        }
        let is_last = is_whole || ended.len() == wanted;
        Ok(Slice { ended, fault, last, is_last })
    }

    /// Returns the next entries, and what keeps those behind them from being read.
    fn keys<R: Reader>(
        &self,
        batch: &Batch<'_, R>,
        most: usize,
    ) -> Result<(Vec<Vec<u8>>, Option<CallError>), EngineError> {
        let mut keys = Vec::new();
        let mut fault = None;
        for from in self.scope.ranges(self.from.as_ref().map(Vec::as_slice)) {
            let read = batch.reader().range(self.scope.table(), from, |key, _| {
                if keys.len() == most || !self.scope.includes(key) {
                    return ControlFlow::Break(());
                }
                keys.push(key.to_vec());
                ControlFlow::Continue(())
            });
            match read {
                Err(error) if error.kind() == EngineErrorKind::Damaged => fault = fault.or(Some(error.into())),
                read => read?,
            }
        }
        Ok((keys, fault))
    }
}

impl<R: Reader> Operation<R> for BulkDestroy {
    fn run(&mut self, batch: &mut Batch<'_, R>) -> Result<(), EngineError> {
        self.slice = Some(self.slice(batch)?);
        Ok(())
    }

    fn applied(mut self: Box<Self>) -> Option<Box<dyn Operation<R>>> {
        let slice = self.slice.take()?;
        self.ended.extend(slice.ended);
        self.fault = self.fault.or(slice.fault);
        if !slice.is_last {
            self.from = slice.last.map_or(self.from, Bound::Excluded);
            return Some(self);
        }
        self.scope.save_resume_point(self.ended.len(), slice.last);
        let result = self.fault.map_or(Ok(self.ended), Err);
        drop(self.permit);
        let _ = self.answer.send(result);
        None
    }

    fn failed(self: Box<Self>, error: &EngineError) {
        let _ = self.answer.send(Err(error.clone().into()));
    }
}

impl Scope {
    /// Says whether nobody waits for the end of it.
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
                let place = resume.lock().unwrap_or_else(PoisonError::into_inner).take();
                place.map_or(Bound::Unbounded, Bound::Excluded)
            }
        }
    }

    /// Returns where to begin, and where to begin again with what lies behind entries that are not
    /// in the scope.
    fn ranges<'a>(&self, from: Bound<&'a [u8]>) -> impl Iterator<Item = Bound<&'a [u8]>> {
        const SIGNED_IN: [u8; 1] = Class::SignedIn.start();
        let is_before = match from {
            Bound::Included(key) | Bound::Excluded(key) => *key < SIGNED_IN[..],
            Bound::Unbounded => true,
        };
        let has_two = matches!(self, Self::Expired { .. }) && is_before;
        [from].into_iter().chain(has_two.then_some(Bound::Included(&SIGNED_IN[..])))
    }

    /// Notes where the walk has ended.
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

    /// Ends the session that an entry names, if it is in the scope, and clears away an entry that
    /// leads nowhere.
    fn visit<R: Reader>(&self, batch: &mut Batch<'_, R>, key: &[u8]) -> Result<Option<SessionId>, CallError> {
        let Some(id) = keys::id(key) else {
            return Ok(None);
        };
        match self {
            Self::Everything => end(batch, id),
            Self::OfPrincipal { except, .. } if *except == Some(id) => Ok(None),
            Self::OfPrincipal { principal, .. } => visit_principal(batch, key, id, principal),
            Self::Expired { now, .. } => visit_due(batch, key, id, *now),
        }
    }
}

fn end<R: Reader>(batch: &mut Batch<'_, R>, id: SessionId) -> Result<Option<SessionId>, CallError> {
    Ok(batch.destroy(id)?.then_some(id))
}

/// Ends a session also where its record cannot be read: the index says whose it is, and a logout
/// must hold when a newer build, which could read it, is back.
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
        _ => end(batch, id),
    }
}

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
        // It may be the record of a live session; only the build that wrote it can tell.
        Found::Unreadable(sessions_core::RecordError::NewerFormat) => return Ok(None),
        Found::Frame(frame) if frame.record.is_live(now) => {
            batch.remove(Table::Deadlines, key)?;
            if keys::deadline(frame.class(), frame.due, id) == *key {
                batch.list_anew(frame)?;
            }
            return Ok(None);
        }
        Found::Absent | Found::Unreadable(_) | Found::Frame(_) => {}
    }
    batch.remove(Table::Deadlines, key)?;
    end(batch, id)
}
