//! The beginning of a session in its request: from the cookies, through the store, to the handle.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::cookie::{Candidate, Candidates};
use crate::error::{Error, StoreError, StoreErrorKind};
use crate::exchange::Inner;
use crate::exchange::outcome::Blocked;
use crate::exchange::state::{Live, Loaded};
use crate::id::SessionId;
use crate::manager::OutagePolicy;
use crate::manager::expiry;
use crate::manager::{Event, RejectReason, StoreCall, TARGET};
use crate::platform::Timestamp;
use crate::record::Record;
use crate::session::Session;
use crate::store::StoreFuture;

/// Is the loading of a session; see [`Exchange::session`](crate::Exchange::session). Ready at its
/// first poll if there is nothing to load, or if the store never waits.
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
    /// The candidates that were not looked up yet.
    rest: Candidates,
    search: Search,
    question: Question,
}

/// The search for the one live session that the candidates open.
struct Search {
    now: Timestamp,
    loaded: Loaded,
}

/// What the store was asked about a candidate, and has not answered yet.
struct Question {
    candidate: Candidate,
    answer: StoreFuture<Option<Record>>,
}

impl Load {
    pub(crate) const fn done(inner: Arc<Inner>) -> Self {
        Self(Progress::Done(Some(Ok(Session::new(inner)))))
    }

    /// Begins with the candidates in the request's cookies. What is left of them is moved only if
    /// the store is to be waited for.
    pub(crate) fn begin(inner: Arc<Inner>, candidates: &mut Candidates) -> Self {
        if candidates.malformed {
            reject(&inner, None, RejectReason::Malformed);
        }
        let Candidates { carried, by_plain_http, .. } = *candidates;
        let nothing = || Loaded { carried, by_plain_http, ..Loaded::default() };
        if candidates.exceeded {
            reject(&inner, None, RejectReason::TooMany);
            inner.load(&mut Loaded { blocked: Some(Blocked::TooManyTokens), ..nothing() });
            return Self::done(inner);
        }
        if candidates.is_empty() {
            note_absence(&inner, candidates);
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
        match search.go_on(inner, rest, Some((question.candidate.clone(), answer))) {
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
    /// Judges the store's answer, if there is one, then looks up the candidates that are left.
    /// Returns what is to be waited for, if the store does not answer at once.
    fn go_on(
        &mut self,
        inner: &Inner,
        rest: &mut Candidates,
        mut answered: Option<(Candidate, Answer)>,
    ) -> Result<Option<Question>, Error> {
        loop {
            let (candidate, answer) = match answered.take() {
                Some(answered) => answered,
                None => {
                    let Some(candidate) = rest.next() else { break };
                    match inner.sessions.store().load(candidate.token.id(), self.now).into_ready() {
                        Ok(answer) => (candidate, answer),
                        Err(answer) => return Ok(Some(Question { candidate, answer })),
                    }
                }
            };
            if let Err(error) = self.judge(inner, candidate, answer) {
                return self.outage(inner, error);
            }
        }
        self.end(inner);
        Ok(None)
    }

    /// Judges the store's answer about one candidate.
    fn judge(&mut self, inner: &Inner, candidate: Candidate, answer: Answer) -> Result<(), StoreError> {
        let Candidate { token, is_stale } = candidate;
        let id = token.id();
        let reason = match answer {
            Ok(Some(record)) if record.id() == id && record.is_live(self.now) => {
                let hash = token.secret().hash(id);
                if record.secret_hash() == hash {
                    self.accept(inner, Live { token, hash }, record, is_stale);
                    return Ok(());
                }
                RejectReason::WrongSecret
            }
            Ok(Some(record)) if record.id() == id => RejectReason::Expired,
            Ok(_) => RejectReason::Unknown,
            Err(error) if error.kind() == StoreErrorKind::Unreadable => RejectReason::Unreadable,
            Err(error) if error.kind() == StoreErrorKind::NewerFormat => {
                self.loaded.blocked = Some(Blocked::NewerFormat);
                RejectReason::NewerFormat
            }
            Err(error) => return Err(error),
        };
        reject(inner, Some(id), reason);
        Ok(())
    }

    /// Takes a live session. Where the request proves two, one of them may have been planted, so it
    /// reads neither.
    fn accept(&mut self, inner: &Inner, live: Live, record: Record, is_stale: bool) {
        let loaded = &mut self.loaded;
        if loaded.found.is_some() || !loaded.ambiguous.is_empty() {
            return self.accept_another(inner, live.token.id());
        }
        loaded.is_stale = is_stale;
        loaded.found = Some((live, record));
    }

    #[cold]
    fn accept_another(&mut self, inner: &Inner, id: SessionId) {
        if let Some((first, _)) = self.loaded.found.take() {
            reject(inner, None, RejectReason::Ambiguous);
            self.loaded.ambiguous.push(first.token.id());
        }
        self.loaded.ambiguous.push(id);
    }

    fn end(&mut self, inner: &Inner) {
        let loaded = &mut self.loaded;
        if loaded.blocked.is_some() {
            loaded.found = None;
            loaded.ambiguous.clear();
        }
        if let Some((_, record)) = &loaded.found {
            let interval = inner.sessions.config().touch_every_millis;
            loaded.touch_due = loaded.is_stale || expiry::touch_is_due(record, self.now, interval);
        }
        inner.load(loaded);
    }

    #[cold]
    fn outage(&mut self, inner: &Inner, error: StoreError) -> Result<Option<Question>, Error> {
        inner.raise(&Event::StoreFailed { call: StoreCall::Load, kind: error.kind() });
        match inner.sessions.config().outage {
            OutagePolicy::Refuse => Err(error.into()),
            OutagePolicy::Anonymous => {
                self.loaded.blocked = Some(Blocked::Outage);
                self.end(inner);
                Ok(None)
            }
        }
    }
}

/// Logs why a request has no session, where that is no event.
fn note_absence(inner: &Inner, candidates: &Candidates) {
    if !candidates.carried {
        let reason = if candidates.has_foreign { "cookies of other names" } else { "no cookie" };
        tracing::trace!(target: TARGET, cookie = inner.sessions.cookie_name(), reason, "request without a session");
    }
}

#[cold]
fn reject(inner: &Inner, id: Option<SessionId>, reason: RejectReason) {
    inner.raise(&Event::Rejected { id, reason });
}

impl fmt::Debug for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Load(..)")
    }
}
