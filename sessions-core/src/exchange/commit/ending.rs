//! How an exchange ends: whose turn it is, what the store is asked, and what the response's head
//! gets of it.

use std::sync::Arc;
use std::task::{Context, Waker};

use parking_lot::MutexGuard;

use super::{Apply, Create, Destroy, Pending, Progress, Waiting, create};
use crate::cookie::SetCookie;
use crate::error::{Error, ErrorKind, StoreError};
use crate::exchange::Inner;
use crate::exchange::outcome::{Blocked, Outcome, decide};
use crate::exchange::response::Attach;
use crate::exchange::state::State;
use crate::manager::{Event, StoreCall};
use crate::record::Changes;
use crate::record::Record;

/// Is the record that a handle showed before it showed what the store is asked for.
pub(super) struct Before(pub(super) Option<Record>);

/// Is the exchange that ends, and how.
pub(super) struct Ending {
    pub(super) inner: Arc<Inner>,
    pub(super) mode: Mode,
    /// Is there while it is this one's turn to go to the store.
    turn: Option<Held>,
}

/// Is a turn, which ends when this is dropped.
struct Held(Arc<Inner>);

impl Drop for Held {
    fn drop(&mut self) {
        let waiting = self.0.lock().turn.end();
        waiting.into_iter().for_each(Waker::wake);
    }
}

/// Says on which occasion is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The response's head is about to leave; `failed` if it keeps nothing of what the request
    /// wrote.
    Head { failed: bool },
    /// The handler asked for it, and goes on.
    Save,
    /// Nothing is written, but no other commit goes to the store until this one is dropped.
    Turn,
}

impl Ending {
    pub(super) const fn new(inner: Arc<Inner>, mode: Mode) -> Self {
        Self { inner, mode, turn: None }
    }

    /// Is how a save ends that somebody else concludes.
    pub(super) fn of_dropped_save(&self) -> Self {
        Self::new(Arc::clone(&self.inner), Mode::Save)
    }

    pub(super) fn begin(&mut self) -> Result<Progress, Error> {
        let mut state = self.inner.lock();
        if let Mode::Head { .. } = self.mode
            && (state.finished || !self.inner.is_loaded())
        {
            state.finished = true;
            return Ok(Progress::done(Attach::default()));
        }
        if self.turn.is_none() && state.is_busy() {
            let dropped = state.take_dropped();
            drop(state);
            return Ok(self.queue(dropped));
        }
        if self.mode == (Mode::Head { failed: true }) {
            state.drop_request_data();
        }
        let outcome = match self.mode {
            Mode::Turn => None,
            Mode::Head { .. } | Mode::Save => Some(decide(state.facts(self.inner.creates_nothing))),
        };
        if let Mode::Head { .. } = self.mode {
            state.finished = true;
        }
        let asks_store = outcome.is_none_or(Outcome::asks_store);
        // Nobody else can want a turn where nobody else has the session.
        if asks_store && self.turn.is_none() && self.is_watched() {
            state.begin_turn();
            self.turn = Some(Held(Arc::clone(&self.inner)));
        }
        outcome.map_or_else(|| Ok(Progress::done(Attach::default())), |outcome| self.execute(outcome, state))
    }

    /// Waits for the turn of others, or takes the place of one that was dropped.
    #[cold]
    fn queue(&mut self, dropped: Option<Box<Waiting>>) -> Progress {
        let Some(waiting) = dropped else { return Progress::Queued };
        self.turn = Some(Held(Arc::clone(&self.inner)));
        Progress::Inheriting(self.of_dropped_save().pending(*waiting))
    }

    fn execute(&self, outcome: Outcome, mut state: MutexGuard<'_, State>) -> Result<Progress, Error> {
        match outcome {
            Outcome::Keep => {
                state.renewal = false;
                Ok(Progress::done(self.finish(&mut state, None)))
            }
            Outcome::Touch | Outcome::Commit => Apply::start(self, state, outcome == Outcome::Touch),
            Outcome::Create => {
                let changes = create::first_changes(self, &mut state);
                drop(state);
                Create::start(self, changes, 1)
            }
            Outcome::Destroy => Destroy::start(self, state, false),
            Outcome::Replace => Destroy::start(self, state, true),
            Outcome::Interrupted => Err(Error::new(ErrorKind::Gone)),
            Outcome::Blocked(blocked) => Err(Error::new(match blocked {
                Blocked::Outage => ErrorKind::StoreUnavailable,
                Blocked::NewerFormat => ErrorKind::NewerFormat,
                Blocked::TooManyTokens => ErrorKind::TooManyTokens,
            })),
            Outcome::NotCreated if self.mode == Mode::Save => Err(Error::new(ErrorKind::NoSession)),
            Outcome::NotCreated => Ok(Progress::done(self.finish(&mut state, None))),
            Outcome::TooLate => {
                state.drop_late();
                Err(Error::new(ErrorKind::AlreadyCommitted))
            }
        }
    }

    pub(super) fn turn_has_come(&self, context: &Context<'_>) -> bool {
        self.inner.lock().turn.has_come(context)
    }

    pub(super) const fn has_turn(&self) -> bool {
        self.turn.is_some()
    }

    /// Says how it goes on, and ends the turn where it does not.
    pub(super) fn proceed(&mut self, progress: Result<Progress, Error>) -> Progress {
        let progress = progress.unwrap_or_else(|error| self.failed(error));
        if matches!(progress, Progress::Done(_)) && self.mode != Mode::Turn {
            self.turn = None;
        }
        progress
    }

    pub(super) fn pending(&self, waiting: Waiting) -> Box<Pending> {
        let leaves_to = (self.mode == Mode::Save).then(|| Arc::clone(&self.inner));
        Box::new(Pending { waiting: Some(waiting), leaves_to })
    }

    /// Says whether anybody but this commit has the session, and may look at it again.
    pub(super) fn is_watched(&self) -> bool {
        Arc::strong_count(&self.inner) > 1
    }

    /// Says what the response's head must carry, or keeps the cookie for it if the head is yet to
    /// come.
    pub(super) fn finish(&self, state: &mut State, cookie: Option<SetCookie>) -> Attach {
        let cookie = cookie.or_else(|| state.take_cookie());
        if self.mode == Mode::Save {
            if let Some(cookie) = cookie {
                state.keep_cookie(cookie);
            }
            return Attach::default();
        }
        let has_ended = state.destroyed && state.live.is_none();
        let removal = || (state.carried && has_ended).then(|| self.inner.sessions.removal_cookie());
        self.inner.attach(state, cookie.or_else(removal))
    }

    /// Ends without success. The cookie of a save that came before still belongs to the client.
    #[cold]
    fn failed(&self, error: Error) -> Progress {
        let mut cookie = None;
        if let Mode::Head { .. } = self.mode {
            let mut state = self.inner.lock();
            state.finished = true;
            cookie = state.take_cookie();
        }
        Progress::Done(Some(Err(match cookie {
            Some(_) => error.with_attach(Attach { cookie, vary: true, is_private: false }),
            None => error,
        })))
    }

    pub(super) fn finished(&self, cookie: Option<SetCookie>) -> Progress {
        Progress::done(self.finish(&mut self.inner.lock(), cookie))
    }

    /// Tells that the store failed, and gives the writes back.
    pub(super) fn store_failed(&self, call: StoreCall, error: StoreError, changes: Option<Changes>) -> Error {
        self.inner.raise(&Event::StoreFailed { call, kind: error.kind() });
        self.give_back(changes);
        error.into()
    }

    /// Gives writes that were not stored back to a handler that asked for a save, so that it may
    /// try again. After a head nobody does, and a destroy that came to nothing is not told as
    /// unsaved: the response tells of it.
    pub(super) fn give_back(&self, changes: impl Into<Option<Changes>>) {
        let mut state = self.inner.lock();
        match (self.mode, changes.into()) {
            (Mode::Save, Some(changes)) => state.take_back(changes),
            (Mode::Save, None) => {}
            (Mode::Head { .. } | Mode::Turn, _) => state.spare_doomed(),
        }
    }

    /// Hides what the handle showed while the store was asked, if it did, since the store has
    /// refused it.
    pub(super) fn hide(&self, shown: Option<Before>) {
        if let Some(Before(record)) = shown {
            self.inner.lock().hide(record);
        }
    }
}
