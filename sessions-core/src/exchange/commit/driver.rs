//! One commit, from waiting for its turn to its result.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use parking_lot::MutexGuard;
use sessions_store::{Changes, Created, Record, Refusal, SessionId, StoreError, StoreFuture};

use super::create::{self, Create};
use super::destroy::Destroy;
use super::error::CommitError;
use super::limit;
use super::sign_in::SignIn;
use super::update::Update;
use crate::cookie::{SetCookie, Transport};
use crate::error::{Error, ErrorKind};
use crate::exchange::outcome::{Outcome, decide};
use crate::exchange::response::{SessionHeaders, Vary};
use crate::exchange::shared::Shared;
use crate::exchange::state::{Dropped, State};
use crate::manager::{Event, Principal};

/// One commit of an exchange.
pub(super) struct Driver {
    pub(super) shared: Arc<Shared>,
    pub(super) occasion: Occasion,
    /// The number of `destroy` calls when the writes were taken, once they were. A later `destroy`
    /// makes them obsolete.
    pub(super) destroys: u32,
    turn: Option<TurnGuard>,
}

/// Why a commit runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    /// The response headers are about to be sent; `drops_writes` drops the request's writes, except
    /// a destroy and a renewal.
    Headers { drops_writes: bool },
    /// The handler called `save`, and continues.
    Save,
}

/// The answer to a store operation.
pub(super) type Answer<T> = Result<T, StoreError>;

/// The next step of a commit.
pub(super) enum Step {
    Done(SessionHeaders),
    /// Boxed to keep a step small when the store answers at once.
    Ask(Box<Question>),
}

/// An unanswered store operation.
///
/// It holds no reference to the exchange, because the exchange may have to keep it.
pub(crate) enum Question {
    Update(Update, StoreFuture<Result<Record, Refusal>>),
    Create(Create, StoreFuture<Created>),
    Destroy(Destroy, StoreFuture<bool>),
    SignIn(SignIn, StoreFuture<Option<Record>>),
    /// The headers that a login has ended with, and whether the principal limit admits it.
    Limit(SessionHeaders, StoreFuture<bool>),
}

/// Permission to use the store while other commits of the exchange wait.
pub(crate) struct TurnGuard(Arc<Shared>);

impl Drop for TurnGuard {
    fn drop(&mut self) {
        let waiting = self.0.lock().end_turn();
        waiting.into_iter().for_each(Waker::wake);
    }
}

/// Saves the request's writes.
pub(crate) async fn save(shared: &Arc<Shared>) -> Result<(), Error> {
    let mut driver = Driver::new(Arc::clone(shared), Occasion::Save);
    let begun = driver.begin();
    driver.run(begun).await.map(drop)
}

/// Takes the turn for a change of one entry that is committed at once.
///
/// An unsaved increment of the entry is committed first, and nothing else. After a login or
/// renewal, all writes are committed first: the old token must not read the change.
pub(crate) async fn take_turn_for(shared: &Arc<Shared>, key: &str) -> Result<TurnGuard, Error> {
    loop {
        let turn = take_turn(shared).await?;
        if !shared.lock().is_renewing() {
            let mut driver = Driver::new(Arc::clone(shared), Occasion::Save);
            let step = Update::start_increment(&mut driver, key)?;
            driver.settle(step).await.map(drop)?;
        }
        // Checked again: another task may have signed in meanwhile.
        if !shared.lock().is_renewing() {
            return Ok(turn);
        }
        drop(turn);
        save(shared).await?;
    }
}

/// Waits until no other commit of the exchange is running, and blocks others until the guard is
/// dropped.
///
/// Finishes a save that was dropped. If the store refused its writes, the error goes to this
/// caller, since the dropped save could not report it.
pub(crate) async fn take_turn(shared: &Arc<Shared>) -> Result<TurnGuard, Error> {
    let dropped = poll_fn(|context| shared.lock().poll_turn(context)).await;
    let turn = TurnGuard(Arc::clone(shared));
    if let Some(Dropped { question, destroys }) = dropped {
        let judges_itself = matches!(*question, Question::Destroy(..) | Question::Limit(..));
        let driver = Driver { destroys, ..Driver::new(Arc::clone(shared), Occasion::Save) };
        let settled = driver.settle(Step::Ask(question)).await;
        // A later destroy makes the writes obsolete, and must not fail because of them. The end of
        // a session and the principal limit check that themselves.
        let is_wanted = judges_itself || driver.is_wanted(&shared.lock());
        // Writes that the store failed to save are retried together with the newer ones.
        if let Err(error) = settled
            && error.kind() != ErrorKind::StoreUnavailable
            && is_wanted
        {
            return Err(error);
        }
    }
    Ok(turn)
}

impl Driver {
    pub(super) const fn new(shared: Arc<Shared>, occasion: Occasion) -> Self {
        Self { shared, occasion, destroys: 0, turn: None }
    }

    /// Decides what to do and starts the store operation. `None` if another commit is running.
    pub(super) fn begin(&mut self) -> Option<Result<Step, Error>> {
        let mut state = self.shared.lock();
        let is_last = matches!(self.occasion, Occasion::Headers { .. });
        if is_last && (state.headers_sent || !self.shared.is_asked()) {
            state.headers_sent = true;
            return Some(Ok(Step::Done(SessionHeaders::default())));
        }
        if self.turn.is_none() && state.is_busy() {
            return None;
        }
        self.destroys = state.destroys;
        if self.drops_writes() {
            state.drop_writes();
        }
        let outcome = decide(state.facts(is_last, self.shared.creates_nothing));
        state.headers_sent |= is_last;
        // Without other holders of the session, no other commit can run.
        if outcome != Outcome::Keep && self.turn.is_none() && self.is_watched() {
            state.begin_turn();
            self.turn = Some(TurnGuard(Arc::clone(&self.shared)));
        }
        Some(self.execute(outcome, state))
    }

    fn execute(&self, outcome: Outcome, mut state: MutexGuard<'_, State>) -> Result<Step, Error> {
        if !matches!(outcome, Outcome::Touch | Outcome::Commit | Outcome::Create | Outcome::Replace) {
            self.drop_if_last(&mut state);
        }
        match outcome {
            Outcome::Touch | Outcome::Commit => Update::start(self, state, outcome == Outcome::Touch),
            Outcome::Create => Create::start(self, create::first_changes(self, state), 1),
            Outcome::Destroy | Outcome::Replace | Outcome::DestroyOnly => Destroy::start(self, state, outcome),
            Outcome::Interrupted => Err(Error::new(ErrorKind::Gone)),
            Outcome::Blocked(blocked) => Err(blocked.error()),
            Outcome::NotCreated if self.occasion == Occasion::Save => Err(Error::new(ErrorKind::NoSession)),
            Outcome::Keep | Outcome::NotCreated => {
                state.renewal = false;
                Ok(Step::Done(self.headers(&mut state, None)))
            }
            Outcome::TooLate => {
                state.drop_late();
                Err(Error::new(ErrorKind::HeadersSent))
            }
        }
    }

    /// Drops the writes that a response does not store, so that they do not count as unsaved.
    pub(super) fn drop_if_last(&self, state: &mut State) {
        if self.occasion != Occasion::Save {
            state.drop_writes_and_renewal();
        }
    }

    /// Continues after [`begin`](Self::begin), once no other commit is running.
    pub(super) async fn run(&mut self, mut begun: Option<Result<Step, Error>>) -> Result<SessionHeaders, Error> {
        loop {
            if let Some(step) = begun {
                return self.settle(step?).await;
            }
            match take_turn(&self.shared).await {
                Ok(turn) => self.turn = Some(turn),
                // A failed response drops the refused writes too, but not a renewal.
                Err(_) if self.drops_writes() => {}
                // Every response to an `OPTIONS` request drops writes that would begin a session.
                Err(error) if error.kind() == ErrorKind::NoSession && self.occasion != Occasion::Save => {}
                Err(error) => return Err(error),
            }
            begun = self.begin();
        }
    }

    /// Waits for the store's answer, and for the answers to follow-up operations.
    async fn settle(&self, mut step: Step) -> Result<SessionHeaders, Error> {
        let mut asked = Asked { question: None, driver: self };
        loop {
            match step {
                Step::Done(headers) => return Ok(headers),
                Step::Ask(question) => asked.question = Some(question),
            }
            step = poll_fn(|context| {
                // Taken out while polling, so that a store that panics leaves no operation behind.
                let mut question = asked.question.take().expect("a commit ends with the last answer");
                let step = question.poll(self, context);
                if step.is_pending() {
                    asked.question = Some(question);
                }
                step
            })
            .await?;
        }
    }

    /// Converts the result of the response's commit. On failure, the cookie of an earlier save is
    /// still sent.
    pub(super) fn finish(&self, result: Result<SessionHeaders, Error>) -> Result<SessionHeaders, CommitError> {
        result.map_err(|error| {
            let mut state = self.shared.lock();
            state.headers_sent = true;
            let cookie = state.take_cookie();
            let vary = if cookie.is_some() { Vary::ByCookie } else { Vary::No };
            let headers = SessionHeaders { cookie, vary, ..SessionHeaders::of_error(&error) };
            CommitError::new(error, headers)
        })
    }

    pub(super) fn drops_writes(&self) -> bool {
        self.occasion == Occasion::Headers { drops_writes: true }
    }

    /// Returns whether no `destroy` has followed the commit's writes.
    pub(super) const fn is_wanted(&self, state: &State) -> bool {
        self.destroys == state.destroys
    }

    /// Replaces the record below the request's writes while the commit runs.
    ///
    /// Does nothing after a `destroy`: the record may belong to a session that the request has
    /// ended.
    pub(super) fn rebase(&self, base: Option<Record>) {
        let mut state = self.shared.lock();
        if self.is_wanted(&state) {
            state.view.rebase(base);
        }
    }

    /// Shows other holders the record that the commit will store, while the answer is awaited.
    pub(super) fn show(&self, record: impl FnOnce() -> Option<Record>) {
        if self.is_watched() {
            self.rebase(record());
        }
    }

    /// Returns whether the session has other holders, which may read it again.
    pub(super) fn is_watched(&self) -> bool {
        Arc::strong_count(&self.shared) > 1
    }

    /// Returns the response headers; a save keeps the cookie for them instead.
    pub(super) fn headers(&self, state: &mut State, cookie: Option<SetCookie>) -> SessionHeaders {
        let cookie = cookie.or_else(|| state.take_cookie()).filter(|_| !state.by_bearer());
        if self.occasion == Occasion::Save {
            if let Some(cookie) = cookie {
                state.keep_cookie(cookie);
            }
            return SessionHeaders::default();
        }
        let removal = || {
            let is_due = state.transport == Transport::Cookie && state.has_ended();
            is_due.then(|| self.shared.sessions.cookie_form().removal())
        };
        state.headers(&self.shared.sessions, cookie.or_else(removal))
    }

    /// Ends the commit of a destroy without a successor, which may have come too late.
    pub(super) fn ended(&self) -> Result<Step, Error> {
        let mut state = self.shared.lock();
        if self.occasion == Occasion::Save && state.is_too_late() {
            state.drop_late();
            return Err(Error::new(ErrorKind::HeadersSent));
        }
        Ok(Step::Done(self.headers(&mut state, None)))
    }

    /// Ends a commit that was saved. A login is reported, and may end older logins.
    #[inline]
    pub(super) fn saved(&self, id: SessionId, changes: &mut Changes, headers: SessionHeaders) -> Step {
        match changes.take_principal() {
            None => Step::Done(headers),
            Some(principal) => self.signed_in(id, principal, headers),
        }
    }

    #[cold]
    fn signed_in(&self, id: SessionId, principal: Box<str>, headers: SessionHeaders) -> Step {
        // This only counts. Sessions are ended when the step is carried out, after the event.
        let step = limit::start(self, id, &principal, headers);
        self.shared.raise(&Event::SignedIn { id, principal: Principal(principal) });
        step
    }

    /// Ends the commit of a failed touch, which the next commit retries. Only a save reports the
    /// failure.
    #[cold]
    pub(super) fn skip_touch(&self, error: Error) -> Result<Step, Error> {
        let mut state = self.shared.lock();
        if let Some(live) = state.live_mut() {
            live.touch_due = true;
        }
        if self.occasion == Occasion::Save { Err(error) } else { Ok(Step::Done(self.headers(&mut state, None))) }
    }

    /// Gives unsaved writes back to a handler that called `save`, so that it can retry. Returns the
    /// error of the commit.
    ///
    /// A response is the last attempt: it reports its writes, and a destroy before them, as failed.
    pub(super) fn fail(&self, error: Error, writes: Option<Changes>) -> Error {
        let mut state = self.shared.lock();
        if writes.is_some() && !self.is_wanted(&state) {
            return error;
        }
        if self.occasion == Occasion::Save {
            writes.into_iter().for_each(|writes| state.take_back(writes));
        } else {
            state.is_destroy_reported = true;
            drop(state);
            writes.iter().for_each(|writes| self.give_up(writes));
        }
        error
    }

    /// Gives up the writes of a failed commit. A save that follows reports later writes that are
    /// dropped with them; after a response none may follow.
    pub(super) fn give_up(&self, writes: &Changes) {
        let mut state = self.shared.lock();
        let (id, drops) = (state.id(), self.is_wanted(&state) && state.give_up(writes));
        drop(state);
        if drops && self.occasion != Occasion::Save {
            self.shared.sessions.raise_unsaved(id);
        }
    }
}

/// An operation whose answer is awaited.
///
/// If a save is dropped, the next commit of the exchange inherits the operation. If a response is
/// dropped, its client is gone and the operation is dropped too.
struct Asked<'a> {
    /// `None` once the store has answered.
    question: Option<Box<Question>>,
    driver: &'a Driver,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if let (Some(question), Occasion::Save) = (self.question.take(), self.driver.occasion) {
            self.driver.shared.lock().keep_dropped(Dropped { question, destroys: self.driver.destroys });
        }
    }
}

impl Question {
    fn poll(&mut self, driver: &Driver, context: &mut Context<'_>) -> Poll<Result<Step, Error>> {
        Poll::Ready(match self {
            Self::Update(update, answer) => update.conclude(driver, ready!(Pin::new(answer).poll(context))),
            Self::Create(create, answer) => create.conclude(driver, ready!(Pin::new(answer).poll(context))),
            Self::Destroy(destroy, answer) => destroy.conclude(driver, ready!(Pin::new(answer).poll(context))),
            Self::SignIn(sign_in, answer) => sign_in.conclude(driver, ready!(Pin::new(answer).poll(context))),
            Self::Limit(headers, answer) => limit::conclude(driver, headers, ready!(Pin::new(answer).poll(context))),
        })
    }
}
