//! Ending sessions, and storing their successor if the request began one.

use parking_lot::MutexGuard;

use super::{Create, Ending, Progress, Waiting, create};
use crate::error::{Error, ErrorKind, StoreError};
use crate::exchange::state::State;
use crate::id::SessionId;
use crate::manager::{DestroyReason, Event, StoreCall};
use crate::record::Changes;

/// The end of all that a request destroyed: its session, or each of several that its tokens opened.
pub(crate) struct Destroy {
    id: SessionId,
    successor: Option<Changes>,
}

impl Destroy {
    pub(super) fn start(ending: &Ending, mut state: MutexGuard<'_, State>, succeeded: bool) -> Result<Progress, Error> {
        let id = state.next_doomed().ok_or_else(|| Error::new(ErrorKind::NoSession))?;
        let successor = succeeded.then(|| create::first_changes(ending, &mut state));
        drop(state);
        Self { id, successor }.ask(ending)
    }

    fn ask(self, ending: &Ending) -> Result<Progress, Error> {
        match ending.inner.sessions.store().destroy(self.id).into_ready() {
            Ok(answer) => self.conclude(ending, answer),
            Err(answer) => Ok(Progress::Waiting(ending.pending(Waiting::Destroy(self, answer)))),
        }
    }

    pub(super) fn conclude(self, ending: &Ending, answer: Result<bool, StoreError>) -> Result<Progress, Error> {
        let existed = match answer {
            Ok(existed) => existed,
            // The session may live on, so a logout is not reported as done.
            Err(error) => return Err(ending.store_failed(StoreCall::Destroy, error, self.successor)),
        };
        if existed {
            ending.inner.raise(&Event::Destroyed { id: self.id, reason: DestroyReason::Logout });
        }
        let mut state = ending.inner.lock();
        state.forget_doomed(self.id);
        let next = state.next_doomed();
        drop(state);
        match (next, self.successor) {
            (Some(id), successor) => Self { id, successor }.ask(ending),
            (None, Some(changes)) => Create::start(ending, changes, 1),
            (None, None) => Ok(ending.finished(None)),
        }
    }
}
