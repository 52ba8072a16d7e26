//! Committing to a live record.

use parking_lot::MutexGuard;

use super::{Before, Create, Ending, Mode, Progress, Waiting};
use crate::cookie::SetCookie;
use crate::cookie::{Secret, Token};
use crate::error::{Error, ErrorKind, StoreError};
use crate::exchange::state::{Live, State};
use crate::id::SessionId;
use crate::manager::expiry;
use crate::manager::{Event, StoreCall};
use crate::record::Changes;
use crate::record::Record;
use crate::store::Committed;

pub(crate) struct Apply {
    id: SessionId,
    changes: Changes,
    /// Is what opens the record once it is renewed.
    renewed: Option<Live>,
    /// Nothing is written but the time.
    is_touch: bool,
    /// Tells of a new token or of a later end. Formed first: what cannot be told to the client is
    /// not done.
    cookie: Option<SetCookie>,
    /// The handle shows the changes already.
    shown: Option<Before>,
}

impl Apply {
    pub(super) fn start(ending: &Ending, mut guard: MutexGuard<'_, State>, is_touch: bool) -> Result<Progress, Error> {
        let state = &mut *guard;
        let sessions = &ending.inner.sessions;
        let live = state.live.as_ref().ok_or_else(|| Error::new(ErrorKind::NoSession))?;
        let (id, hash) = (live.token.id(), live.hash);
        let now = sessions.now();
        let renewed = match state.renewal {
            true => Some(Live::new(id, Secret::random(&*sessions.config().entropy)?)),
            false => None,
        };
        // Whatever is committed moves the idle limit.
        let sends_cookie = renewed.is_some() || state.is_stale || sessions.config().expiry.cookie_persists();
        let told = sends_cookie.then(|| {
            let live = renewed.as_ref().or(state.live.as_ref())?;
            Some((live.token.clone(), state.view.base()?.clone()))
        });
        let changes = state.take_changes(now, hash, renewed.as_ref().map(|live| live.hash), sessions.config().limits);
        (state.renewal, state.touch_due) = (false, false);
        drop(guard);
        let cookie =
            match told.flatten().map(|(token, record)| token_cookie(ending, &token, &record, &changes)).transpose() {
                Ok(cookie) => cookie,
                Err(error) => {
                    ending.give_back(changes);
                    return Err(error);
                }
            };
        let mut apply = Self { id, changes, renewed, is_touch, cookie, shown: None };
        let answer = sessions.store().commit(id, &apply.changes);
        match answer.into_ready() {
            Ok(answer) => apply.conclude(ending, answer),
            Err(answer) => {
                if ending.is_watched() {
                    apply.shown = Some(Before(ending.inner.lock().show(apply.changes.clone())));
                }
                Ok(Progress::Waiting(ending.pending(Waiting::Apply(apply, answer))))
            }
        }
    }

    pub(super) fn conclude(
        &mut self,
        ending: &Ending,
        answer: Result<Committed, StoreError>,
    ) -> Result<Progress, Error> {
        match answer {
            Ok(Committed::Applied) => Ok(self.settle(ending)),
            Ok(Committed::Gone) if self.is_touch => Ok(ending.finished(None)),
            Ok(Committed::Gone) => self.gone(ending),
            Ok(Committed::Conflict) => Err(self.refused(ending, ErrorKind::Conflict)),
            Ok(Committed::TooLarge) => Err(self.refused(ending, ErrorKind::TooLarge)),
            Err(error) if self.is_touch => {
                ending.inner.raise(&Event::StoreFailed { call: StoreCall::Touch, kind: error.kind() });
                Ok(ending.finished(None))
            }
            Err(error) => {
                ending.hide(self.shown.take());
                Err(ending.store_failed(StoreCall::Commit, error, Some(self.changes.take())))
            }
        }
    }

    fn refused(&mut self, ending: &Ending, kind: ErrorKind) -> Error {
        ending.hide(self.shown.take());
        Error::new(kind)
    }

    fn settle(&mut self, ending: &Ending) -> Progress {
        let is_renewed = self.renewed.is_some();
        let mut state = ending.inner.lock();
        // The request may have ended the session meanwhile, and then wants nothing of this.
        let is_alive = state.live.is_some();
        if is_alive && is_renewed {
            state.live = self.renewed.take();
        }
        state.is_stale &= self.cookie.is_none();
        if is_alive && ending.is_watched() && self.shown.is_none() {
            state.settled = Some(Box::new(self.changes.take()));
        }
        let attach = ending.finish(&mut state, self.cookie.take().filter(|_| is_alive));
        drop(state);
        if is_renewed {
            ending.inner.raise(&Event::Renewed { id: self.id });
        }
        Progress::done(attach)
    }

    /// The session ended while the request was under way. A logout stays a logout; a login has
    /// proven who the visitor is, so it gets a session of its own, with this request's changes and
    /// nothing of the old.
    fn gone(&mut self, ending: &Ending) -> Result<Progress, Error> {
        let signs_in = self.changes.new_principal().is_some();
        ending.inner.lock().lose(signs_in);
        if signs_in {
            return Create::start(ending, self.changes.take(), 1);
        }
        let wrote = self.changes.edits().hold_writes() || self.changes.new_idle().is_some();
        let asked_for_more = wrote || self.renewed.is_some();
        if asked_for_more && ending.mode != (Mode::Head { failed: true }) {
            ending.inner.raise(&Event::Interrupted { id: self.id });
            return Err(Error::new(ErrorKind::Gone));
        }
        Ok(ending.finished(None))
    }
}

/// Forms the cookie of a session that is renewed or whose end is moved.
fn token_cookie(ending: &Ending, token: &Token, record: &Record, changes: &Changes) -> Result<SetCookie, Error> {
    let idle = changes.new_idle().or(record.idle());
    let ends = expiry::ends_at(changes.now(), idle, record.absolute_deadline());
    ending.inner.sessions.token_cookie(token, ends, changes.now())
}
