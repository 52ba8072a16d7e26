//! The end of a request: from its outcome, through the store, to what the response's head must carry.

mod apply;
mod create;
mod destroy;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use apply::Apply;
use create::Create;
use destroy::Destroy;
use parking_lot::MutexGuard;

use crate::attach::Attach;
use crate::changes::Changes;
use crate::cookie::SetCookie;
use crate::error::{Error, ErrorKind, StoreError};
use crate::event::{Event, StoreCall};
use crate::exchange::Inner;
use crate::outcome::{Outcome, decide};
use crate::state::State;
use crate::store::{Committed, Created, StoreFuture};

/// Is the commit of one request; see [`Exchange::commit`](crate::Exchange::commit).
///
/// # Errors
///
/// The future gives an error if what the handler did could not be saved. The handler's response must then not be sent: the client is
/// told the error's [`status`](Error::status), and its cookie is left alone. Where a session had ended meanwhile
/// ([`Gone`](ErrorKind::Gone)), the browser may already hold the cookie of a newer login, which a removal would delete. What the
/// error's response must carry all the same is in [`take_attach`](Error::take_attach).
#[must_use = "nothing is saved unless this is awaited"]
pub struct Commit {
    ending: Ending,
    progress: Progress,
}

/// Is the exchange that ends, and how.
#[derive(Clone)]
struct Ending {
    inner: Arc<Inner>,
    mode: Mode,
}

/// Says on which occasion is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The response's head is about to leave; `failed` if it tells of a failure of the server.
    Head { failed: bool },
    /// The handler asked for it, and goes on.
    Save,
}

enum Progress {
    /// `None` once the result was taken.
    Done(Option<Result<Attach, Error>>),
    /// The store answers later. Boxed, so that a commit is small where the store answers at once.
    Waiting(Box<Waiting>),
}

enum Waiting {
    Apply(Apply, StoreFuture<Committed>),
    Create(Create, StoreFuture<Created>),
    Destroy(Destroy, StoreFuture<bool>),
}

impl Commit {
    pub(crate) fn begin(inner: Arc<Inner>, mode: Mode) -> Self {
        let ending = Ending { inner, mode };
        let progress = ending.begin().unwrap_or_else(|error| ending.failed(error));
        Self { ending, progress }
    }

    // Out of line, so that a poll is short where the store answers at once.
    #[inline(never)]
    fn poll_store(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Progress::Waiting(waiting) = &mut self.progress else { return Poll::Ready(()) };
        let answer = ready!(waiting.poll(context));
        if let Progress::Waiting(waiting) = std::mem::replace(&mut self.progress, Progress::Done(None)) {
            let ending = &self.ending;
            self.progress = waiting.conclude(ending, answer).unwrap_or_else(|error| ending.failed(error));
        }
        Poll::Ready(())
    }
}

impl Future for Commit {
    type Output = Result<Attach, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            if let Progress::Done(result) = &mut self.progress {
                return Poll::Ready(result.take().expect("a future is not polled after it was ready"));
            }
            ready!(self.poll_store(context));
        }
    }
}

/// Is what the store answered to a [`Waiting`].
enum Answer {
    Applied(Result<Committed, StoreError>),
    Created(Result<Created, StoreError>),
    Destroyed(Result<bool, StoreError>),
}

impl Waiting {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Answer> {
        match self {
            Self::Apply(_, answer) => Pin::new(answer).poll(context).map(Answer::Applied),
            Self::Create(_, answer) => Pin::new(answer).poll(context).map(Answer::Created),
            Self::Destroy(_, answer) => Pin::new(answer).poll(context).map(Answer::Destroyed),
        }
    }

    fn conclude(self, ending: &Ending, answer: Answer) -> Result<Progress, Error> {
        match (self, answer) {
            (Self::Apply(mut apply, _), Answer::Applied(answer)) => apply.conclude(ending, answer),
            (Self::Create(mut create, _), Answer::Created(answer)) => create.conclude(ending, answer),
            (Self::Destroy(destroy, _), Answer::Destroyed(answer)) => destroy.conclude(ending, answer),
            _ => unreachable!("poll answers in kind"),
        }
    }
}

impl Progress {
    const fn done(attach: Attach) -> Self {
        Self::Done(Some(Ok(attach)))
    }
}

impl Ending {
    fn begin(&self) -> Result<Progress, Error> {
        let mut state = self.inner.lock();
        if let Mode::Head { failed } = self.mode {
            if state.finished || !self.inner.is_loaded() {
                return Ok(Progress::done(Attach::default()));
            }
            if failed {
                state.drop_request_data();
            }
        }
        let outcome = decide(state.facts());
        if self.mode != Mode::Save {
            state.finished = true;
        }
        self.execute(outcome, state)
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
            Outcome::Unavailable => Err(Error::new(ErrorKind::StoreUnavailable)),
            Outcome::TooLate => Err(Error::new(ErrorKind::AlreadyCommitted)),
        }
    }

    /// Says whether anybody but this commit has the session, and may look at it again.
    fn is_watched(&self) -> bool {
        Arc::strong_count(&self.inner) > 1
    }

    /// Says what the response's head must carry, or keeps the cookie for it if the head is yet to come.
    fn finish(&self, state: &mut State, cookie: Option<SetCookie>) -> Attach {
        let cookie = cookie.or_else(|| state.cookie.take());
        if self.mode == Mode::Save {
            state.cookie = cookie;
            return Attach::default();
        }
        let has_ended = state.destroyed && state.live.is_none();
        let removal = || (state.carried && has_ended).then(|| self.inner.sessions.removal_cookie());
        Attach { cookie: cookie.or_else(removal), vary: true }
    }

    /// Ends without success. The cookie of a save that came before still belongs to the client.
    fn failed(&self, error: Error) -> Progress {
        let cookie = if self.mode == Mode::Save { None } else { self.inner.lock().cookie.take() };
        Progress::Done(Some(Err(match cookie {
            Some(_) => error.with_attach(Attach { cookie, vary: true }),
            None => error,
        })))
    }

    fn finished(&self, cookie: Option<SetCookie>) -> Progress {
        Progress::done(self.finish(&mut self.inner.lock(), cookie))
    }

    /// Tells that the store failed, and gives the writes back to a handler that asked for a save, so that it may try again.
    fn store_failed(&self, call: StoreCall, error: StoreError, changes: Option<Changes>) -> Error {
        self.inner.raise(Event::StoreFailed { call, kind: error.kind() });
        let mut state = self.inner.lock();
        match (self.mode, changes) {
            (Mode::Save, Some(changes)) => state.take_back(changes),
            (Mode::Save, None) => {}
            (Mode::Head { .. }, _) => state.doomed = None,
        }
        error.into()
    }
}

impl fmt::Debug for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commit").field("mode", &self.ending.mode).finish_non_exhaustive()
    }
}
