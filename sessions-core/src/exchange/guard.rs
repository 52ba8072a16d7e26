//! Guards for requests that are dropped because the client disconnected or a timeout fired.

use std::pin::Pin;
use std::task::{Context, Poll};

use crate::exchange::Exchange;
use crate::exchange::commit::{Commit, CommitError};
use crate::exchange::response::SessionHeaders;

/// The exchange of a running handler. Dropping the guard early [abandons](Exchange::abandon) it.
///
/// `complete` drives a commit to completion, for example by spawning it on the adapter's runtime.
#[derive(Debug)]
pub struct ExchangeGuard {
    exchange: Option<Exchange>,
    complete: fn(Commit),
}

impl ExchangeGuard {
    /// Guards an exchange; `None` if an outer middleware ends it.
    #[must_use]
    pub const fn new(exchange: Option<Exchange>, complete: fn(Commit)) -> Self {
        Self { exchange, complete }
    }

    /// Returns whether there is nothing to end: an outer middleware ends the exchange, or it was
    /// taken.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.exchange.is_none()
    }

    /// Takes the exchange out once the handler is done.
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

/// A commit that is completed even if it is dropped.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct CommitGuard {
    /// `None` once the commit is done, or if the store panicked.
    commit: Option<Commit>,
    complete: fn(Commit),
}

impl CommitGuard {
    /// Guards a commit; `complete` drives it to completion if it is dropped early.
    pub const fn new(commit: Commit, complete: fn(Commit)) -> Self {
        Self { commit: Some(commit), complete }
    }
}

impl Future for CommitGuard {
    type Output = Result<SessionHeaders, CommitError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // Taken out while polling: if the store panics, dropping the guard must not poll it again,
        // which would be a second panic while unwinding.
        let mut commit = self.commit.take().expect("a future is not polled after it was ready");
        let polled = Pin::new(&mut commit).poll(context);
        if polled.is_pending() {
            self.commit = Some(commit);
        }
        polled
    }
}

impl Drop for CommitGuard {
    fn drop(&mut self) {
        if let Some(commit) = self.commit.take() {
            (self.complete)(commit);
        }
    }
}
