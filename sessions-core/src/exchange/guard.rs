//! What happens to a request that is dropped: its client hung up, or a timeout cut it off.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::exchange::Exchange;
use crate::exchange::commit::{Commit, CommitError};
use crate::exchange::response::SessionHeaders;

/// The exchange of a handler that is running. If it is dropped before the handler is done, it
/// [abandons](Exchange::abandon) its exchange.
///
/// `complete` drives a commit to its end: an adapter has its runtime do so.
#[derive(Debug)]
pub struct ExchangeGuard {
    exchange: Option<Exchange>,
    complete: fn(Commit),
}

impl ExchangeGuard {
    /// Guards an exchange, `None` for one that a middleware further out ends.
    #[must_use]
    pub const fn new(exchange: Option<Exchange>, complete: fn(Commit)) -> Self {
        Self { exchange, complete }
    }

    /// Returns whether there is nothing to end: a middleware further out does, or it was taken.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.exchange.is_none()
    }

    /// Takes the exchange out, once the handler is done.
    pub const fn take(&mut self) -> Option<Exchange> {
        self.exchange.take()
    }
}

impl Drop for ExchangeGuard {
    fn drop(&mut self) {
        if let Some(commit) = self.exchange.take().and_then(|exchange| exchange.abandon()) {
            (self.complete)(commit);
        }
    }
}

/// A commit that goes to its end also if it is dropped.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct CommitGuard {
    /// `None` once the commit is done.
    commit: Option<Commit>,
    complete: fn(Commit),
}

impl CommitGuard {
    /// Guards a commit; `complete` drives it to its end if it is dropped before.
    pub const fn new(commit: Commit, complete: fn(Commit)) -> Self {
        Self { commit: Some(commit), complete }
    }
}

impl Future for CommitGuard {
    type Output = Result<SessionHeaders, CommitError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let commit = self.commit.as_mut().expect("a future is not polled after it was ready");
        let result = ready!(Pin::new(commit).poll(context));
        self.commit = None;
        Poll::Ready(result)
    }
}

impl Drop for CommitGuard {
    fn drop(&mut self) {
        if let Some(commit) = self.commit.take() {
            (self.complete)(commit);
        }
    }
}
