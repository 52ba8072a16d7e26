//! Committing to a live record.

use parking_lot::MutexGuard;

use super::{Create, Ending, Mode, Progress, Waiting};
use crate::changes::Changes;
use crate::cookie::SetCookie;
use crate::error::{Error, ErrorKind, StoreError};
use crate::event::{Event, StoreCall};
use crate::expiry;
use crate::id::SessionId;
use crate::state::{Live, State};
use crate::store::Committed;
use crate::token::Secret;

pub(super) struct Apply {
    id: SessionId,
    changes: Changes,
    /// Is what opens the record once it is renewed.
    renewed: Option<Live>,
    /// Nothing is written but the time.
    is_touch: bool,
    /// The cookie's age is to be sent again.
    refresh: bool,
}

impl Apply {
    pub(super) fn start(ending: &Ending, mut guard: MutexGuard<'_, State>, is_touch: bool) -> Result<Progress, Error> {
        let state = &mut *guard;
        let sessions = &ending.inner.sessions;
        let live = state.live.as_ref().ok_or_else(|| Error::new(ErrorKind::NoSession))?;
        let (id, hash) = (live.token.id(), live.hash);
        let now = sessions.now();
        let renewed = match state.renewal {
            true => Some(Live::new(id, Secret::random(&sessions.config().entropy, now)?)),
            false => None,
        };
        let refresh = sessions.config().expiry.cookie_persists() && (state.touch_due || state.idle.is_some());
        let changes = state.take_changes(now, hash, renewed.as_ref().map(|live| live.hash));
        (state.renewal, state.touch_due) = (false, false);
        drop(guard);
        let mut apply = Self { id, changes, renewed, is_touch, refresh };
        let answer = sessions.store().commit(id, &apply.changes);
        match answer.into_ready() {
            Ok(answer) => apply.conclude(ending, answer),
            Err(answer) => Ok(Progress::Waiting(Box::new(Waiting::Apply(apply, answer)))),
        }
    }

    pub(super) fn conclude(
        &mut self,
        ending: &Ending,
        answer: Result<Committed, StoreError>,
    ) -> Result<Progress, Error> {
        match answer {
            Ok(Committed::Applied) => self.settle(ending),
            Ok(Committed::Gone) if self.is_touch => Ok(ending.finished(None)),
            Ok(Committed::Gone) => self.gone(ending),
            Ok(Committed::Conflict) => Err(Error::new(ErrorKind::Conflict)),
            Err(error) if self.is_touch => {
                ending.inner.raise(Event::StoreFailed { call: StoreCall::Touch, kind: error.kind() });
                Ok(ending.finished(None))
            }
            Err(error) => Err(ending.store_failed(StoreCall::Commit, error, Some(self.changes.take()))),
        }
    }

    fn settle(&mut self, ending: &Ending) -> Result<Progress, Error> {
        let is_renewed = self.renewed.is_some();
        let mut state = ending.inner.lock();
        if is_renewed {
            state.live = self.renewed.take();
        }
        let sends_cookie = is_renewed || self.refresh;
        let cookie = if sends_cookie { token_cookie(ending, &state, &self.changes)? } else { None };
        if ending.is_watched() {
            state.settled = Some(Box::new(self.changes.take()));
        }
        let attach = ending.finish(&mut state, cookie);
        drop(state);
        if is_renewed {
            ending.inner.raise(Event::Renewed { id: self.id });
        }
        Ok(Progress::done(attach))
    }

    /// The session ended while the request was under way. A logout stays a logout; a login has proven who the visitor is, so it gets
    /// a session of its own, with this request's changes and nothing of the old.
    fn gone(&mut self, ending: &Ending) -> Result<Progress, Error> {
        ending.inner.lock().lose();
        if self.changes.new_principal().is_some() {
            return Create::start(ending, self.changes.take(), 1);
        }
        let wrote = self.changes.edits().hold_writes() || self.changes.new_idle().is_some();
        let asked_for_more = wrote || self.renewed.is_some();
        if asked_for_more && ending.mode != (Mode::Head { failed: true }) {
            ending.inner.raise(Event::Interrupted { id: self.id });
            return Err(Error::new(ErrorKind::Gone));
        }
        Ok(ending.finished(None))
    }
}

/// Forms the cookie of a session that was renewed or whose limit was moved.
fn token_cookie(ending: &Ending, state: &State, changes: &Changes) -> Result<Option<SetCookie>, Error> {
    let (Some(live), Some(record)) = (&state.live, state.view.base()) else { return Ok(None) };
    let idle = changes.new_idle().or(record.idle());
    let ends = expiry::ends_at(changes.now(), idle, record.absolute_deadline());
    ending.inner.sessions.token_cookie(&live.token, ends, changes.now()).map(Some)
}
