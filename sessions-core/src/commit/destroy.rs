//! Ending a session, and storing its successor if the request began one.

use parking_lot::MutexGuard;

use super::{Create, Ending, Progress, Waiting, create};
use crate::changes::Changes;
use crate::error::{Error, ErrorKind, StoreError};
use crate::event::{DestroyReason, Event, StoreCall};
use crate::id::SessionId;
use crate::state::State;

pub(crate) struct Destroy {
    id: SessionId,
    successor: Option<Changes>,
}

impl Destroy {
    pub(super) fn start(ending: &Ending, mut state: MutexGuard<'_, State>, succeeded: bool) -> Result<Progress, Error> {
        let id = state.doomed.ok_or_else(|| Error::new(ErrorKind::NoSession))?;
        let successor = succeeded.then(|| create::first_changes(ending, &mut state));
        drop(state);
        let answer = ending.inner.sessions.store().destroy(id);
        let destroy = Self { id, successor };
        match answer.into_ready() {
            Ok(answer) => destroy.conclude(ending, answer),
            Err(answer) => Ok(Progress::Waiting(ending.pending(Waiting::Destroy(destroy, answer)))),
        }
    }

    pub(super) fn conclude(self, ending: &Ending, answer: Result<bool, StoreError>) -> Result<Progress, Error> {
        let existed = match answer {
            Ok(existed) => existed,
            // The session may live on, so a logout is not reported as done.
            Err(error) => return Err(ending.store_failed(StoreCall::Destroy, error, self.successor)),
        };
        ending.inner.lock().doomed = None;
        if existed {
            ending.inner.raise(Event::Destroyed { id: self.id, reason: DestroyReason::Logout });
        }
        match self.successor {
            Some(changes) => Create::start(ending, changes, 1),
            None => Ok(ending.finished(None)),
        }
    }
}
