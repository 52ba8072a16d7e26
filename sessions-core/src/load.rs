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
use crate::id::SessionId;
use crate::record::Record;
use crate::session::Session;
use crate::state::{Live, Loaded};
use crate::store::StoreFuture;
use crate::token::Token;

/// Is the loading of a session; see [`Exchange::session`](crate::Exchange::session). Ready at its first poll if there is nothing to
/// load, or if the store never waits.
#[must_use = "futures do nothing unless polled"]
pub struct Load(Progress);

enum Progress {
    /// `None` once the result was taken.
    Done(Option<Result<Session, Error>>),
    /// The store answers later. Boxed, so that a load is small where the store answers at once.
    Waiting(Box<Waiting>),
}

struct Waiting {
    inner: Arc<Inner>,
    /// Holds the candidates that were not looked up yet.
    rest: Candidates,
    search: Search,
    question: Question,
}

/// Is the search for the one live session that the candidates open.
struct Search {
    now: Timestamp,
    loaded: Loaded,
}

/// Is what the store was asked about a candidate, and has not answered yet.
struct Question {
    token: Token,
    answer: StoreFuture<Option<Record>>,
}

impl Load {
    pub(crate) const fn done(inner: Arc<Inner>) -> Self {
        Self(Progress::Done(Some(Ok(Session::new(inner)))))
    }

    /// Begins with the candidates in the request's cookies. What is left of them is moved only if the store is to be waited for.
    pub(crate) fn begin(inner: Arc<Inner>, candidates: &mut Candidates) -> Self {
        if candidates.malformed {
            reject(&inner, None, RejectReason::Malformed);
        }
        let nothing = || Loaded { carried: candidates.carried, ..Loaded::default() };
        if candidates.is_empty() {
            inner.load(&mut nothing());
            return Self::done(inner);
        }
        let mut search = Search { now: inner.sessions.now(), loaded: nothing() };
        match search.go_on(&inner, candidates, None) {
            Ok(None) => Self::done(inner),
            Ok(Some(question)) => {
                let rest = std::mem::take(candidates);
                Self(Progress::Waiting(Box::new(Waiting { inner, rest, search, question })))
            }
            Err(error) => Self(Progress::Done(Some(Err(error)))),
        }
    }

    // Out of line, so that a poll is short where the store answers at once.
    #[inline(never)]
    fn poll_store(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Progress::Waiting(waiting) = &mut self.0 else { return Poll::Ready(()) };
        let Waiting { inner, rest, search, question } = &mut **waiting;
        let answer = ready!(Pin::new(&mut question.answer).poll(context));
        match search.go_on(inner, rest, Some((question.token.clone(), answer))) {
            Ok(Some(next)) => *question = next,
            Ok(None) => *self = Self::done(Arc::clone(inner)),
            Err(error) => self.0 = Progress::Done(Some(Err(error))),
        }
        Poll::Ready(())
    }
}

impl Future for Load {
    type Output = Result<Session, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            if let Progress::Done(result) = &mut self.0 {
                return Poll::Ready(result.take().expect("a future is not polled after it was ready"));
            }
            ready!(self.poll_store(context));
        }
    }
}

type Answer = Result<Option<Record>, StoreError>;

impl Search {
    /// Judges the store's answer, if there is one, then looks up the candidates that are left. Returns what is to be waited for, if the
    /// store does not answer at once.
    fn go_on(
        &mut self,
        inner: &Inner,
        rest: &mut Candidates,
        mut answered: Option<(Token, Answer)>,
    ) -> Result<Option<Question>, Error> {
        loop {
            let (token, answer) = match answered.take() {
                Some(answered) => answered,
                None => {
                    let Some(token) = rest.next() else { break };
                    match inner.sessions.store().load(token.id(), self.now).into_ready() {
                        Ok(answer) => (token, answer),
                        Err(answer) => return Ok(Some(Question { token, answer })),
                    }
                }
            };
            match self.judge(inner, token, answer) {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => break,
                Err(error) => return self.outage(inner, error),
            }
        }
        self.end(inner);
        Ok(None)
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
        reject(inner, Some(id), reason);
        Ok(ControlFlow::Continue(()))
    }

    /// Takes a live session, unless another one was found before: one of the two may have been planted.
    fn accept(&mut self, inner: &Inner, live: Live, record: Record) -> ControlFlow<()> {
        let other = self.loaded.found.as_ref().is_some_and(|(found, _)| found.token.id() != live.token.id());
        if other {
            reject(inner, None, RejectReason::Ambiguous);
            self.loaded.found = None;
            return ControlFlow::Break(());
        }
        self.loaded.found = Some((live, record));
        ControlFlow::Continue(())
    }

    fn end(&mut self, inner: &Inner) {
        if let Some((_, record)) = &self.loaded.found {
            self.loaded.touch_due = expiry::touch_is_due(record, self.now, inner.sessions.config().touch_every_millis);
        }
        inner.load(&mut self.loaded);
    }

    #[cold]
    fn outage(&mut self, inner: &Inner, error: StoreError) -> Result<Option<Question>, Error> {
        inner.raise(Event::StoreFailed { call: StoreCall::Load, kind: error.kind() });
        match inner.sessions.config().outage {
            OutagePolicy::Refuse => Err(error.into()),
            OutagePolicy::Anonymous => {
                (self.loaded.outage, self.loaded.found) = (true, None);
                inner.load(&mut self.loaded);
                Ok(None)
            }
        }
    }
}

#[cold]
fn reject(inner: &Inner, id: Option<SessionId>, reason: RejectReason) {
    inner.raise(Event::Rejected { id, reason });
}

impl fmt::Debug for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Load(..)")
    }
}
