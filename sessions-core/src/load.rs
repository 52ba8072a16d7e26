//! The beginning of a session in its request: from the cookies, through the store, to the handle.

use std::fmt;
use std::future::Future;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::clock::Timestamp;
use crate::config::OutagePolicy;
use crate::cookie::Candidates;
use crate::error::{Error, StoreError, StoreErrorKind};
use crate::event::{Event, RejectReason, StoreCall};
use crate::exchange::Inner;
use crate::expiry;
use crate::record::Record;
use crate::session::Session;
use crate::state::{Live, Stage};
use crate::store::StoreFuture;
use crate::token::Token;

/// Is the loading of a session; see [`Exchange::session`](crate::Exchange::session). Ready at its first poll if there is nothing to
/// load, or if the store never waits.
#[must_use = "futures do nothing unless polled"]
pub struct Load {
    inner: Arc<Inner>,
    progress: Progress,
}

enum Progress {
    /// `None` once the result was taken.
    Done(Option<Result<(), Error>>),
    /// The store answers later. Boxed, so that a load is small where the store answers at once.
    Waiting(Box<(Search, Token, StoreFuture<Option<Record>>)>),
}

/// Is the search for the one live session that the candidates open.
struct Search {
    rest: Candidates,
    now: Timestamp,
    found: Option<(Live, Record)>,
}

impl Load {
    pub(crate) const fn done(inner: Arc<Inner>) -> Self {
        Self { inner, progress: Progress::Done(Some(Ok(()))) }
    }

    pub(crate) fn begin(inner: Arc<Inner>, candidates: Candidates) -> Self {
        if candidates.malformed {
            inner.raise(Event::Rejected { id: None, reason: RejectReason::Malformed });
        }
        let progress = if candidates.is_empty() {
            inner.lock().load(candidates.carried, None, false);
            Progress::Done(Some(Ok(())))
        } else {
            let now = inner.sessions.now();
            Search { rest: candidates, now, found: None }.go_on(&inner, None)
        };
        Self { inner, progress }
    }

    fn poll_store(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Progress::Waiting(waiting) = &mut self.progress else { return Poll::Ready(()) };
        let answer = ready!(Pin::new(&mut waiting.2).poll(context));
        if let Progress::Waiting(waiting) = std::mem::replace(&mut self.progress, Progress::Done(None)) {
            let (search, token, _) = *waiting;
            self.progress = search.go_on(&self.inner, Some((token, answer)));
        }
        Poll::Ready(())
    }
}

impl Future for Load {
    type Output = Result<Session, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            if let Progress::Done(result) = &mut this.progress {
                let result = result.take().expect("a future is not polled after it was ready");
                return Poll::Ready(result.map(|()| Session::new(Arc::clone(&this.inner))));
            }
            ready!(this.poll_store(context));
        }
    }
}

type Answer = Result<Option<Record>, StoreError>;

impl Search {
    /// Judges what the store has answered, then looks up what is left of the candidates, as far as the store answers at once.
    fn go_on(mut self, inner: &Inner, mut answered: Option<(Token, Answer)>) -> Progress {
        loop {
            let (token, answer) = match answered.take() {
                Some(answered) => answered,
                None => {
                    let Some(token) = self.rest.next() else { break };
                    let mut answer = inner.sessions.store().load(token.id(), self.now);
                    match answer.take_ready() {
                        Some(answer) => (token, answer),
                        None => return Progress::Waiting(Box::new((self, token, answer))),
                    }
                }
            };
            match self.judge(inner, token, answer) {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => break,
                Err(error) => return self.outage(inner, error),
            }
        }
        self.end(inner)
    }

    /// Judges the store's answer about one candidate, and says whether the search is over.
    fn judge(&mut self, inner: &Inner, token: Token, answer: Answer) -> Result<ControlFlow<()>, StoreError> {
        let id = token.id();
        let reason = match answer {
            Ok(Some(record)) if record.id() == id && !record.has_expired(self.now) => {
                let hash = token.secret().hash(id);
                if record.secret_hash() == hash {
                    return Ok(self.accept(inner, Live { token, hash }, record));
                }
                RejectReason::WrongSecret
            }
            Ok(_) => RejectReason::Unknown,
            Err(error) if error.kind() == StoreErrorKind::Unreadable => RejectReason::Unreadable,
            Err(error) => return Err(error),
        };
        inner.raise(Event::Rejected { id: Some(id), reason });
        Ok(ControlFlow::Continue(()))
    }

    /// Takes a live session, unless another one was found before: one of the two may have been planted.
    fn accept(&mut self, inner: &Inner, live: Live, record: Record) -> ControlFlow<()> {
        let other = self.found.as_ref().is_some_and(|(found, _)| found.token.id() != live.token.id());
        if other {
            inner.raise(Event::Rejected { id: None, reason: RejectReason::Ambiguous });
            self.found = None;
            return ControlFlow::Break(());
        }
        self.found = Some((live, record));
        ControlFlow::Continue(())
    }

    fn end(self, inner: &Inner) -> Progress {
        let touch_every = inner.sessions.config().touch_every;
        let touch_due =
            self.found.as_ref().is_some_and(|(_, record)| expiry::touch_is_due(record, self.now, touch_every));
        inner.lock().load(self.rest.carried, self.found, touch_due);
        Progress::Done(Some(Ok(())))
    }

    #[cold]
    fn outage(&self, inner: &Inner, error: StoreError) -> Progress {
        inner.raise(Event::StoreFailed { call: StoreCall::Load, kind: error.kind() });
        match inner.sessions.config().outage {
            OutagePolicy::Refuse => Progress::Done(Some(Err(error.into()))),
            OutagePolicy::Anonymous => {
                let mut state = inner.lock();
                state.outage = state.stage == Stage::Waiting;
                state.load(self.rest.carried, None, false);
                Progress::Done(Some(Ok(())))
            }
        }
    }
}

impl fmt::Debug for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Load(..)")
    }
}
