//! The beginning of a session in its request: from the cookies, through the store, to the handle.

use std::fmt;
use std::future::Future;
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
            Search { rest: candidates, now, found: None }.go_on(&inner)
        };
        Self { inner, progress }
    }
}

impl Future for Load {
    type Output = Result<Session, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            let answer = match &mut this.progress {
                Progress::Done(result) => {
                    let result = result.take().expect("a future is not polled after it was ready");
                    return Poll::Ready(result.map(|()| Session::new(Arc::clone(&this.inner))));
                }
                Progress::Waiting(waiting) => ready!(Pin::new(&mut waiting.2).poll(context)),
            };
            let Progress::Waiting(waiting) = std::mem::replace(&mut this.progress, Progress::Done(None)) else {
                unreachable!("just matched");
            };
            let (mut search, token, _) = *waiting;
            this.progress = match search.judge(&this.inner, token, answer) {
                Some(end) => end,
                None => search.go_on(&this.inner),
            };
        }
    }
}

impl Search {
    /// Looks up what is left of the candidates, as far as the store answers at once.
    fn go_on(mut self, inner: &Inner) -> Progress {
        while let Some(token) = self.rest.next() {
            let mut answer = inner.sessions.store().load(token.id(), self.now);
            let Some(answer) = answer.take_ready() else {
                return Progress::Waiting(Box::new((self, token, answer)));
            };
            if let Some(end) = self.judge(inner, token, answer) {
                return end;
            }
        }
        self.end(inner)
    }

    /// Judges the store's answer about one candidate. `None` to go on with the next.
    fn judge(&mut self, inner: &Inner, token: Token, answer: Result<Option<Record>, StoreError>) -> Option<Progress> {
        let id = token.id();
        let rejected = match answer {
            Ok(Some(record)) if record.id() == id && !record.has_expired(self.now) => {
                let hash = token.secret().hash(id);
                if record.secret_hash() == hash {
                    return self.accept(inner, Live { token, hash }, record);
                }
                RejectReason::WrongSecret
            }
            Ok(_) => RejectReason::Unknown,
            Err(error) if error.kind() == StoreErrorKind::Unreadable => RejectReason::Unreadable,
            Err(error) => return Some(self.outage(inner, error)),
        };
        inner.raise(Event::Rejected { id: Some(id), reason: rejected });
        None
    }

    /// Takes a live session, unless another one was found before: one of the two may have been planted.
    fn accept(&mut self, inner: &Inner, live: Live, record: Record) -> Option<Progress> {
        let other = self.found.as_ref().is_some_and(|(found, _)| found.token.id() != live.token.id());
        if other {
            inner.raise(Event::Rejected { id: None, reason: RejectReason::Ambiguous });
            self.found = None;
            return Some(self.end(inner));
        }
        self.found = Some((live, record));
        None
    }

    fn end(&mut self, inner: &Inner) -> Progress {
        let touch_every = inner.sessions.config().touch_every;
        let touch_due =
            self.found.as_ref().is_some_and(|(_, record)| expiry::touch_is_due(record, self.now, touch_every));
        inner.lock().load(self.rest.carried, self.found.take(), touch_due);
        Progress::Done(Some(Ok(())))
    }

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
