//! What becomes of a request that is dropped: its client hung up, or a timeout layer around ours
//! cut it off.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use sessions_core::{Attach, Commit, Error, Exchange};
use tokio::runtime::Handle;

use crate::error::{SessionError, TARGET};

/// The exchange of a handler that is running. Dropped before the handler is done, it forgets what
/// was written and carries out a destroy.
#[derive(Debug)]
pub(crate) struct Running(Option<Exchange>);

impl Running {
    pub(crate) const fn new(exchange: Exchange) -> Self {
        Self(Some(exchange))
    }

    /// Takes the exchange out, once the handler is done.
    pub(crate) const fn take(&mut self) -> Option<Exchange> {
        self.0.take()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(exchange) = self.0.take() {
            abandon(&exchange);
        }
    }
}

#[cold]
fn abandon(exchange: &Exchange) {
    if let Some(commit) = exchange.abandon() {
        complete(commit);
    }
}

/// A commit that is driven to its end even where it is dropped before.
#[derive(Debug)]
pub(crate) struct Completing(Option<Commit>);

impl Completing {
    pub(crate) const fn new(commit: Commit) -> Self {
        Self(Some(commit))
    }
}

impl Future for Completing {
    type Output = Result<Attach, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let commit = self.0.as_mut().expect("a future is not polled after it was ready");
        let committed = ready!(Pin::new(commit).poll(context));
        self.0 = None;
        Poll::Ready(committed)
    }
}

impl Drop for Completing {
    fn drop(&mut self) {
        if let Some(commit) = self.0.take() {
            complete(commit);
        }
    }
}

/// Drives a commit to its end, of which nobody is left to be told but the log.
fn complete(mut commit: Commit) {
    match Pin::new(&mut commit).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(committed) => log(committed),
        Poll::Pending => spawn(commit),
    }
}

fn spawn(commit: Commit) {
    match Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn(async { log(commit.await) })),
        Err(_) => tracing::warn!(
            target: TARGET,
            "the commit of a dropped request was given up, since there is no tokio runtime that could wait for the store"
        ),
    }
}

fn log(committed: Result<Attach, Error>) {
    if let Err(error) = committed {
        SessionError::from(error).log();
    }
}
